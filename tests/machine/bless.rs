//! Writes found values into the source of a case file: `UPDATE_EXPECT=1 just unit`.
//!
//! Only the values that differ are replaced, so that comments, quotes and line breaks of everything else stay as they are.

use granit_parser::{Event, Parser, ScalarStyle};
use headgate_simulation::{Difference, PathStep};
use serde_json::Value;
use std::ops::Range;

/// Returns the source with the found value in the place of each value that differs.
///
/// # Panics
/// If a value is not in the source, or the source is not one YAML document.
#[must_use]
pub fn bless(source: &str, differences: &[Difference]) -> String {
    let places = places(source);
    let mut edits: Vec<(Range<usize>, String)> = differences
        .iter()
        .map(|one| {
            let place = places.iter().find(|(path, _)| *path == one.path);
            let range = place.unwrap_or_else(|| panic!("{one}: not in the source")).1.clone();
            let text = written(&one.found, &source[range.clone()], indentation(source, range.start));
            (range, text)
        })
        .collect();
    edits.sort_by_key(|(range, _)| range.start);
    edits.dedup_by_key(|(range, _)| range.start);
    let mut blessed = source.to_owned();
    for (range, text) in edits.into_iter().rev() {
        blessed.replace_range(range, &text);
    }
    blessed
}

/// Returns the positions of a document's values, each with its path.
fn places(source: &str) -> Vec<(Vec<PathStep>, Range<usize>)> {
    let mut reader = Reader::default();
    for event in Parser::new_from_str(source) {
        let (event, span) = event.unwrap();
        let (start, end) = (span.start.byte_offset().unwrap(), span.end.byte_offset().unwrap());
        // A block ends where the next token begins.
        let end = start + source[start..end.max(start)].trim_end().len();
        match event {
            Event::Scalar(text, ScalarStyle::Literal | ScalarStyle::Folded, ..) => {
                // The span is that of the text; the sign of the block is before it.
                reader.value(source[..start].rfind(['|', '>']).unwrap()..end, Some(&text));
            }
            Event::Scalar(text, ..) => reader.value(start..end, Some(&text)),
            Event::SequenceStart(..) => reader.open(start, false),
            Event::MappingStart(..) => reader.open(start, true),
            // The end of a block has no text: its position is the beginning of the next token.
            Event::SequenceEnd | Event::MappingEnd => reader.close(if end > start { end } else { 0 }),
            _ => {}
        }
    }
    reader.places
}

struct Open {
    start: usize,
    /// End of the last value in it.
    end: usize,
    is_map: bool,
    key: Option<String>,
    items: usize,
}

#[derive(Default)]
struct Reader {
    open: Vec<Open>,
    places: Vec<(Vec<PathStep>, Range<usize>)>,
}

impl Reader {
    fn path(&self) -> Vec<PathStep> {
        let step = |open: &Open| match &open.key {
            Some(key) => PathStep::Key(key.clone()),
            None => PathStep::Item(open.items),
        };
        self.open.iter().map(step).collect()
    }

    fn open(&mut self, start: usize, is_map: bool) {
        self.open.push(Open { start, end: start, is_map, key: None, items: 0 });
    }

    fn close(&mut self, end: usize) {
        let Some(done) = self.open.pop() else { return };
        self.value(done.start..done.end.max(end), None);
    }

    /// Reads a key if one is due, otherwise a value.
    fn value(&mut self, range: Range<usize>, text: Option<&str>) {
        let path = self.path();
        let Some(open) = self.open.last_mut() else { return };
        open.end = range.end;
        if open.is_map && open.key.is_none() {
            open.key = text.map(str::to_owned);
            return;
        }
        open.key = None;
        open.items += 1;
        self.places.push((path, range));
    }
}

/// Returns the number of spaces before the first character of the line.
fn indentation(source: &str, at: usize) -> usize {
    let line = source[..at].rfind('\n').map_or(0, |end| end + 1);
    source[line..].len() - source[line..].trim_start_matches(' ').len()
}

/// Returns a value as YAML: a block of text stays a block, and everything else is JSON, which is YAML too.
fn written(value: &Value, before: &str, indent: usize) -> String {
    match value.as_str() {
        Some(text) if before.starts_with(['|', '>']) && fits_block(text) => block(text, indent + 2),
        Some(text) if is_plain(text) => text.to_owned(),
        _ => value.to_string(),
    }
}

fn fits_block(text: &str) -> bool {
    let printable = text.chars().all(|char| char == '\n' || !char.is_control());
    printable && text.contains('\n') && !text.starts_with([' ', '\n'])
}

fn block(text: &str, indent: usize) -> String {
    let keep = if text.ends_with("\n\n") {
        "+"
    } else if text.ends_with('\n') {
        ""
    } else {
        "-"
    };
    let lines = text.strip_suffix('\n').unwrap_or(text).split('\n');
    let indented = lines.map(|line| if line.is_empty() { "\n".to_owned() } else { format!("\n{:indent$}{line}", "") });
    format!("|{keep}{}", indented.collect::<String>())
}

/// Returns whether YAML reads this word as text without quotes.
fn is_plain(text: &str) -> bool {
    let word = text.starts_with(|first: char| first.is_ascii_lowercase())
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
    word && !["true", "false", "null", "yes", "no", "on", "off"].contains(&text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn difference(path: &[&str], found: Value) -> Difference {
        let step = |part: &&str| part.parse().map_or_else(|_| PathStep::Key((*part).to_owned()), PathStep::Item);
        Difference { path: path.iter().map(step).collect(), expected: Value::Null, found }
    }

    #[test]
    fn only_differing_values_change() {
        let source = "# Why.\nexpect:\n  status: 200 # fine\n  headers: {a: \"1\", b: null}\n  record: {tries: [{status: 1}, {status: 2}], end: done}\n";
        let found = [
            difference(&["expect", "status"], json!(404)),
            difference(&["expect", "headers", "b"], json!("x: y")),
            difference(&["expect", "record", "tries", "1", "status"], json!(503)),
            difference(&["expect", "record", "end"], json!("timeout")),
        ];
        let blessed = "# Why.\nexpect:\n  status: 404 # fine\n  headers: {a: \"1\", b: \"x: y\"}\n  record: {tries: [{status: 1}, {status: 503}], end: timeout}\n";
        assert_eq!(bless(source, &found), blessed);
    }

    #[test]
    fn a_list_is_replaced_as_a_whole() {
        let source = "expect:\n  record:\n    attempts:\n      - status: 500\n      - status: 200\n    status: 200\n";
        let found = [difference(&["expect", "record", "attempts"], json!([{"status": 503}]))];
        let blessed = "expect:\n  record:\n    attempts:\n      [{\"status\":503}]\n    status: 200\n";
        assert_eq!(bless(source, &found), blessed);
    }

    #[test]
    fn a_block_of_text_stays_a_block() {
        let source = "expect:\n  body: |\n    data: 1\n\n    data: 2\n  status: 200\n";
        let found = [difference(&["expect", "body"], json!("data: 3\n\ndata: 4\n\n"))];
        let blessed = "expect:\n  body: |+\n    data: 3\n\n    data: 4\n\n  status: 200\n";
        assert_eq!(bless(source, &found), blessed);
    }
}
