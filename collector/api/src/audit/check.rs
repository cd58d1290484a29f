//! Checks on entries of other systems before they reach the log. As for records, the reasons quote nothing of the entry.

use headgate_collector_types::audit::{Entry, SCHEMA, SOURCE};
use headgate_collector_types::validate::{BadBatch, MAX_NAME_CHARS, MAX_RECORD_BYTES, is_name, reason_of, uuid_v7};
use headgate_record::Refusal;
use serde::Deserialize;
use serde_json::value::RawValue;

/// Maximum number of entries in one request.
pub(super) const MAX_ENTRIES: usize = 1_000;
/// Maximum number of changes in one entry.
const MAX_CHANGES: usize = 256;
/// 2100-01-01T00:00:00Z, µs.
const YEAR_2100_US: u64 = 4_102_444_800_000_000;

/// The body of `POST /v1/audit`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entries<'a> {
    #[serde(borrow)]
    entries: Vec<&'a RawValue>,
}

/// Entries that may be stored, with their places, and the refused ones.
#[derive(Debug, Default)]
pub(super) struct CheckedEntries {
    pub(super) good: Vec<(u64, Entry)>,
    pub(super) refused: Vec<Refusal>,
}

pub(super) fn entries(body: &[u8]) -> Result<CheckedEntries, BadBatch> {
    let bad = |code, reason| BadBatch { code, reason };
    let all: Entries<'_> = serde_json::from_slice(body)
        .map_err(|error| bad(if error.is_data() { "invalid_batch" } else { "invalid_json" }, reason_of(&error)))?;
    if all.entries.len() > MAX_ENTRIES {
        return Err(bad("invalid_batch", "a request may hold at most 1000 entries".to_owned()));
    }
    let mut checked = CheckedEntries::default();
    for (index, raw) in (0_u64..).zip(all.entries) {
        match entry(raw) {
            Ok(good) => checked.good.push((index, good)),
            Err(reason) => checked.refused.push(Refusal { index, seq: None, reason }),
        }
    }
    Ok(checked)
}

fn entry(raw: &RawValue) -> Result<Entry, String> {
    if raw.get().len() > MAX_RECORD_BYTES {
        return Err("the entry is larger than 65536 bytes".to_owned());
    }
    let entry: Entry = serde_json::from_str(raw.get()).map_err(|error| reason_of(&error))?;
    if entry.schema != SCHEMA {
        return Err("`schema` is not 1, the version this collector reads".to_owned());
    }
    source(&entry.source)?;
    if entry.revision.is_some() {
        return Err("`revision` numbers this collector's own policy; leave it out".to_owned());
    }
    if entry.delivered_by.is_some() {
        return Err("`delivered_by` is what this collector says of the token that delivers; leave it out".to_owned());
    }
    if !entry.id.is_empty() && uuid_v7(&entry.id).is_none() {
        return Err("`id` is not a UUIDv7 in lower case".to_owned());
    }
    if !is_type(&entry.kind) {
        return Err("`type` is not 1 to 128 of a-z, 0-9, `_`, `.` and `-`".to_owned());
    }
    if entry.time == 0 || entry.time >= YEAR_2100_US {
        return Err("`time` is not between 1970 and 2100, in µs".to_owned());
    }
    bounds(&entry)?;
    Ok(entry)
}

/// Checks the name of a source: printable ASCII, and no look-alike of the collector's own name.
fn source(name: &str) -> Result<(), String> {
    let printable = |byte: u8| byte.is_ascii_graphic() || byte == b' ';
    if name.is_empty() || name.len() > MAX_NAME_CHARS || !name.bytes().all(printable) || name.trim() != name {
        return Err("`source` must be 1 to 256 printable ASCII characters, without spaces around them".to_owned());
    }
    if skeleton(name) == skeleton(SOURCE) {
        return Err("`source` reads like this collector's own name; give your system's".to_owned());
    }
    Ok(())
}

/// Reduces a name to its visible shape: lower case, no separators, digits as the letters that they resemble.
fn skeleton(name: &str) -> String {
    let letters = name.bytes().filter_map(|byte| match byte.to_ascii_lowercase() {
        b'0' => Some('o'),
        b'1' | b'i' | b'|' | b'!' => Some('l'),
        b'3' => Some('e'),
        b'7' | b'+' => Some('t'),
        b'(' | b'<' | b'{' | b'[' => Some('c'),
        letter if letter.is_ascii_alphanumeric() => Some(char::from(letter)),
        _ => None,
    });
    letters.collect()
}

fn is_type(text: &str) -> bool {
    let shaped = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'.' | b'-');
    (1..=128).contains(&text.len()) && text.bytes().all(shaped)
}

fn bounds(entry: &Entry) -> Result<(), String> {
    if entry.changes.len() > MAX_CHANGES {
        return Err("`changes` has more than 256 entries".to_owned());
    }
    let names = [
        ("actor.id", Some(&entry.actor.id)),
        ("actor.name", entry.actor.name.as_ref()),
        ("actor.address", entry.actor.address.as_ref()),
        ("actor.user_agent", entry.actor.user_agent.as_ref()),
        ("resource.kind", Some(&entry.resource.kind)),
        ("resource.id", Some(&entry.resource.id)),
        ("resource.name", entry.resource.name.as_ref()),
        ("request_id", entry.request_id.as_ref()),
        ("code", entry.code.as_ref()),
    ];
    match names.iter().find(|(_, text)| text.is_some_and(|text| !is_name(text))) {
        Some((name, _)) => Err(format!("`{name}` must be 1 to 256 characters long")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::source;

    #[test]
    fn look_alikes_of_the_collector_are_refused() {
        for bad in [
            "collector",
            "Collector",
            "COLLECTOR",
            " collector",
            "collector ",
            "col lector",
            "c0llector",
            "co11ector",
            "coIIector",
            "colle(tor",
            "collec7or",
            "_collector_",
            "c-o-l-l-e-c-t-o-r",
            "\u{441}ollector",
            "c\u{43e}llector",
            "\u{ff43}ollector",
            "collector\u{200b}",
            "\u{202e}rotcelloc",
            "collector\n",
            "",
            "\0",
        ] {
            assert!(source(bad).is_err(), "{bad:?}");
        }
        for good in ["console", "Identity Provider", "collector-of-taxes", "collectors", "okta:prod/eu"] {
            assert_eq!(source(good), Ok(()), "{good}");
        }
    }
}
