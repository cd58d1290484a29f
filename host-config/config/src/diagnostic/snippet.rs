//! Cuts a line out of the source without showing a secret.
//!
//! Hiding known secrets is not enough: a typing error can turn one into a comment, an anchor, a tag or a key. So
//! everything is hidden but YAML's own characters, declared keys, and values that are valid and not secret.

use crate::credential::credentials;
use crate::schema;
use crate::tree::Span;

/// Characters shown before and after the problem.
const AROUND: usize = 60;

/// Bytes that are read before and after the problem: more than is shown, so that a part of a credential is still
/// recognised, and bounded, since a file may be one long line.
const LOOKED_AT: usize = 1024;

/// Replaces a character that is not shown.
const HIDDEN: char = '·';

/// YAML's own characters.
const STRUCTURE: &str = " {}[],:\"'#-&*|>";

/// The source, and the parts of it that may be shown.
pub(super) struct Lines<'a> {
    source: &'a str,
    /// In the order of the file. Spans of different values do not overlap.
    shown: Vec<Span>,
}

/// A part of a line.
pub(super) struct Cut {
    pub(super) text: String,
    pub(super) mark: usize,
    pub(super) length: usize,
}

impl<'a> Lines<'a> {
    pub(super) fn new(source: &'a str, mut shown: Vec<Span>) -> Self {
        // A value is marked again for each alias of it.
        shown.sort_unstable();
        shown.dedup();
        Self { source, shown }
    }

    /// Returns the line in which the span begins.
    pub(super) fn cut(&self, span: Span) -> Cut {
        let at = self.source.floor_char_boundary(span.start);
        let (before, after) = self.source.split_at_checked(at).unwrap_or((self.source, ""));
        let line_start = before.rfind(['\n', '\r']).map_or(0, |end| end.saturating_add(1));
        let line_end = at.saturating_add(after.find(['\n', '\r']).unwrap_or(after.len()));
        let from = line_start.max(self.source.floor_char_boundary(at.saturating_sub(LOOKED_AT)));
        let to = line_end.min(self.source.floor_char_boundary(at.saturating_add(LOOKED_AT)));
        let line = self.source.get(from..to).unwrap_or_default();
        let mark = line.get(..at.saturating_sub(from)).unwrap_or_default().chars().count();
        let end = self.source.floor_char_boundary(span.end.min(to));
        let length = self.source.get(at..end).unwrap_or_default().chars().count().max(1);
        crop(&without_credentials(&self.masked(line, from)), mark, length)
    }

    fn masked(&self, line: &str, start: usize) -> String {
        let end = start.saturating_add(line.len());
        let first = self.shown.partition_point(|span| span.end <= start);
        let here: Vec<&Span> = self.shown.iter().skip(first).take_while(|span| span.start < end).collect();
        let harmless = |at: usize| here.iter().any(|span| (span.start..span.end).contains(&at));
        let positions = line.char_indices().map(|(at, _)| start.saturating_add(at));
        let structure = structure(line);
        let characters = line.chars().zip(structure.chars());
        positions.zip(characters).map(|(at, (c, masked))| if harmless(at) { tamed(c) } else { masked }).collect()
    }
}

/// Hides credentials in values that are otherwise shown.
fn without_credentials(line: &str) -> String {
    let found = credentials(line);
    let hidden = |at: usize| found.iter().any(|range| range.contains(&at));
    line.char_indices().map(|(at, c)| if hidden(at) { HIDDEN } else { c }).collect()
}

/// Returns a text from elsewhere in a form that is safe for a terminal: characters that are invisible, or that change how
/// others are displayed, are escaped.
#[must_use]
pub fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\t' => out.push(' '),
            _ if is_hidden(c) => out.extend(c.escape_unicode()),
            _ => out.push(c),
        }
    }
    out
}

/// Returns whether a character cannot be seen as itself. Terminals act on control characters, editors on those that change
/// the direction of text, and zero-width characters make two different names look the same.
#[must_use]
pub fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}')
        || matches!(c, '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
        || matches!(c, '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}')
        || matches!(c, '\u{fff0}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

/// Replaces a character that must not be shown by another one, so that columns stay the same.
fn tamed(c: char) -> char {
    match c {
        '\t' => ' ',
        _ if is_hidden(c) => HIDDEN,
        _ => c,
    }
}

/// Returns the line with only YAML's own characters and the declared keys shown, and the same number of characters.
fn structure(line: &str) -> String {
    let mut masked = String::with_capacity(line.len());
    for word in line.split_inclusive(|c| STRUCTURE.contains(c)) {
        let text = word.trim_end_matches(|c| STRUCTURE.contains(c));
        if schema::is_key(text) {
            masked.push_str(text);
        } else {
            masked.extend(text.chars().map(|c| if c == '\t' { ' ' } else { HIDDEN }));
        }
        masked.push_str(word.strip_prefix(text).unwrap_or_default());
    }
    masked
}

fn crop(line: &str, mark: usize, length: usize) -> Cut {
    let skip = mark.saturating_sub(AROUND);
    let length = length.min(AROUND);
    let most = mark.saturating_sub(skip).saturating_add(length).saturating_add(AROUND);
    let text: String = line.chars().skip(skip).take(most).collect();
    Cut { text: text.trim_end().to_owned(), mark: mark.saturating_sub(skip), length }
}
