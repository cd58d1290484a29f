//! Checks the collector's reference pages in the repository: its command, metrics, errors and API.
//!
//! `UPDATE_EXPECT=1 cargo test -p headgate-collector --test reference` rewrites all but the page of errors, which is
//! written by hand and compared with the codes in the sources.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::disallowed_methods,
    reason = "tests: to panic is how they fail"
)]

use headgate_collector_tree::CosigningKey;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

const BINARY: &str = env!("CARGO_BIN_EXE_headgate-collector");

fn root() -> &'static Path {
    let mut folders = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
    folders.find(|folder| folder.join("Cargo.lock").is_file()).unwrap()
}

fn page(name: &str) -> PathBuf {
    root().join("docs/reference").join(name)
}

/// Compares a page with the generated text, or rewrites it.
fn holds(name: &str, text: &str) {
    if std::env::var_os("UPDATE_EXPECT").is_some_and(|value| !value.is_empty()) {
        fs::write(page(name), text).unwrap();
    }
    assert!(
        fs::read_to_string(page(name)).unwrap_or_default() == text,
        "docs/reference/{name} is out of date: run UPDATE_EXPECT=1 cargo test -p {} --test reference",
        env!("CARGO_PKG_NAME")
    );
}

/// Returns the program without settings from the environment.
fn program() -> Command {
    let mut command = Command::new(BINARY);
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("HEADGATE_")) {
        command.env_remove(name);
    }
    command
}

/// A collector on a temporary folder; it ends when the value is dropped.
struct Running {
    child: Child,
    address: String,
    _folder: tempfile::TempDir,
}

impl Running {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        // A forwarder, a witness and an anchor that are not there have all metrics.
        let settings = folder.path().join("collector.toml");
        let forwarder = "[[forwarders]]\nid = \"siem\"\nkind = \"webhook\"\nurl = \"http://127.0.0.1:1\"\n";
        let vkey = CosigningKey::new("witness.example.com", &[1; 32]).unwrap().public().to_string();
        let witness = format!("[[witnesses]]\nname = \"audit\"\nurl = \"http://127.0.0.1:1\"\nvkey = \"{vkey}\"\n");
        let place = "days = \"1\"\naccess_key = \"${KEY}\"\nsecret_key = \"${KEY}\"\n";
        let anchor =
            format!("[[anchors]]\nname = \"archive\"\nkind = \"object_lock\"\nurl = \"http://127.0.0.1:1/b\"\n{place}");
        std::fs::write(&settings, format!("{forwarder}{witness}{anchor}")).unwrap();
        let mut command = program();
        command.env("KEY", "k");
        command.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(folder.path().join("data"));
        command.arg("--config").arg(&settings);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening on ").unwrap().to_owned();
        Self { child, address, _folder: folder }
    }

    fn get(&self, path: &str) -> String {
        ureq::get(format!("{}{path}", self.address)).call().unwrap().body_mut().read_to_string().unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // The process may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn collector_command_page_is_current() {
    let mut text = "# The `headgate-collector` command\n\nThe text of `--help`, checked by a test.\n".to_owned();
    describe(&mut text, &mut Vec::new());
    holds("collector-command.md", &text);
}

/// Adds the help of a command, then that of its subcommands.
fn describe(text: &mut String, path: &mut Vec<String>) {
    let output = program().args(&*path).arg("--help").output().unwrap();
    let help = String::from_utf8(output.stdout).unwrap();
    // clap pads empty lines inside long descriptions.
    let help = help.lines().map(str::trim_end).collect::<Vec<_>>().join("\n");
    let title = ["headgate-collector"].into_iter().chain(path.iter().map(String::as_str)).collect::<Vec<_>>();
    let _ = write!(text, "\n## {}\n\n```text\n{}\n```\n", title.join(" "), help.trim_end());
    let lines = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let names = lines.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    let names: Vec<_> = names.filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect();
    for name in names.into_iter().filter(|name| name != "help") {
        path.push(name);
        describe(text, path);
        path.pop();
    }
}

const METRICS: &str = "# Metrics of the collector

Generated from a running collector's `GET /metrics` (OpenMetrics); a test holds this page to it. Labels have closed sets of values: no
client can add one. A counter's samples end in `_total`, a histogram's in `_bucket`, `_count` and `_sum`.

[The operator guide](../operate/monitoring.md) says which of them deserve an alert, and names Envoy's own counters.

