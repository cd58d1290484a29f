//! The guides for operators, auditors and FinOps: all commands in blocks of `sh` run as written, in their order.

use crate::process::{BINARY, Collector};
use crate::records::{batch, record};
use headgate_record::INGEST_PATH;
use std::path::Path;
use std::process::Command;

/// The pages below `docs`, in the order of their commands.
const PAGES: [&str; 4] = ["operate/collector.md", "auditor-guide.md", "finops-guide.md", "operate/backup.md"];
/// 2026-10-01T00:00:00Z, µs.
const OCTOBER_US: u64 = 1_790_812_800_000_000;

/// Returns the blocks of commands, without those that run forever.
fn blocks() -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().find(|folder| folder.join("Cargo.lock").is_file());
    let docs = root.unwrap().join("docs");
    let text: String = PAGES.iter().map(|page| std::fs::read_to_string(docs.join(page)).unwrap()).collect();
    let fenced = text.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap().to_owned());
    fenced.filter(|block| !block.contains("headgate-collector serve")).collect()
}

/// Runs commands in a shell; returns the output of each block.
fn run(root: &Path, blocks: &[String]) -> Vec<String> {
    const MARK: &str = "-- next block --\n";
    let script = blocks.join(&format!("\nprintf '%s' '{MARK}'\n"));
    let path = format!("{}:{}", Path::new(BINARY).parent().unwrap().display(), std::env::var("PATH").unwrap());
    let output =
        Command::new("bash").args(["-euo", "pipefail", "-c", &script]).current_dir(root).env("PATH", path).output();
    let output = output.unwrap();
    let (said, wrong) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}{wrong}");
    said.split(MARK).map(str::to_owned).collect()
}

/// Sends requests of a team over a month, each with another cost.
fn october(collector: &Collector, token: &str) -> u64 {
    let mut records = Vec::new();
    let mut cost = 0;
    for seq in 1..=300 {
        let mut one = record("n", "b", seq);
        one.started_at = OCTOBER_US + seq * 8_000_000_000;
        one.caller.as_mut().unwrap().team = Some(if seq % 3 == 0 { "ads" } else { "search" }.to_owned());
        one.cost.as_mut().unwrap().nano_usd = seq * 1_234_567;
        cost += if seq % 3 == 0 { 0 } else { seq * 1_234_567 };
        records.push(serde_json::to_string(&one).unwrap());
    }
    let reply = collector.with_token(token).post(INGEST_PATH, &batch("n", "b", 0, &records)).unwrap();
    assert_eq!(reply.json()["stored"], 300, "{}", reply.text());
    cost
}

#[test]
fn every_documented_command_works() {
    let root = tempfile::tempdir().unwrap();
    let blocks = blocks();
    let first = run(root.path(), &blocks[..1]);
    let tokens: Vec<_> = first[0].lines().filter_map(|line| Some(line.split_once("token=")?.1)).collect();
    let [owner, ingest, auditor] = tokens[..] else { panic!("{}", first[0]) };
    assert!(first[0].contains("Alice Audit"), "{}", first[0]);
    let collector = Collector::start_without_tokens(root.path());
    let cost = october(&collector, ingest);
    let rest: Vec<_> = blocks[1..]
        .iter()
        .map(|block| {
            let block = block.replace("http://127.0.0.1:4180", &format!("http://{}", collector.address));
            block.replace("TOKEN=hgc_…", &format!("TOKEN={auditor}")).replace("OWNER=hgc_…", &format!("OWNER={owner}"))
        })
        .collect();
    let said = run(root.path(), &rest);
    assert_eq!(said.len(), rest.len());
    let of = |command: &str| &said[rest.iter().position(|block| block.contains(command)).unwrap()];
    let (sheet, sum) = of("usage.csv").trim_end().rsplit_once('\n').unwrap();
    assert_eq!(sum, cost.to_string(), "the records add up");
    assert!(sheet.lines().last().unwrap().contains(&format!(",{cost},")), "{sheet}");
    assert!(of("facets=error_code").contains("\"total\":300"), "the question before it finds them");
    assert!(of("event_types[]=requests.searched").contains("Alice Audit"), "who looked is named");
    assert!(of("holds\"").contains("hold_"), "{}", of("holds\""));
    assert!(of("restore").contains("restored=restored"));
}
