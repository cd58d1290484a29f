//! `headgate rollback`.

use super::apply::{accepted, finish, remember};
use super::collector::{Answer, Body, Client, Connection, Outcome, Revision};
use super::place::Place;
use super::wait::Wait;
use super::{Failure, Stop, compiled, print, warn};
use clap::Args;
use headgate::deploy;
use headgate::include::Source;
use serde::Deserialize;
use serde_json::json;
use std::path::{Path, PathBuf};

pub(super) const AFTER_HELP: &str = "\
The text of that revision comes from the collector, is checked and put in force as a further revision, if what is in force
is still what it was when the command began, or what --base says. Files, the wait and the exit codes are those of
`headgate apply`. Your gateway.yaml stays as it is unless --save names it. GET /v1/policy/revisions lists the revisions.

Exit codes: 0 in force everywhere; 1 refused, or the collector does not answer; 2 the arguments make no sense; 3 in force,
but not every data plane confirmed it within --wait; 4 somebody else is ahead, nothing changed; 5 in force at the
collector, but the files could not be written.";

#[derive(Debug, Args)]
pub(crate) struct Rollback {
    /// The revision to go back to: its number, or the config revision that records carry.
    #[arg(value_parser = revision_name)]
    revision: String,
    #[command(flatten)]
    connection: Connection,
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    wait: Wait,
    /// Number of the revision that has to be in force; without it the one that is.
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(i64).range(1..))]
    base: Option<i64>,
    /// Put the text in this file too, with its number in FILE.revision.
    #[arg(long, value_name = "FILE")]
    save: Option<PathBuf>,
    /// Only show what would change.
    #[arg(long)]
    dry_run: bool,
}

/// A page of revisions, as far as it is read here.
#[derive(Debug, Deserialize)]
struct Revisions {
    data: Vec<Revision>,
}

pub(crate) fn run(arguments: &Rollback) -> Result<(), Stop> {
    let client = arguments.connection.open()?;
    let (to, text) = text_of(&client, &arguments.revision)?;
    let source = Source::whole(text);
    let compiled = compiled(&source, &format!("revision {to}"))?;
    warn(&compiled);
    let base = match arguments.base {
        Some(base) => base,
        None => in_force(&client)?,
    };
    if arguments.dry_run {
        let outcome: Outcome = send(&client, base, to, &compiled.document.revision, true)?.good()?;
        return Ok(print(&match outcome.changed {
            true => format!("of revision {base}, going back to {to} would change:\n{}", outcome.text()),
            false => format!("revision {base} is this already: nothing would change\n"),
        })?);
    }
    let rendering = arguments.place.render(&compiled)?;
    let revision = accepted(&send(&client, base, to, &compiled.document.revision, false)?)?;
    if let Some(file) = &arguments.save {
        save(file, &source.text, revision.number)?;
    }
    finish(&client, &revision, &rendering, &arguments.wait)
}

fn revision_name(text: &str) -> Result<String, String> {
    let shaped = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if shaped { Ok(text.to_owned()) } else { Err("a revision is named by its number, or by 16 hex digits".to_owned()) }
}

/// A revision's number and text.
fn text_of(client: &Client, name: &str) -> Result<(i64, String), Stop> {
    let answer = client.get(&format!("/v1/policy/{name}/gateway.yaml"))?;
    let strange = || Stop::from("the collector's answer cannot be read\n".to_owned());
    match answer.status {
        200 => Ok((answer.number.ok_or_else(strange)?, String::from_utf8(answer.body).map_err(|_| strange())?)),
        _ => Err(answer.refused()),
    }
}

fn in_force(client: &Client) -> Result<i64, Stop> {
    let page: Revisions = client.get("/v1/policy/revisions?limit=1")?.good()?;
    let latest = page.data.first().map(|latest| latest.number);
    latest.ok_or_else(|| {
        Stop::from("no policy is in force at the collector; `headgate apply` puts the first there\n".to_owned())
    })
}

fn send(client: &Client, base: i64, to: i64, config_revision: &str, dry_run: bool) -> Result<Answer, Failure> {
    let path = format!("/v1/policy/rollback?config_revision={config_revision}&dry_run={dry_run}");
    let body = json!({"to": to}).to_string();
    client.change(
        "POST",
        &path,
        base,
        &Body { media_type: "application/json", bytes: body.as_bytes(), may_change: !dry_run },
    )
}

fn save(file: &Path, text: &str, number: i64) -> Result<(), Failure> {
    let name = PathBuf::from(file.file_name().unwrap_or_default());
    deploy::write(file.parent().unwrap_or(Path::new("")), &[(name, text.to_owned())]).map_err(|error| {
        format!("revision {number} is in force at the collector, but could not be saved: {error}\n")
    })?;
    remember(file, number)
}
