//! Placeholders of masked values, and the originals for the answer to the caller who sent them.
//!
//! A placeholder names the kind, and a number tells equal values from different ones, so that a model can still reason
//! about them. The originals live here and nowhere else, for as long as the exchange does.

use std::collections::HashMap;

/// Longest placeholder, bytes; kinds have short names.
const LONGEST: usize = 64;

/// Bytes of a table entry, besides its texts.
const ENTRY_BYTES: u64 = 96;

/// See the module's text.
#[derive(Default)]
pub(crate) struct Placeholders {
    /// Number of each kind and original.
    numbers: HashMap<(&'static str, String), u32>,
    counts: HashMap<&'static str, u32>,
    /// Originals of those that are to be put back.
    originals: HashMap<String, String>,
}

// It holds payload and has nothing to show.
impl std::fmt::Debug for Placeholders {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Placeholders")
    }
}

impl Placeholders {
    /// The placeholder of this value. With `restore`, answers get the value back.
    pub(crate) fn name(&mut self, kind: &'static str, original: &str, restore: bool) -> String {
        let count = self.counts.entry(kind).or_default();
        let number = *self.numbers.entry((kind, original.to_owned())).or_insert_with(|| {
            *count = count.saturating_add(1);
            *count
        });
        let name = format!("[{}_{number}]", kind.to_ascii_uppercase());
        if restore {
            self.originals.insert(name.clone(), original.to_owned());
        }
        name
    }

    /// Forgets the numbers, which only the request needs, and returns the bytes that are kept for the answer.
    pub(crate) fn keep_originals(&mut self) -> u64 {
        self.numbers = HashMap::new();
        self.originals.iter().fold(0, |sum, (name, original)| {
            sum.saturating_add((name.len() + original.len()) as u64).saturating_add(ENTRY_BYTES)
        })
    }

    /// Whether answers have anything to be put back.
    pub(crate) fn restores(&self) -> bool {
        !self.originals.is_empty()
    }

    /// The number is of use for requests only; of an answer nothing is remembered.
    pub(crate) fn anonymous(kind: &'static str) -> String {
        format!("[{}]", kind.to_ascii_uppercase())
    }
}

/// Looks for placeholders in one text, in whatever pieces it comes.
#[derive(Debug, Default)]
pub(crate) struct Restorer {
    /// The undecided rest.
    open: String,
    /// Where that begins in the text.
    base: usize,
}

impl Restorer {
    /// Reads on; `found` gets the position and the original of each placeholder. Returns the decided length.
    pub(crate) fn read(
        &mut self,
        placeholders: &Placeholders,
        piece: &str,
        last: bool,
        mut found: impl FnMut(std::ops::Range<usize>, &str),
    ) -> usize {
        self.open.push_str(piece);
        let mut at = 0;
        while let Some(start) = self.open.get(at..).and_then(|rest| rest.find('[')).map(|start| at + start) {
            let inside = self.open.get(start + 1..).unwrap_or_default();
            let len = inside.bytes().take_while(|byte| matches!(byte, b'A'..=b'Z' | b'0'..=b'9' | b'_')).count();
            let end = start + 1 + len;
            match self.open.as_bytes().get(end) {
                None if !last && len < LONGEST => return self.decide(start),
                Some(b']') => {
                    let name = self.open.get(start..=end).unwrap_or_default();
                    if let Some(original) = placeholders.originals.get(name) {
                        found(self.base + start..self.base + end + 1, original);
                    }
                }
                _ => {}
            }
            at = end;
        }
        self.decide(self.open.len())
    }

    fn decide(&mut self, upto: usize) -> usize {
        self.open.drain(..upto);
        self.base = self.base.saturating_add(upto);
        self.base
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn restored(pieces: &[&str]) -> String {
        let mut placeholders = Placeholders::default();
        assert_eq!(placeholders.name("email", "a@b.c", true), "[EMAIL_1]");
        assert_eq!(placeholders.name("email", "d@e.f", true), "[EMAIL_2]");
        assert_eq!(placeholders.name("email", "a@b.c", true), "[EMAIL_1]");
        assert_eq!(placeholders.name("iban", "x", false), "[IBAN_1]");
        let whole: String = pieces.concat();
        let (mut out, mut copied, mut restorer) = (String::new(), 0, Restorer::default());
        for (index, piece) in pieces.iter().enumerate() {
            restorer.read(&placeholders, piece, index + 1 == pieces.len(), |at, original| {
                out.push_str(whole.get(copied..at.start).unwrap());
                out.push_str(original);
                copied = at.end;
            });
        }
        out + whole.get(copied..).unwrap()
    }

    #[test]
    fn placeholders_restored_across_cuts() {
        let text = "x [[EMAIL_1] [EMAIL_3] [IBAN_1] [EMAIL_ [EMAIL_2]é[EMAIL_1";
        let expected = "x [a@b.c [EMAIL_3] [IBAN_1] [EMAIL_ d@e.fé[EMAIL_1";
        assert_eq!(restored(&[text]), expected);
        for at in (0..text.len()).filter(|at| text.is_char_boundary(*at)) {
            let (start, end) = text.split_at(at);
            assert_eq!(restored(&[start, end]), expected, "cut at {at}");
        }
    }

    #[test]
    fn held_text_is_bounded() {
        let mut restorer = Restorer::default();
        let text = format!("[{}", "A".repeat(100));
        assert_eq!(restorer.read(&Placeholders::default(), &text, false, |_, _| {}), text.len());
    }
}