| metric | type | labels | meaning |
|---|---|---|---|
";

#[test]
fn metrics_page_is_current() {
    let collector = Running::start();
    // One counted answer gives the metrics by route a sample.
    collector.get("/healthz");
    let seen = settled_metrics(&collector);
    let mut text = METRICS.to_owned();
    for line in seen.lines().filter_map(|line| line.strip_prefix("# HELP ")) {
        let (name, meaning) = line.split_once(' ').unwrap();
        let kind = seen.lines().find_map(|line| line.strip_prefix(&format!("# TYPE {name} "))).unwrap();
        let _ = writeln!(text, "| `{name}` | {kind} | {} | {meaning} |", labels(&seen, name));
    }
    holds("metrics.md", &text);
}

/// Returns the metrics after retention has run on both logs, and both trees and a forwarder were looked at, since only then all of
/// them have a value.
fn settled_metrics(collector: &Running) -> String {
    for _ in 0..600 {
        let seen = collector.get("/metrics");
        let looked_at = ["retention_last_run_seconds{", "collector_tree_size{", "forwarder_behind_entries{"];
        if looked_at.iter().all(|sample| seen.matches(sample).count() == 2) {
            return seen;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    panic!("retention, the first checkpoint or the forwarder has not run within 30 s")
}

/// Returns the names of a metric's labels, without the bounds of histograms.
fn labels(seen: &str, name: &str) -> String {
    let samples = seen.lines().filter(|line| line.starts_with(name));
    let sets = samples.filter_map(|line| Some(line.split_once('{')?.1.split_once('}')?.0));
    let mut names = BTreeSet::new();
    for set in sets {
        names.extend(set.split("\",").filter_map(|pair| Some(pair.split_once('=')?.0)));
    }
    names.remove("le");
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

const API: &str = "# API of the collector

Generated from the collector's OpenAPI document; a test holds this page to it. The document itself is
[openapi.json](openapi.json), and a running collector serves it at `/openapi.json`.

Every route but `/healthz`, `/readyz`, `/metrics` and `/openapi.json` asks for `Authorization: Bearer TOKEN`. To `GET`, a browser
may have a session instead. A parameter that is not listed is refused with 400. Errors have the shape `{\"error\": {\"message\", \"type\", \"param\", \"code\"}}`;
[collector errors](collector-errors.md) lists the codes. Times are µs since 1970, RFC 3339 times, or days, which begin in UTC;
`/v1/usage` answers in seconds.
";

#[test]
fn api_page_is_current() {
    let document: Value = serde_json::from_str(&Running::start().get("/openapi.json")).unwrap();
    holds("openapi.json", &format!("{}\n", spread(&document, 3)));
    let mut text = API.to_owned();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            route(&mut text, &format!("{} {path}", method.to_uppercase()), operation);
        }
    }
    holds("api.md", &text);
}

/// Returns JSON with one line per operation and schema, which keeps diffs small.
fn spread(value: &Value, depth: u8) -> String {
    match value.as_object().filter(|_| depth > 0) {
        None => value.to_string(),
        Some(members) => {
            let lines = members.iter().map(|(name, value)| format!("{}:{}", json!(name), spread(value, depth - 1)));
            format!("{{\n{}\n}}", lines.collect::<Vec<_>>().join(",\n"))
        }
    }
}

/// Adds the section of one route.
fn route(text: &mut String, title: &str, operation: &Value) {
    let _ = writeln!(text, "\n## `{title}`\n\n{}.", operation["summary"].as_str().unwrap());
    if let Some(about) = operation["description"].as_str() {
        let _ = writeln!(text, "\n{about}");
    }
    if let Some(name) = operation["requestBody"]["content"].as_object().and_then(|content| content.iter().next()) {
        let _ = writeln!(text, "\nBody: {}.", shape(name.0, &name.1["schema"]));
    }
    parameters(text, operation);
    text.push_str("\n| answer | meaning | body |\n|--:|---|---|\n");
    for (status, answer) in operation["responses"].as_object().unwrap() {
        let body = answer["content"].as_object().and_then(|content| content.iter().next());
        let body = body.map(|(kind, body)| shape(kind, &body["schema"])).unwrap_or_default();
        let _ = writeln!(text, "| {status} | {} | {body} |", cell(answer["description"].as_str().unwrap()));
    }
}

fn parameters(text: &mut String, operation: &Value) {
    let parameters = operation["parameters"].as_array().map_or(&[][..], Vec::as_slice);
    if parameters.is_empty() {
        return;
    }
    text.push_str("\n| parameter | in | meaning |\n|---|---|---|\n");
    for parameter in parameters {
        let [name, place] = ["name", "in"].map(|key| parameter[key].as_str().unwrap());
        let about = parameter["description"].as_str().unwrap_or_default();
        let _ = writeln!(text, "| `{name}` | {place} | {} |", cell(about));
    }
}

/// Returns the media type and the name of a schema.
fn shape(kind: &str, schema: &Value) -> String {
    let named = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next());
    named.map_or_else(|| format!("`{kind}`"), |name| format!("`{name}` ({kind})"))
}

