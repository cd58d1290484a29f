//! `headgate rollback`.

use super::apply::{accepted, finish, remember};
use super::collector::{Answer, Body, Client, Connection, Justification, Outcome, Revision};
use super::host::Host;
use super::output_dir::OutputDir;
use super::wait::Wait;
use crate::deploy;
use crate::exit::{Failure, Stop};
use crate::output::print;
use crate::policy_file::{compiled, warn};
use clap::Args;
use headgate_config::include::Source;
use serde::Deserialize;
use serde_json::json;
use std::path::{Path, PathBuf};

pub(super) const AFTER_HELP: &str = "\
The collector's text of that revision is checked and put in force as a new revision, unless another revision is in force
than when the command began, or than --base names. Files, waiting and exit codes are as for `headgate apply`. Your
gateway.yaml is not changed unless --save names it. GET /v1/policy/revisions lists the revisions.

Exit codes: 0 in force everywhere; 1 refused, or the collector does not answer; 2 invalid arguments; 3 in force, but not
confirmed by every data plane within --wait; 4 another revision is in force, nothing changed; 5 in force at the collector,
but the files could not be written.";

#[derive(Debug, Args)]
pub(crate) struct Rollback {
    /// The revision to restore: its number, or its config revision, as in records.
    #[arg(value_parser = revision_name)]
    revision: String,
    #[command(flatten)]
    connection: Connection,
    #[command(flatten)]
    output: OutputDir,
    /// The proxy whose files are written.
    #[arg(long, value_enum, default_value = "envoy")]
    host: Host,
    #[command(flatten)]
    wait: Wait,
    /// Number of the revision that must be in force; by default the one that is.
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(i64).range(1..))]
    base: Option<i64>,
    /// Also write the text to this file, and its number to FILE.revision.
    #[arg(long, value_name = "FILE")]
    save: Option<PathBuf>,
    #[command(flatten)]
    justification: Justification,
    /// Only show the changes.
    #[arg(long)]
    dry_run: bool,
}

/// A page of revisions, with the fields that are needed here.
#[derive(Debug, Deserialize)]
struct Revisions {
    data: Vec<Revision>,
}

pub(crate) fn run(arguments: &Rollback) -> Result<(), Stop> {
    let client = arguments.connection.open()?.stating(&arguments.justification);
    let (to, text) = text_of(&client, &arguments.revision)?;
    let source = Source::whole(text);
    let name = format!("revision {to}");
    let compiled = compiled(&source, &name)?;
    warn(&compiled);
    arguments.host.examine(&source, &name)?;
    let base = match arguments.base {
        Some(base) => base,
        None => in_force(&client)?,
    };
    if arguments.dry_run {
        let outcome: Outcome = send(&client, base, to, &compiled.document.revision, true)?.good()?;
        return Ok(print(&match outcome.changed {
            true => format!("changes that going back to {to} would make to revision {base}:\n{}", outcome.text()),
            false => format!("revision {base} has the same content: nothing would change\n"),
        })?);
    }
    let rendering = arguments.output.render_for(arguments.host, &compiled)?;
    let revision = accepted(&send(&client, base, to, &compiled.document.revision, false)?)?;
    if let Some(file) = &arguments.save {
        save(file, &source.text, revision.number)?;
    }
    finish(&client, &revision, &rendering, &arguments.wait)
}

fn revision_name(text: &str) -> Result<String, String> {
    let shaped = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if shaped {
        Ok(text.to_owned())
    } else {
        Err("write the number of a revision, or the 16 hex digits of its config revision".to_owned())
    }
}

/// Returns a revision's number and text.
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
        Stop::from("no policy is in force at the collector; `headgate apply` sends the first one\n".to_owned())
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
