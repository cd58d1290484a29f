//! `headgate test`: plays the case files of a folder against a gateway.yaml.

use crate::exit::Failure;
use crate::output::print;
use crate::policy_file::{load, read};
use clap::Args;
use headgate_policy::{Policy, Timestamp};
use headgate_simulation::{Case, DEFAULT_AT, Play, World, compare};
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub(super) const AFTER_HELP: &str = "\
A case file has a client's request, the acts of the providers in the order of the tries, and the expected outcome; fields that are
missing in it are not compared. The page /try of the collector saves such files. Requests go through the machines of the filter,
without a proxy: a key is named by its id, and the credential of a provider is `secret-of-NAME`.

Exit codes: 0 all cases have their outcome; 1 one has another one, or a file cannot be read; 2 invalid arguments.";

/// Deepest folder.
const MAX_DEPTH: usize = 8;

#[derive(Debug, Args)]
pub(crate) struct TestCases {
    /// The gateway.yaml.
    file: PathBuf,
    /// Case files, or folders of them.
    #[arg(required = true)]
    cases: Vec<PathBuf>,
}

pub(crate) fn run(arguments: &TestCases) -> Result<(), Failure> {
    let compiled = load(&arguments.file)?;
    let policy = headgate_simulation::load(compiled.document)?;
    let mut files = Vec::new();
    for path in &arguments.cases {
        collect(path, &arguments.file, MAX_DEPTH, &mut files)?;
    }
    files.sort();
    if files.is_empty() {
        return Err("no case files were found: they end with .yaml\n".to_owned());
    }
    let (mut text, mut failed) = (String::new(), 0_usize);
    for file in &files {
        let problems = problems(&policy, file);
        failed += usize::from(!problems.is_empty());
        let state = if problems.is_empty() { "ok" } else { "FAILED" };
        text.push_str(&format!("{state} {}\n", file.display()));
        problems.iter().for_each(|problem| text.push_str(&format!("  {problem}\n")));
    }
    text.push_str(&format!("{} cases, {failed} failed\n", files.len()));
    print(&text)?;
    if failed == 0 { Ok(()) } else { Err(String::new()) }
}

/// Collects the case files below a path. The policy itself may lie among them.
fn collect(path: &Path, policy: &Path, depth: usize, files: &mut Vec<PathBuf>) -> Result<(), Failure> {
    let unreadable = |error: std::io::Error| format!("{} cannot be read: {error}\n", path.display());
    if !path.is_dir() {
        let is_policy = path.canonicalize().map_err(unreadable)? == policy.canonicalize().map_err(unreadable)?;
        files.extend((!is_policy).then(|| path.to_owned()));
        return Ok(());
    }
    for entry in std::fs::read_dir(path).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?.path();
        let is_case = entry.extension().is_some_and(|end| end == "yaml" || end == "yml");
        if is_case || entry.is_dir() && depth > 0 {
            collect(&entry, policy, depth.saturating_sub(1), files)?;
        }
    }
    Ok(())
}

/// Returns the differences between a case and its outcome.
fn problems(policy: &Arc<Policy>, file: &Path) -> Vec<String> {
    let case = read(file).map_err(|problem| problem.trim_end().to_owned()).and_then(|text| {
        serde_saphyr::from_str::<Case>(&text).map_err(|problem| format!("it is no case file: {problem}"))
    });
    let outcome = case.and_then(|case| {
        let at = case.at.map_or(DEFAULT_AT, |at| Timestamp(at.saturating_mul(1_000_000)));
        let outcome = World::new(policy, at).play(Play::of(&case))?;
        let differences = compare(&case, &outcome).into_iter().map(|one| one.to_string());
        Ok(differences.chain(outcome.unplayed).collect())
    });
    outcome.unwrap_or_else(|problem| vec![problem])
}
