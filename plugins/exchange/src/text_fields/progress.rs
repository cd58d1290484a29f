//! The progress of the scan of one text, and its changes in each event that contains a part of it.
//!
//! A guard counts in bytes of the text that it scans. An event contains the text unescaped once, but arguments are scanned
//! unescaped twice. This converts between the two.

use super::events::Event;
use super::examine::{Edit, Examine, Halt};
use super::json_escape::{EscapeMap, unescape};
use super::text::escaped;
use crate::json::push_escaped;
use crate::rewrite::Splice;
use std::collections::VecDeque;
use std::ops::Range;

/// The part of a text in one event.
#[derive(Debug)]
pub(super) struct TextPiece {
    pub(super) text: usize,
    /// Bytes of the text, unescaped once.
    pub(super) range: Range<usize>,
    pub(super) escape_map: EscapeMap,
}

/// The progress of one text. All offsets are of the text unescaped once.
#[derive(Debug, Default)]
pub(super) struct TextProgress {
    pub(super) read: usize,
    pub(super) decided: usize,
    edits: VecDeque<Edit>,
    nested: Option<Nested>,
    edit_room: Vec<Edit>,
}

/// JSON inside a string, which is unescaped once more for the guard.
#[derive(Debug, Default)]
struct Nested {
    /// An incomplete escape.
    open: String,
    /// Number of bytes of the outer text that were unescaped.
    used: usize,
    /// Number of bytes of the result.
    len: usize,
    escape_map: EscapeMap,
}

impl TextProgress {
    /// Returns the state before the first byte; `nested`: the text is JSON inside a string.
    pub(super) fn new(nested: bool) -> Self {
        Self { nested: nested.then(Nested::default), ..Self::default() }
    }

    /// Passes more of the text to the guard.
    pub(super) fn read(&mut self, text: usize, piece: &str, last: bool, guard: &mut impl Examine) -> Result<(), Halt> {
        self.read = self.read.saturating_add(piece.len());
        let mut edits = std::mem::take(&mut self.edit_room);
        match &mut self.nested {
            None => {
                let decided = guard.examine(text, piece, last, &mut edits)?;
                self.decided = if last { self.read } else { decided.min(self.read) };
            }
            Some(nested) => {
                let inner = nested.unescape(piece, last);
                let decided = guard.examine(text, &inner, last, &mut edits)?;
                self.decided = if last { self.read } else { nested.outer(decided) };
                edits.iter_mut().for_each(|edit| nested.outward(edit));
                nested.escape_map.forget_before(decided);
            }
        }
        self.edits.extend(edits.drain(..));
        self.edit_room = edits;
        Ok(())
    }

    /// Appends the changes of an event for its part of this text.
    pub(super) fn splices(&mut self, piece: &TextPiece, event: &Event, splices: &mut Vec<Splice>) {
        for edit in self.edits.iter().take_while(|edit| edit.at.start < piece.range.end) {
            let (start, end) = (edit.at.start.max(piece.range.start), edit.at.end.min(piece.range.end));
            if start >= end {
                continue;
            }
            let here = start.saturating_sub(piece.range.start)..end.saturating_sub(piece.range.start);
            let mut with = Vec::new();
            if edit.at.start >= piece.range.start {
                push_escaped(&mut with, &edit.with);
            }
            splices.push(Splice { at: event.in_raw(&piece.escape_map.written(here)), with });
        }
        while self.edits.front().is_some_and(|edit| edit.at.end <= piece.range.end) {
            self.edits.pop_front();
        }
    }
}

impl Nested {
    fn unescape(&mut self, piece: &str, last: bool) -> String {
        self.open.push_str(piece);
        let mut inner = String::with_capacity(self.open.len());
        let used = unescape(&self.open, self.used, last, &mut inner, self.len, &mut self.escape_map);
        self.open.drain(..used);
        self.used = self.used.saturating_add(used);
        self.len = self.len.saturating_add(inner.len());
        inner
    }

    /// Returns how much of the outer text is decided if this much of the inner one is.
    fn outer(&mut self, decided: usize) -> usize {
        if decided >= self.len {
            return self.used;
        }
        self.escape_map.written_start(decided)
    }

    fn outward(&mut self, edit: &mut Edit) {
        edit.at = self.escape_map.written(edit.at.clone());
        edit.with = escaped(&edit.with);
    }
}
