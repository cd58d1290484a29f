//! The values of a guardrail: directions, actions, kinds, phrases, patterns, hosts.

use super::error::ScalarError;
use super::number::{flaw, is_digits};
use crate::nearest::nearest;
use headgate_guardrails::{DetectorSpec, Group, Guard, KINDS, MAX_WORD_BYTES, UrlSpec};

/// Directions that a guardrail can scan.
pub const DIRECTIONS: [&str; 2] = ["request", "response"];
/// Actions on a finding.
pub const ACTIONS: [&str; 3] = ["block", "mask", "monitor"];
/// Protocols of external checks.
pub const EXTERNALS: [&str; 2] = ["moderation", "webhook"];
/// Handling of a request when an external check does not answer.
pub const UNREACHABLE: [&str; 2] = ["allow", "deny"];

/// Returns the names of a group's kinds.
pub(super) fn kinds(group: Group) -> Vec<&'static str> {
    KINDS.iter().filter(|row| row.group == group).map(|row| row.name).collect()
}

pub(super) fn kind(value: &str, group: Group) -> Result<(), ScalarError> {
    let names = kinds(group);
    if names.contains(&value) {
        return Ok(());
    }
    let help = match nearest(value, names.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => {
            let first: Vec<&str> = names.into_iter().take(8).collect();
            format!("write `all`, or a list of kinds: {}, …; `headgate schema` lists them all", first.join(", "))
        }
    };
    Err(ScalarError::new("unknown detector", &help))
}

pub(super) fn phrase(value: &str) -> Result<(), ScalarError> {
    compiles(DetectorSpec { words: vec![value.to_owned()], ..DetectorSpec::default() }, || {
        format!("write a word or a phrase of at most {MAX_WORD_BYTES} bytes")
    })
}

pub(super) fn pattern(value: &str) -> Result<(), ScalarError> {
    compiles(DetectorSpec { patterns: vec![value.to_owned()], ..DetectorSpec::default() }, || {
        "write a regular expression without look-around, back-references and Unicode classes, as in `\\bEMP-[0-9]{6}\\b`"
            .to_owned()
    })
}

pub(super) fn host(value: &str) -> Result<(), ScalarError> {
    let urls = UrlSpec { deny: vec![value.to_owned()], ..UrlSpec::default() };
    compiles(DetectorSpec { urls: Some(urls), ..DetectorSpec::default() }, || {
        "write a host, or `*.` and a host for all below it: `*.example.com`".to_owned()
    })
}

fn compiles(spec: DetectorSpec, help: impl Fn() -> String) -> Result<(), ScalarError> {
    match Guard::compile(&[spec]) {
        Ok(_) => Ok(()),
        Err(invalid) => {
            // The parser's message begins with a drawing of the pattern and ends with the reason.
            let reason = invalid.reason.lines().next_back().unwrap_or_default().trim_start_matches("error: ");
            Err(ScalarError::new(&format!("this cannot be used: {reason}"), &help()))
        }
    }
}

/// Reads a share in parts per million: `1`, `0.25`, `0.000001`; above 0.
///
/// # Errors
/// Returns the reason if the value does not have this form.
pub fn share(value: &str) -> Result<u32, ScalarError> {
    const FORM: &str = "write `1`, or a fraction: `0.25`";
    let (before, after) = value.split_once('.').unwrap_or((value, "0"));
    if !is_digits(before) || !is_digits(after) {
        let message = match flaw(value) {
            _ if value.ends_with('%') => "a share is a fraction, not a percentage",
            "this is not a whole number" => "this is not a number",
            flaw => flaw,
        };
        return Err(ScalarError::new(message, FORM));
    }
    if after.len() > 6 {
        return Err(ScalarError::new(
            "this share has more than six decimal places",
            "write at most six digits after the decimal point",
        ));
    }
    match format!("{before}{after:0<6}").parse::<u32>() {
        Ok(0) => Err(ScalarError::new("this share is too small", "write a number above 0: `0.25`")),
        Ok(share @ 1..=1_000_000) => Ok(share),
        _ => Err(ScalarError::new("this share is too large", "write at most 1")),
    }
}
