//! `headgate apply` and `headgate diff`.
//!
//! The collector comes first, then the files, then the wait. The collector decides whether the change was made from what is in
//! force, so of two operators one is told before anything is written; and no record can name a revision that the collector
//! does not know. If the files cannot be written then, proxies go on with the policy they run; the same command again finds
//! its text in force already and goes on from there.
//!
//! What the file was made from stands beside it, in FILE.revision, and belongs into version control with it. Asking the
//! collector at the last moment instead would overwrite what somebody else applied since the file was edited.

use super::collector::{Answer, Body, Client, Connection, Outcome, Revision};
use super::place::{Place, Rendering, not_in_place};
use super::wait::Wait;
use super::{CONFLICT, Failure, Stop, compiled, print, say, source, warn};
use clap::Args;
use headgate::{Compiled, deploy};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

pub(super) const AFTER_HELP: &str = "\
In this order: the file is checked; the collector puts it in force, if it was made from what is in force there; the
proxy's files are written; every data plane is waited for until all its workers decide by it. Running it again does only
what is left.

What the file was made from is read from FILE.revision, which apply writes: keep it with the file. If another revision is
in force by now, nothing is changed, and you are shown who is ahead and with what.

Exit codes: 0 in force everywhere; 1 refused, or the collector does not answer; 2 the arguments make no sense; 3 in force,
but not every data plane confirmed it within --wait; 4 somebody else is ahead, nothing changed; 5 in force at the
collector, but the files could not be written. Whatever stopped it: the same command goes on from there.";

pub(super) const AFTER_DIFF: &str = "\
A line for each change, sorted by resource: + is new, - is gone, ~ is different, with what stood there and what would.
Secrets are masked. The last line counts.

Exit codes: 0 shown, whether anything would change or not; 1 the file has errors, or the collector refused or does not
answer; 2 the arguments make no sense; 4 somebody else is ahead of what the file was made from.";

#[derive(Debug, Args)]
pub(crate) struct Apply {
    #[command(flatten)]
    from: Source,
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    wait: Wait,
    /// Only show what would change, as `headgate diff`.
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Diff {
    #[command(flatten)]
    from: Source,
    /// Print the collector's answer, JSON; `changes` has the first 1000, `total` and `counts` count all.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Source {
    /// The gateway.yaml.
    file: PathBuf,
    #[command(flatten)]
    connection: Connection,
    /// Number of the revision that the file was made from, instead of what FILE.revision says; 0 for none.
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(i64).range(0..))]
    base: Option<i64>,
}

/// What is to be applied.
struct Proposal<'a> {
    from: &'a Source,
    client: Client,
    text: String,
    compiled: Compiled,
}

pub(crate) fn apply(arguments: &Apply) -> Result<(), Stop> {
    let proposal = Proposal::of(&arguments.from)?;
    if arguments.dry_run {
        return proposal.show(false);
    }
    let rendering = arguments.place.render(&proposal.compiled)?;
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
        let command = self.place.render_command(&self.from.file);
        format!(
            "{reason}The proxy here can be given the policy without the collector; apply it when the collector is back:\n  {command}\n"
        )
    }
}

pub(crate) fn diff(arguments: &Diff) -> Result<(), Stop> {
    Proposal::of(&arguments.from)?.show(arguments.json)
}

/// Says what became of it, and gives the revision that is in force now.
pub(super) fn accepted(answer: &Answer) -> Result<Revision, Stop> {
    let outcome: Outcome = answer.good()?;
    let revision: Revision = answer.good()?;
    if outcome.changed {
        print(&format!("{}\n{}", revision.text(), outcome.text()))?;
    } else {
        print(&format!("{}: it was so already\n", revision.text()))?;
    }
    Ok(revision)
}

/// Everything after the collector.
pub(super) fn finish(client: &Client, revision: &Revision, rendering: &Rendering<'_>, wait: &Wait) -> Result<(), Stop> {
    let changed = rendering.is_new();
    rendering.write().map_err(|reason| not_in_place(revision.number, &reason))?;
    let end = wait.run(client, revision, changed)?;
    print(&format!("revision {}: {end}\n", revision.number))?;
    Ok(())
}

/// Notes what a file is now the text of.
pub(super) fn remember(file: &Path, number: i64) -> Result<(), Failure> {
    let beside = beside(file);
    let name = PathBuf::from(beside.file_name().unwrap_or_default());
    let folder = beside.parent().unwrap_or(Path::new("")).to_path_buf();
    deploy::write(&folder, &[(name, format!("{number}\n"))]).map_err(|error| {
        format!("revision {number} is in force at the collector, but this could not be noted: {error}. Mend that and run the same command again.\n")
    })
}

fn beside(file: &Path) -> PathBuf {
    let mut name = OsString::from(file);
    name.push(".revision");
    PathBuf::from(name)
}

impl<'a> Proposal<'a> {
    fn of(from: &'a Source) -> Result<Self, Stop> {
        let source = source(&from.file)?;
        let compiled = compiled(&source, &from.file.display().to_string())?;
        warn(&compiled);
        Ok(Self { from, client: from.connection.open()?, text: source.text, compiled })
    }

    /// Number of the revision that the file was made from, if that is known.
    fn base(&self) -> Result<Option<i64>, Failure> {
        if self.from.base.is_some() {
            return Ok(self.from.base);
        }
        let path = beside(&self.from.file);
        match std::fs::read_to_string(&path) {
            Ok(text) => match text.trim().parse() {
                Ok(number) if number >= 0 => Ok(Some(number)),
                _ => Err(format!("{}: this is not a revision's number; mend it or use --base\n", path.display())),
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

    /// Shows what the file would change of what is in force. Fails if it was made from another revision than that.
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
            (false, Some(number)) => print(&format!("revision {number} is this already: nothing would change\n"))?,
            _ => print(&format!("would come into force as {}:\n{}", outcome.config_revision, outcome.text()))?,
        }
        Ok(())
    }

    /// Shows who is ahead: what they changed, and what this file would change of that.
    fn conflict(&self, base: i64, answer: &Answer) -> Stop {
        let refusal = answer.refusal();
        let Some(ahead) = &refusal.in_force else { return answer.refused() };
        let number = ahead.number;
        say(&format!("ahead is {}\n", ahead.text()));
        if base > 0
            && let Ok(theirs) = self.changes(&format!("/v1/policy/{number}/diff?from={base}"))
        {
            say(&format!("since revision {base}, from which this file was made, that changed:\n{theirs}"));
        }
        if let Ok(mine) = self.send(number, true)
            && let Ok(mine) = mine.good::<Outcome>()
        {
            say(&format!("this file would change of revision {number}:\n{}", mine.text()));
        }
        let file = self.from.file.display();
        let origin = match self.base() {
            Ok(None) => {
                format!("{file} counts as made from no revision: {file}.revision is not there, and --base not given. ")
            }
            _ => String::new(),
        };
        let text = format!(
            "{origin}Nothing was changed. Take what is missing into {file}, and when all that it would change is meant, apply it with \
             `--base {number}`.\n"
        );
        Stop { text, code: CONFLICT }
    }

    fn changes(&self, path: &str) -> Result<String, Stop> {
        Ok(self.client.get(path)?.good::<Outcome>()?.text())
    }
}
