//! Checks the Markdown pages of the repository: valid links, a complete book, plain language.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test fails by panicking, and says what it measured")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Component, Path, PathBuf};

/// Words that make a sentence hard to read when they stand for a noun.
const NOUNLESS: [&str; 3] = ["what", "who", "whose"];
/// Largest number of them in 100 words of text.
const NOUNLESS_PER_100: f64 = 0.2;
/// Words above which a sentence is long.
const LONG_SENTENCE: usize = 35;
/// Largest number of long sentences in 1000.
const LONG_PER_1000: usize = 5;

fn root() -> &'static Path {
    let mut folders = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
    folders.find(|folder| folder.join("Cargo.lock").is_file()).unwrap()
}

/// Returns every Markdown file of the repository, without build products and hidden folders.
fn pages() -> Vec<PathBuf> {
    let mut found = Vec::new();
    collect(root(), &mut found);
    found.sort();
    assert!(found.len() > 50, "only {} pages were found", found.len());
    found
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && !name.starts_with('.') && !["target", "node_modules"].contains(&name.as_str()) {
            collect(&path, found);
        } else if name.ends_with(".md") {
            found.push(path);
        }
    }
}

/// Returns the lines outside fenced code.
fn text_lines(page: &str) -> Vec<&str> {
    let mut fenced = false;
    let mut lines = Vec::new();
    for line in page.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if !fenced {
            lines.push(line);
        }
    }
    lines
}

/// Returns a line without inline code.
fn without_code(line: &str) -> String {
    line.split('`').step_by(2).collect::<Vec<_>>().join("x")
}

/// Returns the targets of a page's links.
fn links(page: &str) -> Vec<String> {
    let lines = text_lines(page).into_iter().map(without_code).collect::<Vec<_>>().join("\n");
    let parts = lines.split("](").skip(1);
    parts.filter_map(|part| Some(part.split_once(')')?.0.to_owned())).collect()
}

/// Returns the anchors of a page's headings, as GitHub and mdBook make them.
fn anchors(page: &str) -> BTreeSet<String> {
    let mut anchors = BTreeSet::new();
    for heading in text_lines(page).into_iter().filter(|line| line.starts_with('#')) {
        let heading = heading.trim_start_matches('#').trim().to_lowercase();
        let kept: String = heading.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c)).collect();
        let anchor = kept.replace(' ', "-");
        let again = (1..).map(|number| format!("{anchor}-{number}")).find(|again| !anchors.contains(again)).unwrap();
        if !anchors.insert(anchor) {
            anchors.insert(again);
        }
    }
    anchors
}

/// Returns a path without `.` and `..`.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => _ = normal.pop(),
            Component::CurDir => {}
            other => normal.push(other),
        }
    }
    normal
}

