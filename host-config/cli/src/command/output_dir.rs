//! The folder of a proxy's files, for all commands that write them.

use super::host::Host;
use crate::deploy;
use crate::exit::{Failure, Stop};
use clap::Args;
use headgate_config::Compiled;
use headgate_config::render::{self, Module, RenderOptions};
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// Lock of a folder: two commands at once would mix their files.
const LOCK: &str = ".headgate.lock";

/// The filter: one of two.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct ModuleFile {
    /// Path of headgate.wasm as the proxy sees it.
    #[arg(long, value_name = "PATH")]
    wasm: Option<PathBuf>,
    /// Path of the native module as Envoy sees it, instead of --wasm: a preview, for an Envoy 1.40 of your own. Its file name must have its
    /// version, since Envoy never loads a path twice.
    #[arg(long, value_name = "PATH")]
    native: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct OutputDir {
    /// Folder to write to.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    #[command(flatten)]
    module: ModuleFile,
    /// The folder as Envoy sees it, if that is not DIR, as in a container.
    #[arg(long, value_name = "PREFIX")]
    root: Option<PathBuf>,
    /// Write changes that a running proxy cannot take up; restart the proxy afterwards.
    #[arg(long)]
    restart: bool,
}

/// Files for a locked folder.
#[derive(Debug)]
pub(super) struct Rendering<'a> {
    dir: &'a OutputDir,
    files: Vec<(PathBuf, String)>,
    _lock: fs::File,
}

impl OutputDir {
    /// Returns the `headgate render` command that writes the same files of a policy, for a shell.
    pub(super) fn render_command(&self, host: Host, policy: &Path) -> String {
        let name = if host == Host::Apisix { "apisix" } else { "envoy" };
        let mut words = vec!["headgate".into(), "render".into(), name.into(), shell_word(policy)];
        words.extend(["--out".into(), shell_word(&self.out)]);
        let ModuleFile { wasm, native } = &self.module;
        for (option, file) in [("--wasm", wasm), ("--native", native)] {
            words.extend(file.iter().flat_map(|file| [option.into(), shell_word(file)]));
        }
        if host == Host::Apisix {
            return words.join(" ");
        }
        if let Some(root) = &self.root {
            words.extend(["--root".into(), shell_word(root)]);
        }
        words.extend(self.restart.then(|| "--restart".into()));
        words.join(" ")
    }

    /// Renders a policy and locks the folder. Writes nothing yet.
    pub(super) fn render(&self, compiled: &Compiled) -> Result<Rendering<'_>, Failure> {
        if let Some(reason) = compiled.needs_own_envoy() {
            return Err(format!(
                "{reason}: this policy is for an Envoy that you configure. Use `headgate render envoy --fragments`, which writes the parts for it.\n"
            ));
        }
        self.rendering(render::envoy(compiled, &self.options(compiled)?))
    }

    /// Renders a policy for this proxy, and locks the folder. Writes nothing yet.
    pub(super) fn render_for(&self, host: Host, compiled: &Compiled) -> Result<Rendering<'_>, Failure> {
        match host {
            Host::Envoy => self.render(compiled),
            Host::Apisix => match &self.module.wasm {
                Some(wasm) => self.rendering(render::apisix(compiled, wasm)),
                None => Err("APISIX runs headgate.wasm alone: use --wasm.\n".to_owned()),
            },
        }
    }

    /// Renders the parts of a policy for another configuration, and locks the folder. Writes nothing yet.
    pub(super) fn render_fragments(&self, compiled: &Compiled) -> Result<Rendering<'_>, Failure> {
        self.rendering(render::fragments(compiled, &self.options(compiled)?))
    }

    fn options(&self, compiled: &Compiled) -> Result<RenderOptions, Failure> {
        let root = absolute(self.root.as_deref().unwrap_or(&self.out))?;
        let module = match (&self.module.wasm, &self.module.native) {
            (_, Some(native)) => Module::Native(super::native::rendered(native, compiled)?),
            (wasm, None) => Module::Wasm(absolute(wasm.as_deref().unwrap_or(Path::new("")))?),
        };
        Ok(RenderOptions { root, module })
    }

    fn rendering(&self, files: Vec<(PathBuf, String)>) -> Result<Rendering<'_>, Failure> {
        let rendering = Rendering { dir: self, files, _lock: lock(&self.out)? };
        match deploy::needs_restart(&self.out, &rendering.files).filter(|_| !self.restart) {
            Some(reason) => Err(format!(
                "{reason}, which a running proxy cannot take up. Nothing was changed. Use --restart, and restart the proxy afterwards.\n"
            )),
            None => Ok(rendering),
        }
    }
}

impl Rendering<'_> {
    /// Returns whether any file differs from the one in place.
    pub(super) fn is_new(&self) -> bool {
        let stands = |(path, content): &(PathBuf, String)| {
            fs::read(self.dir.out.join(path)).is_ok_and(|current| current == content.as_bytes())
        };
        !self.files.iter().all(stands)
    }

    /// Puts the files in place, in the order in which a running proxy can take them up.
    pub(super) fn write(&self) -> Result<(), Failure> {
        deploy::roll_out(&self.dir.out, &self.files)
            .map_err(|error| format!("{error}. Check that the folder can be written.\n"))
    }
}

/// Locks the folder, so that a folder that cannot be written fails before anything is changed elsewhere.
fn lock(folder: &Path) -> Result<fs::File, Failure> {
    let path = folder.join(LOCK);
    let failed = |error: std::io::Error| {
        format!("{}: {error}. Nothing was changed. --out must be a folder that can be written.\n", path.display())
    };
    fs::create_dir_all(folder).map_err(failed)?;
    let file = fs::File::options().create(true).append(true).open(&path).map_err(failed)?;
    if file.try_lock().is_err() {
        // A message for people: a closed standard error does not matter.
        let _ = writeln!(std::io::stderr(), "waiting for another headgate that writes to {}", folder.display());
        file.lock().map_err(failed)?;
    }
    Ok(file)
}

/// Returns a path as one word of a shell.
fn shell_word(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_alphanumeric() || "/._-+=:,@%".contains(c);
    if !text.is_empty() && text.chars().all(plain) { text } else { format!("'{}'", text.replace('\'', "'\\''")) }
}

fn absolute(path: &Path) -> Result<PathBuf, Failure> {
    std::path::absolute(path).map_err(|error| format!("{}: {error}\n", path.display()))
}

/// Returns the error for files that could not be written after the collector accepted the policy.
pub(super) fn not_in_place(revision: i64, reason: &str) -> Stop {
    Stop {
        text: format!(
            "Revision {revision} is in force at the collector, but its files are not all in place here: {reason}\
             The proxies continue with their old policy. Fix this and run the same command again.\n"
        ),
        code: crate::exit::FILES,
    }
}
