//! `headgate apply` and `headgate diff`.
//!
//! The collector comes first, then the files, then the wait. The collector compares the base of the change with the
//! revision in force, so one of two concurrent operators is refused before anything is written; and no record can name a
//! revision that the collector does not know. If the files cannot be written afterwards, proxies continue with their
//! policy. Running the same command again finds its text in force already and continues from there.
//!
//! The base revision of the file is kept beside it, in FILE.revision, and belongs under version control with it. To ask
//! the collector at the last moment instead would overwrite changes that others applied since the file was edited.

use super::collector::{Answer, Body, Client, Connection, Justification, Outcome, Revision};
use super::host::Host;
use super::output_dir::{OutputDir, Rendering, not_in_place};
use super::wait::Wait;
use crate::deploy;
use crate::exit::{CONFLICT, Failure, Stop};
use crate::output::{print, say};
use crate::policy_file::{compiled, source, warn};
use clap::Args;
use headgate_config::Compiled;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

pub(super) const AFTER_HELP: &str = "\
In this order: the file is checked; the collector puts it in force, unless another revision is in force than the file was
made from; the proxy's files are written; the command waits until all workers of every data plane use it. Running it again
does only the steps that are left.

The revision that the file was made from is read from FILE.revision, which apply writes: keep it with the file. If another
revision is in force by now, nothing is changed, and its author and its changes are shown.

Exit codes: 0 in force everywhere; 1 refused, or the collector does not answer; 2 invalid arguments; 3 in force, but not
confirmed by every data plane within --wait; 4 another revision is in force, nothing changed; 5 in force at the collector,
but the files could not be written. After any of these the same command can be run again.";

pub(super) const AFTER_DIFF: &str = "\
Prints a line for each change, sorted by resource: + is created, - is deleted, ~ is updated, with the old and the new
value. Secrets are masked. The last line counts the changes.

Exit codes: 0 shown, with or without changes; 1 the file has errors, or the collector refused or does not answer; 2 invalid
arguments; 4 another revision is in force than the file was made from.";

#[derive(Debug, Args)]
pub(crate) struct Apply {
    #[command(flatten)]
    from: Source,
    #[command(flatten)]
    output: OutputDir,
    /// The proxy whose files are written.
    #[arg(long, value_enum, default_value = "envoy")]
    host: Host,
    #[command(flatten)]
    wait: Wait,
    #[command(flatten)]
    justification: Justification,
    /// Only show the changes, as `headgate diff` does.
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Diff {
    #[command(flatten)]
    from: Source,
    /// Print the collector's answer as JSON; `changes` has the first 1000 changes, `total` and `counts` count all.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Source {
    /// The gateway.yaml.
    file: PathBuf,
    #[command(flatten)]
    connection: Connection,
    /// Number of the revision that the file was made from, instead of the one in FILE.revision; 0 for none.
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(i64).range(0..))]
    base: Option<i64>,
}

/// A policy that is to be applied.
struct Proposal<'a> {
    from: &'a Source,
    client: Client,
    text: String,
    compiled: Compiled,
}

pub(crate) fn apply(arguments: &Apply) -> Result<(), Stop> {
    let mut proposal = Proposal::of(&arguments.from, arguments.host)?;
    proposal.client = proposal.client.stating(&arguments.justification);
    if arguments.dry_run {
        return proposal.show(false);
    }
    let rendering = arguments.output.render_for(arguments.host, &proposal.compiled)?;
    let base = proposal.base()?.unwrap_or(0);
    let answer = proposal.send(base, false).map_err(|reason| arguments.without_collector(reason))?;
    if answer.status == 412 {
        return Err(proposal.conflict(base, &answer));
    }
    let revision = accepted(&answer)?;
    remember(&arguments.from.file, revision.number)?;
    finish(&proposal.client, &revision, &rendering, &arguments.wait)
}

impl Apply {
    /// Adds to a failure to reach the collector the command that works without it.
    fn without_collector(&self, reason: Failure) -> Failure {
        let command = self.output.render_command(self.host, &self.from.file);
        format!(
            "{reason}To update the proxy here without the collector, run this, and apply the policy when the collector is back:\n  {command}\n"
        )
    }
}

pub(crate) fn diff(arguments: &Diff) -> Result<(), Stop> {
    Proposal::of(&arguments.from, Host::Envoy)?.show(arguments.json)
}

/// Prints the result, and returns the revision that is in force now.
pub(super) fn accepted(answer: &Answer) -> Result<Revision, Stop> {
    let outcome: Outcome = answer.good()?;
    let revision: Revision = answer.good()?;
    if outcome.changed {
        print(&format!("{}\n{}", revision.text(), outcome.text()))?;
    } else {
        print(&format!("{}: unchanged\n", revision.text()))?;
    }
    Ok(revision)
}

