//! The caller's trace (W3C Trace Context), and the spans of a request in it.
//!
//! A request is a span, and so is each of its tries. Their ids follow from the id of the request, so that an exporter finds the same
//! ones in the record: the last eight bytes of the id, and for the try `n` (from 1) that number plus `n`.

use crate::id::{RequestId, push_hex};
use std::fmt::Write;

/// The header that names the caller's trace and span.
pub(crate) const TRACEPARENT: &str = "traceparent";
/// Flags of a trace whose own ones cannot be read: not sampled.
const NO_FLAGS: &str = "00";

/// Id of a span: eight bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SpanId(u64);

impl SpanId {
    /// Returns the span of a request.
    pub(crate) fn of_request(id: RequestId) -> Self {
        Self(u128::from_be_bytes(id.0) as u64)
    }

    /// Returns the span of a try of a request; `index` counts from 0.
    pub(crate) fn of_try(id: RequestId, index: usize) -> Self {
        Self(Self::of_request(id).0.wrapping_add(index as u64).wrapping_add(1))
    }

    /// 16 lower-case hex digits.
    pub(crate) fn to_text(self) -> String {
        let mut text = String::with_capacity(16);
        self.0.to_be_bytes().into_iter().for_each(|byte| push_hex(&mut text, byte));
        text
    }
}

/// A caller's `traceparent`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Trace {
    /// 32 hex digits, not all zeros.
    pub(crate) id: String,
    /// The caller's span: 16 hex digits, not all zeros. Without one, the trace is not passed on in the name of a span of ours.
    pub(crate) parent: Option<String>,
    /// Two hex digits.
    flags: String,
}

impl Trace {
    /// Reads `VERSION-TRACE-SPAN-FLAGS`.
    pub(crate) fn read(traceparent: &[u8]) -> Option<Self> {
        let mut parts = traceparent.split(|byte| *byte == b'-');
        hex::<2>(parts.next()?).filter(|version| *version != "ff")?;
        let id = nonzero::<32>(parts.next()?)?.to_owned();
        let parent = parts.next().and_then(nonzero::<16>).map(str::to_owned);
        let flags = parts.next().and_then(hex::<2>).unwrap_or(NO_FLAGS).to_owned();
        Some(Self { id, parent, flags })
    }

    /// Returns the `traceparent` that names `span` as the caller's; `None` where the caller named no valid one itself.
    pub(crate) fn below(&self, span: SpanId) -> Option<String> {
        self.parent.as_ref()?;
        let mut text = String::with_capacity(55);
        // Texts take everything.
        let _ = write!(text, "00-{}-{:016x}-{}", self.id, span.0, self.flags);
        Some(text)
    }
}

fn hex<const LENGTH: usize>(bytes: &[u8]) -> Option<&str> {
    let valid = bytes.len() == LENGTH && bytes.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    std::str::from_utf8(bytes).ok().filter(|_| valid)
}

fn nonzero<const LENGTH: usize>(bytes: &[u8]) -> Option<&str> {
    hex::<LENGTH>(bytes).filter(|text| text.bytes().any(|digit| digit != b'0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const SPAN: &str = "00f067aa0ba902b7";

    fn read(text: &str) -> Option<Trace> {
        Trace::read(text.as_bytes())
    }

    #[test]
    fn trace_id_needs_a_valid_traceparent() {
        assert_eq!(read(&format!("00-{TRACE}-{SPAN}-01")).map(|trace| trace.id).as_deref(), Some(TRACE));
        for bad in ["", "00", "00-xyz-1-1", &format!("ff-{TRACE}-0-0"), &format!("00-{}-0-0", "0".repeat(32))] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }

    #[test]
    fn the_caller_s_span_id_is_16_hex_digits() {
        let parent = |span: &str| read(&format!("00-{TRACE}-{span}-01")).and_then(|trace| trace.parent);
        assert_eq!(parent(SPAN).as_deref(), Some(SPAN));
        for bad in
            ["", "0000000000000000", "00F067AA0BA902B7", "00f067aa0ba902b", "00f067aa0ba902b7f", "canarycanarycana"]
        {
            assert_eq!(parent(bad), None, "{bad}");
        }
    }

    #[test]
    fn what_is_passed_on_names_our_span_and_keeps_the_flags() {
        let id =
            RequestId([0x01, 0x7f, 0x22, 0xe2, 0x79, 0xb0, 0x7f, 0xff, 0xbf, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe]);
        let (request, first, second) = (SpanId::of_request(id), SpanId::of_try(id, 0), SpanId::of_try(id, 1));
        assert_eq!(request.to_text(), "bffffffffffffffe");
        assert_eq!((first.to_text(), second.to_text()), ("bfffffffffffffff".into(), "c000000000000000".into()));
        let below = |text: &str| read(text).and_then(|trace| trace.below(first));
        assert_eq!(below(&format!("00-{TRACE}-{SPAN}-01")), Some(format!("00-{TRACE}-bfffffffffffffff-01")));
        // A later version may have more behind the flags, of which nothing is known.
        assert_eq!(below(&format!("01-{TRACE}-{SPAN}-03-more")), Some(format!("00-{TRACE}-bfffffffffffffff-03")));
        assert_eq!(below(&format!("00-{TRACE}-{SPAN}")), Some(format!("00-{TRACE}-bfffffffffffffff-00")));
        assert_eq!(below(&format!("00-{TRACE}-{}-01", "0".repeat(16))), None);
    }
}
