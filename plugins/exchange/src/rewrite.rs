//! The changes of a request's body for a provider, as splices.
//!
//! Writing the document again would be simpler, but would change the client's number spellings, key order and escapes. A
//! splice replaces a range of bytes; every byte outside stays as it is.

use crate::json::push_quoted;
use crate::request::{RequestScan, UsageAsk};
use std::iter::once;
use std::ops::Range;

/// Bytes that replace a range of the body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Splice {
    /// The replaced range.
    pub at: Range<usize>,
    /// The new bytes.
    pub with: Vec<u8>,
}

/// Splices in the order of the body, none overlapping.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Splices {
    list: Vec<Splice>,
}

/// Replaces the client's `model` by the provider's. With `ask_for_usage`, also requests the usage of a stream, unless the
/// client has done so.
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
    /// Sorts splices; of two that overlap, the later one is dropped.
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

    /// Returns whether the body stays as it is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Returns the splices, in order.
    #[must_use]
    pub fn list(&self) -> &[Splice] {
        &self.list
    }

    /// Returns the new length of a body of `body_len` bytes.
    #[must_use]
    pub fn len_after(&self, body_len: usize) -> usize {
        self.list
            .iter()
            .fold(body_len, |len, splice| len.saturating_sub(splice.at.len()).saturating_add(splice.with.len()))
    }

    /// Returns the new body in pieces, some of them empty; `body` is the scanned one.
    pub fn pieces<'a>(&'a self, body: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
        let starts = once(0).chain(self.list.iter().map(|splice| splice.at.end));
        let ends = self.list.iter().map(|splice| splice.at.start).chain(once(body.len()));
        let replacements = self.list.iter().map(|splice| splice.with.as_slice()).chain(once(&[][..]));
        starts
            .zip(ends)
            .zip(replacements)
            .flat_map(|((start, end), with)| [body.get(start..end).unwrap_or_default(), with])
    }

    /// Returns the new body.
    #[must_use]
    pub fn apply(&self, body: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.len_after(body.len()));
        for piece in self.pieces(body) {
            out.extend_from_slice(piece);
        }
        out
    }
}
