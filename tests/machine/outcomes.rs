//! Prints the outcome of every case file under every set of stages of a policy whose requests the proxy routes, as the pure
//! machines have it. The end-to-end tests compare it with a real Envoy.
//!
//! `headgate-case-outcomes POLICY CASES` prints one JSON object in each line.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a tool of the tests")]

use headgate_policy::document::Stages;
use headgate_tests::{Case, drive_stages, load_all, policy};
use serde_json::json;
use std::path::Path;

const NOW_S: u64 = 1_790_000_000;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let (file, folder) = (arguments.next().unwrap(), arguments.next().unwrap());
    let yaml = std::fs::read_to_string(file).unwrap();
    let document = headgate_config::compile(&yaml, "gateway.yaml", NOW_S).unwrap().document;
    let policy = policy(&yaml, NOW_S);
    let sets = document.stage_sets.iter().map(|(name, stages)| (name.as_str(), *stages));
    let sets: Vec<(&str, Stages)> = sets.chain([("all", document.stages)]).collect();
    for (path, case) in load_all(Path::new(&folder)) {
        for (name, stages) in sets.iter().filter(|_| applies(&case)) {
            let outcome = drive_stages(&policy, &case, *stages);
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            println!(
                "{}",
                json!({
                    "case": path.strip_prefix(&folder).unwrap().with_extension(""),
                    "set": name,
                    "status": outcome.status,
                    "body": text(&outcome.body),
                    "upstream": outcome.upstream.first().map(|one| text(&one.body)),
                    "record": outcome.record(),
                })
            );
        }
    }
}

/// Whether a case can be played where the proxy makes one try: its first provider answers.
fn applies(case: &Case) -> bool {
    case.machine_only.is_none() && case.providers.first().is_none_or(|act| act.fails.is_none())
}