/// Escapes a text for a table.
fn cell(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}

#[test]
fn every_error_code_is_described() {
    let text = fs::read_to_string(page("collector-errors.md")).unwrap();
    let described: BTreeSet<String> =
        text.lines().filter_map(|line| line.strip_prefix("| ")?.split('`').nth(1)).map(str::to_owned).collect();
    let mut sources = String::new();
    read(&root().join("collector"), &mut sources);
    let used = codes(&sources);
    let missing: Vec<_> = used.difference(&described).collect();
    assert!(missing.is_empty(), "not in docs/reference/collector-errors.md: {missing:?}");
    let gone: Vec<_> = described.iter().filter(|code| !sources.contains(&format!("\"{code}\""))).collect();
    assert!(gone.is_empty(), "no longer in the sources: {gone:?}");
}

#[test]
fn the_page_of_sign_in_has_each_key_and_code() {
    let text = fs::read_to_string(root().join("docs/operate/sign-in.md")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("collector.toml");
    let check = |toml: &str| {
        fs::write(&file, toml).unwrap();
        let mut command = program();
        command.args(["config", "check", "--config"]).arg(&file).env("HEADGATE_OIDC_SECRET", "a");
        let output = command.output().unwrap();
        (output.status.success(), String::from_utf8(output.stderr).unwrap())
    };
    let example = text.split("```toml\n").nth(1).unwrap().split("```").next().unwrap();
    let (good, problem) = check(example);
    assert!(good, "{problem}");
    let (_, problem) = check(&format!("{example}unknown = 1\n"));
    let keys = problem.split("there are: ").nth(1).unwrap().trim();
    for key in keys.split(", ") {
        assert!(text.contains(&format!("\n| `{key}` |")), "`{key}` is not in the table");
    }
    let faults = fs::read_to_string(root().join("collector/oidc/src/fault.rs")).unwrap();
    // A line that is too long has its tuple on the next ones.
    let quoted = faults.split("const fn about").nth(1).unwrap().split('"').skip(1).step_by(2);
    let codes: BTreeSet<_> = quoted.filter(|word| is_code(word)).chain(["no_role", "too_many_tries"]).collect();
    assert!(codes.len() > 30, "{codes:?}");
    let missing: Vec<_> = codes.iter().filter(|code| !text.contains(&format!("`{code}`"))).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

/// Reads all Rust sources below a folder, without tests and examples.
fn read(folder: &Path, sources: &mut String) {
    for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        let name = entry.file_name().unwrap().to_string_lossy().into_owned();
        if entry.is_dir() && !["tests", "examples", "target"].contains(&name.as_str()) {
            read(&entry, sources);
        } else if name.ends_with(".rs") {
            sources.push_str(&fs::read_to_string(&entry).unwrap());
        }
    }
}

/// Returns the words in the position of an error's code.
fn codes(sources: &str) -> BTreeSet<String> {
    let mut codes = BTreeSet::new();
    for call in ["ApiError::invalid(", "Self::invalid(", "ApiError::unavailable(", "Self::unavailable(", "conflict("] {
        for rest in sources.split(call).skip(1) {
            let first = rest.split('"').nth(1).unwrap_or_default();
            let before = rest.split('"').next().unwrap_or_default();
            // A status may precede the code, a message or another call may not.
            if before.chars().all(|c| c.is_ascii_alphabetic() || "_:, \n".contains(c)) && is_code(first) {
                codes.insert(first.to_owned());
            }
        }
    }
    for rest in sources.split("code: \"").skip(1) {
        codes.extend(rest.split('"').next().filter(|word| is_code(word)).map(str::to_owned));
    }
    codes
}

fn is_code(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}