/// Runs the steps after the collector.
pub(super) fn finish(client: &Client, revision: &Revision, rendering: &Rendering<'_>, wait: &Wait) -> Result<(), Stop> {
    let changed = rendering.is_new();
    rendering.write().map_err(|reason| not_in_place(revision.number, &reason))?;
    let end = wait.run(client, revision, changed)?;
    print(&format!("revision {}: {end}\n", revision.number))?;
    Ok(())
}

/// Stores the number of the revision to which a file corresponds.
pub(super) fn remember(file: &Path, number: i64) -> Result<(), Failure> {
    let beside = beside(file);
    let name = PathBuf::from(beside.file_name().unwrap_or_default());
    let folder = beside.parent().unwrap_or(Path::new("")).to_path_buf();
    deploy::write(&folder, &[(name, format!("{number}\n"))]).map_err(|error| {
        format!("revision {number} is in force at the collector, but its number could not be saved: {error}. Fix this and run the same command again.\n")
    })
}

fn beside(file: &Path) -> PathBuf {
    let mut name = OsString::from(file);
    name.push(".revision");
    PathBuf::from(name)
}

impl<'a> Proposal<'a> {
    fn of(from: &'a Source, host: Host) -> Result<Self, Stop> {
        let (source, name) = (source(&from.file)?, from.file.display().to_string());
        let compiled = compiled(&source, &name)?;
        warn(&compiled);
        host.examine(&source, &name)?;
        Ok(Self { from, client: from.connection.open()?, text: source.text, compiled })
    }

    /// Returns the number of the revision that the file was made from, if it is known.
    fn base(&self) -> Result<Option<i64>, Failure> {
        if self.from.base.is_some() {
            return Ok(self.from.base);
        }
        let path = beside(&self.from.file);
        match std::fs::read_to_string(&path) {
            Ok(text) => match text.trim().parse() {
                Ok(number) if number >= 0 => Ok(Some(number)),
                _ => Err(format!("{}: this is not a revision number; correct it or use --base\n", path.display())),
            },
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(format!("{}: {error}\n", path.display())),
        }
    }

    fn send(&self, base: i64, dry_run: bool) -> Result<Answer, Failure> {
        let path = format!("/v1/policy?config_revision={}&dry_run={dry_run}", self.compiled.document.revision);
        self.client.change(
            "PUT",
            &path,
            base,
            &Body { media_type: "application/yaml", bytes: self.text.as_bytes(), may_change: !dry_run },
        )
    }

    /// Shows the changes that the file would make. Fails if another revision is in force than the file was made from.
    fn show(&self, json: bool) -> Result<(), Stop> {
        let base = self.base()?.unwrap_or(0);
        let answer = self.send(base, true)?;
        if json {
            print(&answer.json())?;
        }
        if answer.status == 412 {
            return Err(self.conflict(base, &answer));
        }
        let outcome: Outcome = answer.good()?;
        match (outcome.changed, outcome.number) {
            _ if json => {}
            (false, Some(number)) => print(&format!("revision {number} has the same content: nothing would change\n"))?,
            _ => print(&format!("would come into force as {}:\n{}", outcome.config_revision, outcome.text()))?,
        }
        Ok(())
    }

    /// Shows the revision in force, its changes since the file's base, and the changes that this file would make to it.
    fn conflict(&self, base: i64, answer: &Answer) -> Stop {
        let refusal = answer.refusal();
        let Some(ahead) = &refusal.in_force else { return answer.refused() };
        let number = ahead.number;
        say(&format!("the collector has {}\n", ahead.text()));
        if base > 0
            && let Ok(theirs) = self.changes(&format!("/v1/policy/{number}/diff?from={base}"))
        {
            say(&format!("changes since revision {base}, from which this file was made:\n{theirs}"));
        }
        if let Ok(mine) = self.send(number, true)
            && let Ok(mine) = mine.good::<Outcome>()
        {
            say(&format!("changes that this file would make to revision {number}:\n{}", mine.text()));
        }
        let file = self.from.file.display();
        let origin = match self.base() {
            Ok(None) => {
                format!("{file} has no base revision: {file}.revision does not exist, and --base is not given. ")
            }
            _ => String::new(),
        };
        let text = format!(
            "{origin}Nothing was changed. Merge the missing changes into {file}, check the changes that are left, and apply it \
             with `--base {number}`.\n"
        );
        Stop { text, code: CONFLICT }
    }

    fn changes(&self, path: &str) -> Result<String, Stop> {
        Ok(self.client.get(path)?.good::<Outcome>()?.text())
    }
}
