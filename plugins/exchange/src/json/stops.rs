//! The stops of a document, 64 bytes at a time: the bytes at which a run of plain bytes in a string ends.
//!
//! Bodies have an escape every few words, and names are short. To look for each stop by itself would read the same bytes
//! again and again; this reads them once, and a run ends at the next bit.

mod block;
mod machine;
mod marks;
mod run;

pub(crate) use run::Stops;

impl Stops {
    /// Returns the run that begins at `at`.
    #[inline]
    pub(crate) fn run(&mut self, bytes: &[u8], at: usize) -> run::Run {
        self.at_hand(at).unwrap_or_else(|| machine::run(self, bytes, at))
    }
}

#[cfg(test)]
mod tests {
    use super::run::{Run, behind_letter};
    use super::*;
    use proptest::prelude::*;

    /// The end of the run from `at` on, found byte by byte, and whether there is an escape in it.
    fn literal(bytes: &[u8], mut at: usize) -> (usize, bool) {
        let mut escaped = false;
        while at < bytes.len() {
            match bytes[at] {
                b'\\' if let Some(behind) = behind_letter(bytes, at + 1) => (at, escaped) = (behind, true),
                0..0x20 | b'"' | b'\\' => return (at, escaped),
                _ => at += 1,
            }
        }
        (bytes.len(), escaped)
    }

    fn agrees(bytes: &[u8]) {
        let mut kept = Stops::new();
        for at in 0..=bytes.len() {
            let (end, escaped) = literal(bytes, at);
            for run in [Stops::new().run(bytes, at), kept.run(bytes, at)] {
                assert_eq!((run.end, run.escaped), (end, escaped), "{bytes:?} from {at}");
                assert!(!run.ascii || bytes[at..end].is_ascii());
            }
        }
    }

    #[test]
    fn each_byte_in_each_place_is_a_stop_or_is_none() {
        for byte in 0..=u8::MAX {
            for place in [0, 1, 7, 8, 15, 16, 31, 62, 63, 64, 65, 127] {
                let mut bytes = vec![b'a'; 130];
                bytes[place] = byte;
                agrees(&bytes);
            }
        }
    }

    #[test]
    fn plain_ascii_is_known_to_be_plain() {
        assert_eq!(Stops::new().run(&[b'a'; 200], 3), Run { end: 200, escaped: false, ascii: true });
        assert!(!Stops::new().run("é".repeat(100).as_bytes(), 0).ascii);
    }

    proptest! {
        #[test]
        fn escapes_belong_to_runs(pieces in proptest::collection::vec(prop_oneof![
            6 => Just("\\n"), 4 => Just("\\\\"), 4 => Just("\\\""), 3 => Just("ab"), 2 => Just("c"), 3 => Just("\\u00eF"), 1 => Just("\\u0a"), 1 => Just("u12aB"), 1 => Just("\""),
            1 => Just("\\"), 1 => Just("\n"), 1 => Just("\\q")], 0..120), at in 0_usize..64) {
            let bytes = pieces.concat().into_bytes();
            agrees(bytes.get(at..).unwrap_or_default());
        }

        #[test]
        fn runs_agree_with_a_plain_search(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            agrees(&bytes);
        }

        #[test]
        fn runs_of_text_agree(bytes in proptest::collection::vec(prop_oneof![9 => Just(b'a'), 1 => any::<u8>()], 0..300)) {
            agrees(&bytes);
        }
    }
}
