//! Where the files of a proxy go, for all commands that write them.

use super::{Failure, Stop};
use clap::Args;
use headgate::render::{self, RenderOptions};
use headgate::{Compiled, deploy};
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// Held by whoever writes to a folder: two at once would leave the files of neither.
const LOCK: &str = ".headgate.lock";

#[derive(Debug, Args)]
pub(super) struct Place {
    /// Folder to write to.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// headgate.wasm as Envoy will see it.
    #[arg(long, value_name = "PATH")]
    wasm: PathBuf,
    /// The folder as Envoy will see it, if that is not DIR: inside a container, for example.
    #[arg(long, value_name = "PREFIX")]
    root: Option<PathBuf>,
    /// Go on where the proxy cannot take up the change by itself; it is restarted afterwards.
    #[arg(long)]
    restart: bool,
}

/// Files for a place, which nobody else writes to meanwhile.
#[derive(Debug)]
pub(super) struct Rendering<'a> {
    place: &'a Place,
    files: Vec<(PathBuf, String)>,
    _lock: fs::File,
}

impl Place {
    /// The `headgate render` command that writes the same files of a policy, for a shell.
    pub(super) fn render_command(&self, policy: &Path) -> String {
        let mut words = vec!["headgate".into(), "render".into(), "envoy".into(), shell_word(policy)];
        words.extend(["--out".into(), shell_word(&self.out), "--wasm".into(), shell_word(&self.wasm)]);
        if let Some(root) = &self.root {
            words.extend(["--root".into(), shell_word(root)]);
        }
        words.extend(self.restart.then(|| "--restart".into()));
        words.join(" ")
    }

    /// Renders a policy and waits for its turn at the folder. Nothing is written yet.
    pub(super) fn render(&self, compiled: &Compiled) -> Result<Rendering<'_>, Failure> {
        let root = absolute(self.root.as_deref().unwrap_or(&self.out))?;
        let files = render::envoy(compiled, &RenderOptions { root, wasm: absolute(&self.wasm)? });
        let rendering = Rendering { place: self, files, _lock: lock(&self.out)? };
        match deploy::needs_restart(&self.out, &rendering.files).filter(|_| !self.restart) {
            Some(reason) => Err(format!(
                "{reason}, which a running proxy cannot take up. Nothing was changed. Go on with --restart and restart the proxy.\n"
            )),
            None => Ok(rendering),
        }
    }
}

impl Rendering<'_> {
    /// Whether anything differs from what stands there.
    pub(super) fn is_new(&self) -> bool {
        let stands = |(path, content): &(PathBuf, String)| {
            fs::read(self.place.out.join(path)).is_ok_and(|current| current == content.as_bytes())
        };
        !self.files.iter().all(stands)
    }

    /// Puts the files in place, in the order in which a running proxy can take them up.
    pub(super) fn write(&self) -> Result<(), Failure> {
        deploy::roll_out(&self.place.out, &self.files)
            .map_err(|error| format!("{error}. See that the folder can be written.\n"))
    }
}

/// What a folder that cannot be written says is said before anything is changed elsewhere.
fn lock(folder: &Path) -> Result<fs::File, Failure> {
    let path = folder.join(LOCK);
    let failed = |error: std::io::Error| {
        format!("{}: {error}. Nothing was changed. --out has to name a folder that can be written.\n", path.display())
    };
    fs::create_dir_all(folder).map_err(failed)?;
    let file = fs::File::options().create(true).append(true).open(&path).map_err(failed)?;
    if file.try_lock().is_err() {
        // For people; a closed standard error stops nothing.
        let _ = writeln!(std::io::stderr(), "waiting for another headgate that writes to {}", folder.display());
        file.lock().map_err(failed)?;
    }
    Ok(file)
}

/// A path as one word of a shell.
fn shell_word(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_alphanumeric() || "/._-+=:,@%".contains(c);
    if !text.is_empty() && text.chars().all(plain) { text } else { format!("'{}'", text.replace('\'', "'\\''")) }
}

fn absolute(path: &Path) -> Result<PathBuf, Failure> {
    std::path::absolute(path).map_err(|error| format!("{}: {error}\n", path.display()))
}

/// Files could not be written after the collector had taken the policy.
pub(super) fn not_in_place(revision: i64, reason: &str) -> Stop {
    Stop {
        text: format!(
            "Revision {revision} is in force at the collector, but its files are not all in place here: {reason}\
             The proxies go on with what they run. Mend that and run the same command again: it goes on where it stopped.\n"
        ),
        code: super::FILES,
    }
}