#[test]
fn every_link_is_valid() {
    let mut broken = Vec::new();
    for file in pages() {
        for link in links(&fs::read_to_string(&file).unwrap()) {
            if link.contains("://") || link.starts_with("mailto:") {
                continue;
            }
            let (path, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let target = if path.is_empty() { file.clone() } else { normal(&file.parent().unwrap().join(path)) };
            let there = target.exists();
            let known = anchor.is_empty() || there && anchors(&fs::read_to_string(&target).unwrap()).contains(anchor);
            if !there || !known {
                broken.push(format!("{}: {link}", file.strip_prefix(root()).unwrap().display()));
            }
        }
    }
    assert!(broken.is_empty(), "broken links:\n{}", broken.join("\n"));
}

#[test]
fn the_book_has_every_page() {
    let docs = root().join("docs");
    let summary = links(&fs::read_to_string(docs.join("SUMMARY.md")).unwrap());
    let listed: BTreeSet<PathBuf> = summary.iter().map(|link| normal(&docs.join(link))).collect();
    assert_eq!(listed.len(), summary.len(), "a page is listed twice");
    let pages = pages().into_iter().filter(|page| page.starts_with(&docs) && !page.ends_with("SUMMARY.md"));
    let missing: Vec<_> = pages.filter(|page| !listed.contains(page)).collect();
    assert!(missing.is_empty(), "not in docs/SUMMARY.md: {missing:?}");
}

/// Returns the sentences of a page: no code, tables, headings or links' targets.
fn sentences(page: &str) -> Vec<String> {
    let mut text = String::new();
    for line in text_lines(page) {
        let trimmed = line.trim();
        let ends = trimmed.is_empty()
            || ["#", "|", "- ", "1.", "2.", "3.", "4.", "5.", "6.", "7."]
                .iter()
                .any(|start| trimmed.starts_with(start));
        if ends {
            text.push('\n');
        }
        if !trimmed.starts_with(['#', '|']) && !line.starts_with("    ") {
            let code_free = without_code(trimmed);
            let plain = code_free.split("](").map(|part| part.split_once(')').map_or(part, |(_, rest)| rest));
            let first = code_free.split("](").next().unwrap_or_default().to_owned();
            let rest: String = plain.skip(1).collect();
            text.push_str(&first);
            text.push_str(&rest);
            text.push(' ');
        }
    }
    let ends = text.replace(". ", "\n").replace(": ", "\n").replace("; ", "\n").replace("? ", "\n");
    ends.lines().map(str::trim).filter(|sentence| !sentence.is_empty()).map(str::to_owned).collect()
}

fn words(sentence: &str) -> Vec<String> {
    let parts = sentence.split(|c: char| !c.is_alphanumeric() && c != '\'');
    parts.filter(|word| word.chars().any(char::is_alphabetic)).map(str::to_lowercase).collect()
}

#[test]
fn pages_are_written_plainly() {
    let generated =
        ["gateway-yaml.md", "record.md", "api.md", "metrics.md", "guardrail-detectors.md", "gateway-errors.md"];
    let mut counts = (0, 0, 0, 0);
    let mut shown = Vec::new();
    for file in pages().into_iter().filter(|file| !generated.iter().any(|name| file.ends_with(name))) {
        for sentence in sentences(&fs::read_to_string(&file).unwrap()) {
            let words = words(&sentence);
            let nounless = words.iter().filter(|word| NOUNLESS.contains(&word.as_str())).count();
            let long = usize::from(words.len() > LONG_SENTENCE);
            counts = (counts.0 + words.len(), counts.1 + nounless, counts.2 + 1, counts.3 + long);
            if nounless + long > 0 {
                shown.push(format!("{}: {sentence}", file.strip_prefix(root()).unwrap().display()));
            }
        }
    }
    let (all, nounless, sentences, long) = counts;
    #[allow(clippy::cast_precision_loss, reason = "a few thousand words")]
    let rate = nounless as f64 * 100.0 / all as f64;
    println!(
        "{all} words, {rate:.2} of {NOUNLESS:?} in 100, {long} of {sentences} sentences over {LONG_SENTENCE} words"
    );
    println!("{}", shown.join("\n"));
    assert!(rate <= NOUNLESS_PER_100 && long * 1000 <= sentences * LONG_PER_1000, "see the sentences above");
}

/// Returns the options after each `headgate` or `headgate-collector` of a line.
fn options(line: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    // Here `headgate` is a namespace, or a user.
    let line = &line.replace("-u headgate", "");
    if line.contains("kubectl") {
        return found;
    }
    let mut command = None;
    for word in line.split_whitespace() {
        let word = word.trim_matches(|c: char| "`\"'.,;:()[]$".contains(c));
        let program = word.rsplit('/').next().unwrap_or_default();
        if command.is_none() && ["headgate", "headgate-collector"].contains(&program) {
            command = Some(program);
        } else if ["|", "||", "&&", ""].contains(&word) {
            command = None;
        } else if let Some(command) = command.filter(|_| word.starts_with("--")) {
            found.push((command.to_owned(), word.split('=').next().unwrap_or_default().to_owned()));
        }
    }
    found
}

#[test]
fn every_documented_option_exists() {
    let reference = |name: &str| fs::read_to_string(root().join("docs/reference").join(name)).unwrap();
    let (headgate, collector) = (reference("headgate-command.md"), reference("collector-command.md"));
    let mut files: Vec<_> = pages().into_iter().filter(|page| !page.ends_with("collector-command.md")).collect();
    for folder in ["deploy/systemd", "deploy/kubernetes", "envoy"] {
        files.extend(fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap().path()));
    }
    let mut unknown = Vec::new();
    for file in files.into_iter().filter(|file| file.is_file()) {
        for line in fs::read_to_string(&file).unwrap_or_default().lines() {
            for (command, option) in options(line) {
                let known = if command == "headgate" { &headgate } else { &collector };
                if !known.contains(&option) {
                    unknown.push(format!("{}: {command} {option}", file.strip_prefix(root()).unwrap().display()));
                }
            }
        }
    }
    assert!(unknown.is_empty(), "options that no command has:\n{}", unknown.join("\n"));
}

/// Returns whether a path, whose last part may contain `*`, exists.
fn leads_somewhere(path: &str) -> bool {
    let path = root().join(path.trim_end_matches('/'));
    let (folder, name) = (path.parent().unwrap(), path.file_name().unwrap().to_string_lossy().into_owned());
    let Some((first, last)) = name.split_once('*') else { return path.exists() };
    let last = last.rsplit('*').next().unwrap_or_default();
    let mut names = fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().file_name());
    names.any(|name| name.to_string_lossy().starts_with(first) && name.to_string_lossy().ends_with(last))
}

#[test]
fn every_named_path_exists() {
    let tops = ["plugins/", "host-config/", "collector/", "tests/", "envoy/", "docs/", "examples/", "deploy/"];
    let mut gone = Vec::new();
    for file in pages() {
        let page = fs::read_to_string(&file).unwrap();
        let spans = text_lines(&page).into_iter().flat_map(|line| line.split('`').skip(1).step_by(2));
        for span in spans.filter(|span| tops.iter().any(|top| span.starts_with(top)) && !span.contains([' ', 'N'])) {
            if !leads_somewhere(span) {
                gone.push(format!("{}: {span}", file.strip_prefix(root()).unwrap().display()));
            }
        }
    }
    assert!(gone.is_empty(), "paths that are not there:\n{}", gone.join("\n"));
}

/// The library and the generator of its JavaScript read each other's custom section.
#[test]
fn wasm_bindgen_and_its_generator_have_one_version() {
    let lock = fs::read_to_string(root().join("Cargo.lock")).unwrap();
    let version = |name: &str| {
        let package = lock.split("[[package]]").find(|package| package.contains(&format!("name = \"{name}\"\n")));
        package.unwrap().lines().find(|line| line.starts_with("version = ")).unwrap().to_owned()
    };
    assert_eq!(version("wasm-bindgen"), version("wasm-bindgen-cli-support"));
}
