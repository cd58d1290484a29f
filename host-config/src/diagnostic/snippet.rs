//! Cuts a line out of the source without showing a secret.

use crate::shape;
use crate::tree::Span;

/// Characters shown before and after the problem.
const AROUND: usize = 60;

/// Stands for a character that is not shown.
const HIDDEN: char = '·';

/// Characters of YAML's own that are shown even where nothing was understood.
const STRUCTURE: &str = " {}[],:\"'#-&*|>";

/// The source, and what of it is hidden.
pub(super) struct Lines<'a> {
    source: &'a str,
    /// Sorted by their start.
    hidden: Vec<Span>,
}

/// A part of a line.
pub(super) struct Cut {
    pub(super) text: String,
    pub(super) mark: usize,
    pub(super) length: usize,
}

impl<'a> Lines<'a> {
    pub(super) fn new(source: &'a str, mut hidden: Vec<Span>) -> Self {
        hidden.sort();
        Self { source, hidden }
    }

    /// The line in which the span begins.
    pub(super) fn cut(&self, span: Span, opaque: bool) -> Cut {
        let at = self.source.floor_char_boundary(span.start);
        let (before, after) = self.source.split_at_checked(at).unwrap_or((self.source, ""));
        let line_start = before.rfind(['\n', '\r']).map_or(0, |end| end.saturating_add(1));
        let line_end = at.saturating_add(after.find(['\n', '\r']).unwrap_or(after.len()));
        let line = self.source.get(line_start..line_end).unwrap_or_default();
        let shown = if opaque { structure(line) } else { self.mask(line, line_start) };
        let mark = line.get(..at.saturating_sub(line_start)).unwrap_or_default().chars().count();
        let end = self.source.floor_char_boundary(span.end.min(line_end));
        let length = self.source.get(at..end).unwrap_or_default().chars().count().max(1);
        crop(&shown, mark, length)
    }

    fn mask(&self, line: &str, start: usize) -> String {
        let end = start.saturating_add(line.len());
        let here: Vec<&Span> = self.hidden.iter().filter(|span| span.start < end && span.end > start).collect();
        let secret = |at: usize| here.iter().any(|span| (span.start..span.end).contains(&at));
        line.char_indices().map(|(at, c)| if secret(start.saturating_add(at)) { HIDDEN } else { plain(c) }).collect()
    }
}

/// Terminals act on control characters.
fn plain(c: char) -> char {
    if c == '\t' {
        ' '
    } else if c.is_control() {
        HIDDEN
    } else {
        c
    }
}

/// YAML's own characters and the declared keys; everything else could be a secret.
fn structure(line: &str) -> String {
    let mut shown = String::with_capacity(line.len());
    for word in line.split_inclusive(|c| STRUCTURE.contains(c)) {
        let (text, tail) = match word.char_indices().next_back() {
            Some((at, last)) if STRUCTURE.contains(last) => word.split_at_checked(at).unwrap_or((word, "")),
            _ => (word, ""),
        };
        match shape::is_key(text) {
            true => shown.push_str(text),
            false => shown.extend(text.chars().map(|c| if c == '\t' { ' ' } else { HIDDEN })),
        }
        shown.push_str(tail);
    }
    shown
}

fn crop(line: &str, mark: usize, length: usize) -> Cut {
    let skip = mark.saturating_sub(AROUND);
    let length = length.min(AROUND);
    let most = mark.saturating_sub(skip).saturating_add(length).saturating_add(AROUND);
    let text: String = line.chars().skip(skip).take(most).collect();
    Cut { text: text.trim_end().to_owned(), mark: mark.saturating_sub(skip), length }
}
