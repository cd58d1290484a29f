//! What a provider needs changed in a request's body, as splices.
//!
//! Writing the document anew would be simpler and would change what the client sent: number spellings, key order,
//! escapes. A splice names a range and the bytes that take its place; every byte outside stays as it is.

use crate::json::push_quoted;
use crate::request::{RequestScan, UsageAsk};
use std::iter::once;
use std::ops::Range;

/// Bytes that take the place of a range of the body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Splice {
    /// What goes.
    pub at: Range<usize>,
    /// What comes.
    pub with: Vec<u8>,
}

/// Splices in the order of the body, none overlapping.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Splices {
    list: Vec<Splice>,
}

/// Puts the provider's `model` in place of the client's. With `ask_for_usage`, a stream is also asked to end with its
/// usage, unless the client asked by itself.
#[must_use]
pub fn rewrite(scan: &RequestScan, model: &str, ask_for_usage: bool) -> Splices {
    let mut list = Vec::new();
    if scan.model != model {
        let mut with = Vec::with_capacity(model.len() + 2);
        push_quoted(&mut with, model);
        list.push(Splice { at: scan.model_span.clone(), with });
    }
    if ask_for_usage && scan.stream && scan.surface.has_stream_options() {
        list.extend(usage_splice(&scan.usage_ask));
    }
    list.sort_by_key(|splice| splice.at.start);
    Splices { list }
}

fn usage_splice(ask: &UsageAsk) -> Option<Splice> {
    let (at, with): (_, &[u8]) = match ask {
        UsageAsk::Asked => return None,
        UsageAsk::Absent(at) => (*at..*at, br#""stream_options":{"include_usage":true},"#),
        UsageAsk::Null(at) => (at.clone(), br#"{"include_usage":true}"#),
        UsageAsk::Unset { at, empty: true } => (*at..*at, br#""include_usage":true"#),
        UsageAsk::Unset { at, empty: false } => (*at..*at, br#""include_usage":true,"#),
        UsageAsk::Off(at) => (at.clone(), b"true"),
    };
    Some(Splice { at, with: with.to_vec() })
}

impl Splices {
    /// Puts splices in order; of two that overlap, the later one goes.
    #[must_use]
    pub fn new(mut list: Vec<Splice>) -> Self {
        list.sort_by_key(|splice| splice.at.start);
        let mut end = 0;
        list.retain(|splice| {
            let apart = splice.at.start >= end;
            end = if apart { splice.at.end } else { end };
            apart
        });
        Self { list }
    }

    /// Whether the body stays as it is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The splices, in order.
    #[must_use]
    pub fn list(&self) -> &[Splice] {
        &self.list
    }

    /// Length of a body of `body_len` bytes afterwards.
    #[must_use]
    pub fn len_after(&self, body_len: usize) -> usize {
        self.list
            .iter()
            .fold(body_len, |len, splice| len.saturating_sub(splice.at.len()).saturating_add(splice.with.len()))
    }

    /// The new body in pieces, some of them empty; `body` is the one that was scanned.
    pub fn pieces<'a>(&'a self, body: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
        let starts = once(0).chain(self.list.iter().map(|splice| splice.at.end));
        let ends = self.list.iter().map(|splice| splice.at.start).chain(once(body.len()));
        let replacements = self.list.iter().map(|splice| splice.with.as_slice()).chain(once(&[][..]));
        starts
            .zip(ends)
            .zip(replacements)
            .flat_map(|((start, end), with)| [body.get(start..end).unwrap_or_default(), with])
    }

    /// The new body in one.
    #[must_use]
    pub fn apply(&self, body: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.len_after(body.len()));
        for piece in self.pieces(body) {
            out.extend_from_slice(piece);
        }
        out
    }
}
