//! Holds the checked-in page of the `headgate` command to its `--help`.
//!
//! `UPDATE_EXPECT=1 cargo test -p headgate --test reference` writes it again.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helper functions too")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Returns the page; the workspace is found by its lock file.
fn page() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().find(|folder| folder.join("Cargo.lock").is_file());
    root.unwrap().join("docs/reference/headgate-command.md")
}

#[test]
fn headgate_command_page_is_current() {
    let mut text = "# The `headgate` command\n\nThe text of `--help`, checked by a test.\n".to_owned();
    describe(&mut text, &mut Vec::new());
    if std::env::var_os("UPDATE_EXPECT").is_some_and(|value| !value.is_empty()) {
        fs::write(page(), &text).unwrap();
    }
    assert!(
        fs::read_to_string(page()).unwrap_or_default() == text,
        "docs/reference/headgate-command.md is out of date: run UPDATE_EXPECT=1 cargo test -p headgate --test reference"
    );
}

/// Adds the help of a command and of its subcommands.
fn describe(text: &mut String, path: &mut Vec<String>) {
    let help = help(path);
    let title = ["headgate"].into_iter().chain(path.iter().map(String::as_str)).collect::<Vec<_>>().join(" ");
    text.push_str(&format!("\n## {title}\n\n```text\n{}\n```\n", help.trim_end()));
    for name in subcommands(&help) {
        path.push(name);
        describe(text, path);
        path.pop();
    }
}

fn help(path: &[String]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_headgate")).args(path).arg("--help").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    // clap pads empty lines inside long descriptions.
    text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
}

/// Returns the names under `Commands:`.
fn subcommands(help: &str) -> Vec<String> {
    let lines = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let names = lines.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    names.filter_map(|line| line.split_whitespace().next()).filter(|name| *name != "help").map(str::to_owned).collect()
}
