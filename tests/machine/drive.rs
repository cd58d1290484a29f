//! Plays case files on the machines, with what only a test asks of them.

use crate::facts::assert_same_facts;
use headgate_policy::document::Stages;
use headgate_policy::{Closing, Gate, Policy};
use headgate_record::RequestRecord;
use headgate_simulation::{Acts, Case, DEFAULT_AT, Outcome, Play, World, load};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Loads the policy of the cases.
///
/// # Panics
/// If it has problems.
#[must_use]
pub fn policy(yaml: &str, now_s: u64) -> Arc<Policy> {
    let compiled = headgate_config::compile(yaml, "gateway.yaml", now_s)
        .unwrap_or_else(|problems| panic!("the policy of the cases has problems: {problems:?}"));
    load(compiled.document).unwrap()
}

/// Plays one case. `split` cuts the answer's body into the chunks that the gateway sees.
///
/// # Panics
/// If the acts of the case do not fit the tries.
#[must_use]
pub fn drive(policy: &Arc<Policy>, case: &Case, split: &dyn Fn(&[u8]) -> Vec<Vec<u8>>) -> Outcome {
    let play = Play { split, at_close: Some(&same_facts), ..Play::of(case) };
    let outcome = World::new(policy, DEFAULT_AT).play(play).unwrap();
    assert_eq!(outcome.unplayed, None);
    outcome
}

/// Plays one case with some stages only, so that there may be more or fewer tries and checks than the case has. Where the proxy
/// routes, it goes to the first provider of the case, whose cluster has the provider's name, and is tried once. Returns the
/// outcome; its record is empty if there is none.
///
/// # Panics
/// If the machines do.
#[must_use]
pub fn drive_stages(policy: &Arc<Policy>, case: &Case, stages: Stages) -> Outcome {
    let acts = Acts::Any(&case.providers);
    let play = Play { acts, stages: Some(stages), at_close: Some(&same_facts), ..Play::of(case) };
    World::new(policy, DEFAULT_AT).play(play).unwrap()
}

fn same_facts(gate: &Gate, closing: &Closing, written: &[u8]) {
    assert_same_facts(&gate.facts(closing), &read(written), gate.routes());
}

/// Returns the record that `close` writes. It is written as its type would be, byte by byte.
pub fn record_of(close: impl FnOnce(&mut Vec<u8>)) -> RequestRecord {
    let mut written = Vec::new();
    close(&mut written);
    read(&written)
}

/// Returns the record of an outcome; the default if there is none.
///
/// # Panics
/// If it is no record.
#[must_use]
pub fn record_in(outcome: &Outcome) -> RequestRecord {
    if outcome.record.is_empty() { RequestRecord::default() } else { read(&outcome.record) }
}

fn read(written: &[u8]) -> RequestRecord {
    let record: RequestRecord = serde_json::from_slice(written).unwrap();
    assert_eq!(std::str::from_utf8(written).unwrap(), serde_json::to_string(&record).unwrap());
    record
}

/// Returns all cases of a folder, with their paths. A new case needs no Rust: add a YAML file to `tests/cases`.
///
/// # Panics
/// If one cannot be read.
#[must_use]
pub fn load_all(folder: &Path) -> Vec<(PathBuf, Case)> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .flat_map(|entry| {
            let path = entry.unwrap().path();
            if path.is_dir() {
                std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).collect()
            } else {
                vec![]
            }
        })
        .collect();
    files.sort();
    files.into_iter().map(|path| (path.clone(), read_case(&path))).collect()
}

fn read_case(path: &Path) -> Case {
    let text = std::fs::read_to_string(path).unwrap();
    serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
