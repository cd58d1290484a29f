//! Going on after a YAML error.
//!
//! A YAML parser cannot continue once it has lost the structure. But every section of gateway.yaml begins with a key at
//! the left margin, so the section with the error is blanked, byte for byte so that all places stay right, and the rest
//! is read again.

use super::{Fault, Node, build};
use std::collections::BTreeSet;
use std::ops::Range;
use std::rc::Rc;

/// Errors after which the rest of the file is no longer looked at.
const MAX_FAULTS: usize = 8;

/// What could be read.
#[derive(Debug)]
pub(crate) struct Parsed {
    /// The document without the sections that could not be read.
    pub(crate) root: Rc<Node>,
    /// One for each section that could not be read.
    pub(crate) faults: Vec<Fault>,
    /// Names of these sections.
    pub(crate) unreadable: BTreeSet<String>,
    /// Nothing can be said about the file but its faults.
    pub(crate) hopeless: bool,
}

/// Reads the file, section by section if need be.
#[must_use]
pub(crate) fn parse(source: &str) -> Parsed {
    let mut text = source.to_owned();
    let mut faults: Vec<Fault> = Vec::new();
    let mut unreadable = BTreeSet::new();
    for _ in 0..2 * MAX_FAULTS {
        let fault = match build(&text) {
            Ok(root) => return Parsed { root, faults, unreadable, hopeless: false },
            Err(fault) => fault,
        };
        let again = faults.last().is_some_and(|last| last.span == fault.span);
        let section = section_at(&text, fault.span.start, !again);
        if !again {
            faults.push(fault);
        }
        let (Some((name, lines)), true) = (section, faults.len() < MAX_FAULTS) else { break };
        unreadable.insert(name);
        text = blank(&text, &lines);
    }
    Parsed { root: Rc::new(Node::empty()), faults, unreadable, hopeless: true }
}

/// The section that is to blame for an error at the byte: from the last key at the left margin up to the next.
///
/// A bracket that is never closed is noticed at the key of the section after it, so that an error at a section's key is
/// at first taken for the fault of the section `before`.
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

/// A comment as long as the line instead of each line of the section.
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
