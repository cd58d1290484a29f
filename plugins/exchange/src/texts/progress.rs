//! How far the judgement of one text is, and what is to be changed of it in each event that brings a part.
//!
//! A guard counts in bytes of what it reads. An event knows what it brought unescaped once, and arguments are read
//! unescaped twice: this is where the one is turned into the other.

use super::escaped;
use super::events::Event;
use super::spelling::{Spelling, unescape};
use super::stream::{Edit, Examine, Halt};
use crate::json::push_escaped;
use crate::rewrite::Splice;
use std::collections::VecDeque;
use std::ops::Range;

/// What an event adds to a text.
#[derive(Debug)]
pub(super) struct Piece {
    pub(super) text: usize,
    /// Bytes of the text, unescaped once.
    pub(super) range: Range<usize>,
    pub(super) spelling: Spelling,
}

/// How far a text is. All offsets are of the text unescaped once.
#[derive(Debug, Default)]
pub(super) struct Progress {
    pub(super) read: usize,
    pub(super) decided: usize,
    edits: VecDeque<Edit>,
    nested: Option<Nested>,
    edit_room: Vec<Edit>,
}

/// JSON inside a string: what the guard reads is unescaped once more.
#[derive(Debug, Default)]
struct Nested {
    /// The beginning of an escape.
    open: String,
    /// Bytes of the outer text that were unescaped.
    used: usize,
    /// Bytes that came of it.
    len: usize,
    spelling: Spelling,
}

impl Progress {
    /// Nothing read yet; `nested` says that it is JSON inside a string.
    pub(super) fn new(nested: bool) -> Self {
        Self { nested: nested.then(Nested::default), ..Self::default() }
    }

    /// Shows the guard more of the text.
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
                nested.spelling.forget_before(decided);
            }
        }
        self.edits.extend(edits.drain(..));
        self.edit_room = edits;
        Ok(())
    }

    /// What is to be changed of an event for the part of this text that it brings.
    pub(super) fn splices(&mut self, piece: &Piece, event: &Event, splices: &mut Vec<Splice>) {
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
            splices.push(Splice { at: event.in_raw(&piece.spelling.written(here)), with });
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
        let used = unescape(&self.open, self.used, last, &mut inner, self.len, &mut self.spelling);
        self.open.drain(..used);
        self.used = self.used.saturating_add(used);
        self.len = self.len.saturating_add(inner.len());
        inner
    }

    /// How much of the outer text is decided when this much of the inner one is.
    fn outer(&mut self, decided: usize) -> usize {
        if decided >= self.len {
            return self.used;
        }
        self.spelling.written_start(decided)
    }

    fn outward(&mut self, edit: &mut Edit) {
        edit.at = self.spelling.written(edit.at.clone());
        edit.with = escaped(&edit.with);
    }
}
