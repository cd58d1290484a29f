//! `verify`: checks both logs of a store, or those of a running collector from outside, or an evidence packet.

mod client;
mod monitor;
mod packet_file;
mod state;

use super::{cannot_open, print_line};
use crate::args::VerifyOptions;
use headgate_collector_recovery::{self as recovery, Check, Judgement, Verdict};
use headgate_collector_tree::TlogPolicy;
use headgate_collector_types::visible;
use std::path::Path;
use std::process::ExitCode;

/// The code of an end without a judgement.
const UNKNOWN: u8 = 2;
/// The most bytes of a policy.
const MAX_POLICY: u64 = 256 << 10;

/// Runs `verify` and returns its code: 0 if everything holds, 1 if something is contradicted, 2 if it cannot be judged.
pub(super) fn run(options: &VerifyOptions) -> Result<ExitCode, String> {
    let verdict = match judge(options) {
        Ok(verdict) => verdict,
        Err(problem) => {
            let mut verdict = Verdict::default();
            verdict.add(Check::unknown("verify", problem));
            verdict
        }
    };
    if options.json {
        print_line(
            &serde_json::json!({"judgement": verdict.judgement(), "checks": verdict.checks, "more": verdict.more})
                .to_string(),
        )?;
    } else {
        print(&verdict)?;
    }
    Ok(match verdict.judgement() {
        Judgement::Holds => ExitCode::SUCCESS,
        Judgement::Contradicted => ExitCode::FAILURE,
        Judgement::Unknown => ExitCode::from(UNKNOWN),
    })
}

fn judge(options: &VerifyOptions) -> Result<Verdict, String> {
    let policy = options.policy.as_deref().map(read_policy).transpose()?;
    let of_policy = policy.as_ref().map(TlogPolicy::collectors).unwrap_or_default();
    if let Some(packet) = &options.packet {
        let keys: Vec<_> = options.key.iter().chain(&options.public_key).chain(&of_policy).cloned().collect();
        return Ok(packet_file::check(packet, &keys, policy.as_ref()));
    }
    let key = options.public_key.as_ref().or(of_policy.first());
    let policy = policy.as_ref();
    match (&options.url, &options.state) {
        (Some(url), Some(state)) => monitor::run(url, state, key, policy, options.tiles),
        (Some(_), None) => Err("--url needs --state FILE, in which the last checkpoints are kept".to_owned()),
        (None, _) => {
            let location = options.place.location()?;
            if !location.exists() {
                return Err(format!("there is no database in {location}; check --data"));
            }
            recovery::verify(&location, key, policy).map_err(|e| cannot_open(&location, e))
        }
    }
}

/// Reads the policy in a file.
fn read_policy(path: &Path) -> Result<TlogPolicy, String> {
    let shown = path.display();
    let failed = |why: &dyn std::fmt::Display| format!("the policy {shown} cannot be used: {why}");
    let meta = std::fs::metadata(path).map_err(|e| failed(&e))?;
    if meta.len() > MAX_POLICY {
        return Err(failed(&"it is too large"));
    }
    let text = std::fs::read_to_string(path).map_err(|e| failed(&e))?;
    TlogPolicy::parse(&text).map_err(|e| failed(&e))
}

fn print(verdict: &Verdict) -> Result<(), String> {
    for Check { of, judgement, text } in &verdict.checks {
        let word = match judgement {
            Judgement::Holds => "ok",
            Judgement::Unknown => "UNKNOWN",
            Judgement::Contradicted => "CONTRADICTED",
        };
        print_line(&format!("{word:<12} {}: {}", visible(of), visible(text)))?;
    }
    if verdict.more > 0 {
        print_line(&format!("{} checks more", verdict.more))?;
    }
    print_line(match verdict.judgement() {
        Judgement::Holds => "everything holds",
        Judgement::Unknown => "not everything can be judged",
        Judgement::Contradicted => "something is contradicted",
    })
}
