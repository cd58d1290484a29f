//! Continues after a YAML error.
//!
//! A YAML parser cannot continue once it has lost the structure. But every section of gateway.yaml begins with a key at
//! the left margin. So the section with the error is blanked, byte for byte so that all positions stay right, and the
//! rest is parsed again.

use super::build::{MAX_DEPTH, MAX_PROXY_DEPTH, build};
use super::node::{Fault, Node};
use std::collections::BTreeSet;
use std::ops::Range;
use std::rc::Rc;

/// Number of errors after which the rest of the file is not parsed.
const MAX_FAULTS: usize = 8;

/// The result of parsing a file.
#[derive(Debug)]
pub(crate) struct Parsed {
    /// The document without the sections that could not be read.
    pub(crate) root: Rc<Node>,
    /// One error for each section that could not be read.
    pub(crate) faults: Vec<Fault>,
    /// Names of these sections.
    pub(crate) unreadable: BTreeSet<String>,
    /// Whether nothing but the errors can be reported of the file.
    pub(crate) hopeless: bool,
}

/// Parses the file, and again without each section that has an error.
#[must_use]
pub(crate) fn parse(source: &str) -> Parsed {
    let mut text = source.to_owned();
    let mut faults: Vec<Fault> = Vec::new();
    let mut unreadable = BTreeSet::new();
    for _ in 0..2 * MAX_FAULTS {
        let fault = match build(&text, MAX_DEPTH) {
            Ok(root) => return Parsed { root, faults, unreadable, hopeless: false },
            Err(fault) => fault,
        };
        let again = faults.last().is_some_and(|last| last.span == fault.span);
        let section = section_at(&text, fault.span.start, !again);
        let is_fatal = fault.is_fatal;
        if !again {
            faults.push(fault);
        }
        if is_fatal {
            break;
        }
        let (Some((name, lines)), true) = (section, faults.len() < MAX_FAULTS) else { break };
        unreadable.insert(name);
        text = blank(&text, &lines);
    }
    Parsed { root: Rc::new(Node::empty()), faults, unreadable, hopeless: true }
}

/// Parses a configuration of a proxy, which has no sections to continue with.
///
/// # Errors
/// Returns the first error.
pub(crate) fn parse_proxy(source: &str) -> Result<Rc<Node>, Fault> {
    build(source, MAX_PROXY_DEPTH)
}

/// Returns the section that causes an error at the byte: from the last key at the left margin up to the next.
///
/// The parser notices an unclosed bracket at the key of the next section. So with `before`, an error at a section's key
/// is attributed to the section before it.
fn section_at(text: &str, byte: usize, before: bool) -> Option<(String, Range<usize>)> {
    let mut found: Option<(String, Range<usize>)> = None;
    let mut start: usize = 0;
    for line in text.split_inclusive('\n') {
        if let Some(name) = section_name(line) {
            let body = start.saturating_add(if before { name.len().saturating_add(1) } else { 0 });
            if found.is_some() && body > byte {
                break;
            }
            found = Some((name, start..start));
        }
        start = start.saturating_add(line.len());
        if let Some((_, range)) = &mut found {
            range.end = start;
        }
    }
    found
}

fn section_name(line: &str) -> Option<String> {
    let (name, _) = line.split_once(':')?;
    let is_word = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    is_word.then(|| name.to_owned())
}

/// Replaces each line of the section by a comment of the same length.
fn blank(text: &str, section: &Range<usize>) -> String {
    let mut blanked = String::with_capacity(text.len());
    let mut start: usize = 0;
    for line in text.split_inclusive('\n') {
        let content = line.trim_end_matches('\n');
        if section.contains(&start) && !content.is_empty() {
            blanked.push('#');
            blanked.extend(std::iter::repeat_n(' ', content.len().saturating_sub(1)));
            blanked.extend(line.strip_prefix(content));
        } else {
            blanked.push_str(line);
        }
        start = start.saturating_add(line.len());
    }
    blanked
}
