//! The long strings of a document, noted by its first reading, so that a second one need not look for their ends.
//!
//! A second reading of the same bytes would find the same quotes behind the same escapes, and check UTF-8 again. Short strings are
//! read again as quickly as they are looked up, so only long ones are noted: 8 bytes for 64 at least, and a bounded number.

use super::text::Text;

/// Shortest string that is noted, bytes between its quotes.
const SHORTEST: usize = 64;
/// Most strings that are noted. Those behind them are read again.
const MOST: usize = 1 << 16;

/// One string: the offset of its first byte, and its length with its lowest bit for escapes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Span {
    start: u32,
    length: u32,
}

/// The long strings of one document, in its order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StringSpans {
    list: Vec<Span>,
}

/// The use that a cursor makes of spans.
#[derive(Debug)]
pub(crate) enum Spans<'a> {
    /// None.
    Unused,
    /// Strings are noted here.
    Noted(StringSpans),
    /// These are known; those that have been passed are gone.
    Known(KnownSpans<'a>),
}

/// Spans that another reading of the same bytes has noted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct KnownSpans<'a>(&'a [Span]);

impl StringSpans {
    fn note(&mut self, text: &Text<'_>) {
        if text.raw.len() < SHORTEST || self.list.len() >= MOST {
            return;
        }
        let length = text.raw.len().checked_mul(2).map(|twice| twice | usize::from(text.escaped));
        let numbers = (u32::try_from(text.at).ok(), length.and_then(|length| u32::try_from(length).ok()));
        // Without room for it the string is read again.
        if let ((Some(start), Some(length)), Ok(())) = (numbers, self.list.try_reserve(1)) {
            self.list.push(Span { start, length });
        }
    }
}

impl Span {
    /// Returns the string, if these bytes have one here.
    fn of<'a>(self, bytes: &'a [u8]) -> Option<Text<'a>> {
        let (at, length) = (self.start as usize, (self.length >> 1) as usize);
        let (raw, behind) = bytes.get(at..)?.split_at_checked(length)?;
        (behind.first() == Some(&b'"')).then_some(Text { raw, at, escaped: self.length & 1 == 1 })
    }
}

impl<'a> Spans<'a> {
    /// Returns the spans of another reading.
    pub(crate) fn known(spans: &'a StringSpans) -> Self {
        Self::Known(KnownSpans(&spans.list))
    }

    /// Returns the spans for a cursor that looks ahead. It notes nothing.
    pub(crate) fn ahead(&self) -> Self {
        match self {
            Self::Known(known) => Self::Known(*known),
            _ => Self::Unused,
        }
    }

    /// Notes a string that has been read.
    #[inline]
    pub(crate) fn note(&mut self, text: &Text<'_>) {
        if let Self::Noted(noted) = self {
            noted.note(text);
        }
    }

    /// Returns the string whose first byte has this offset, if it is known.
    #[inline]
    pub(crate) fn find<'b>(&mut self, bytes: &'b [u8], start: usize) -> Option<Text<'b>> {
        match self {
            Self::Known(known) => known.find(bytes, start),
            _ => None,
        }
    }
}

impl KnownSpans<'_> {
    #[inline]
    fn find<'b>(&mut self, bytes: &'b [u8], start: usize) -> Option<Text<'b>> {
        while let Some((first, rest)) = self.0.split_first() {
            match (first.start as usize).cmp(&start) {
                std::cmp::Ordering::Less => self.0 = rest,
                std::cmp::Ordering::Equal => return first.of(bytes),
                std::cmp::Ordering::Greater => return None,
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noted(texts: &[Text<'_>]) -> StringSpans {
        let mut spans = Spans::Noted(StringSpans::default());
        texts.iter().for_each(|text| spans.note(text));
        match spans {
            Spans::Noted(noted) => noted,
            _ => StringSpans::default(),
        }
    }

    #[test]
    fn a_span_takes_an_eighth_of_the_shortest_string() {
        assert_eq!(size_of::<Span>() * 8, SHORTEST);
        let raw = [b'a'; SHORTEST];
        let short = Text { raw: &raw[1..], at: 1, escaped: false };
        assert!(noted(&[short]).list.is_empty());
        let texts = vec![Text { raw: &raw, at: 1, escaped: false }; MOST + 9];
        assert_eq!(noted(&texts).list.len(), MOST);
    }

    #[test]
    fn strings_are_found_in_order_at_their_places_only() {
        let body = [&b"\""[..], &[b'a'; 70], b"\",\"", &[b'b'; 64], b"\""].concat();
        let first = Text { raw: &body[1..71], at: 1, escaped: true };
        let second = Text { raw: &body[74..138], at: 74, escaped: false };
        let spans = noted(&[first, second]);
        let mut known = Spans::known(&spans);
        assert!(known.find(&body, 0).is_none());
        let found = known.find(&body, 1).unwrap();
        assert_eq!((found.raw, found.at, found.escaped), (first.raw, 1, true));
        assert!(known.find(&body, 2).is_none());
        assert_eq!(known.ahead().find(&body, 74).unwrap().raw, second.raw);
        assert!(!known.find(&body, 74).unwrap().escaped);
        assert!(known.find(&body, 75).is_none());
    }

    #[test]
    fn spans_of_other_bytes_find_nothing() {
        let body = [b'a'; 100];
        let spans = noted(&[Text { raw: &body[1..80], at: 1, escaped: false }]);
        assert!(Spans::known(&spans).find(&body, 1).is_none());
        assert!(Spans::known(&spans).find(b"\"", 1).is_none());
    }
}
