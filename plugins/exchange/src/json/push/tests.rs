//! Whole strings and numbers are read as byte by byte.

use super::*;
use proptest::prelude::*;

/// A field is a number that follows from the names on the way to it; 0 is unknown, and 2 is text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct NumberField(u8);

impl JsonField for NumberField {
    fn member(self, name: &[u8]) -> Self {
        Self(name.iter().fold(self.0, |hash, byte| hash.wrapping_mul(31).wrapping_add(*byte)) % 5)
    }

    fn element(self) -> Self {
        Self((self.0 + 1) % 5)
    }

    fn is_known(self) -> bool {
        self.0 != 0
    }

    fn is_text(self) -> bool {
        self.0 == 2
    }
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Told(Vec<(NumberField, &'static str, Vec<u8>)>);

impl Sink<NumberField> for Told {
    fn begins(&mut self, field: NumberField) {
        self.0.push((field, "begins", Vec::new()));
    }

    fn opens(&mut self, field: NumberField, container: Container) {
        self.0.push((field, "opens", vec![u8::from(container == Container::Array)]));
    }

    fn closes(&mut self, field: NumberField) {
        self.0.push((field, "closes", Vec::new()));
    }

    /// Pieces of a text are told one by one; their sum counts.
    fn text(&mut self, field: NumberField, bytes: usize) {
        match self.0.last_mut() {
            Some((last, "text", told)) if *last == field => told.extend(std::iter::repeat_n(0, bytes)),
            _ => self.0.push((field, "text", vec![0; bytes])),
        }
    }

    fn word(&mut self, field: NumberField, word: &[u8]) {
        self.0.push((field, "word", word.to_vec()));
    }

    fn scalar(&mut self, field: NumberField, written: &[u8]) {
        self.0.push((field, "scalar", written.to_vec()));
    }
}

fn told<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> (Told, bool, bool, bool) {
    let (mut scan, mut told) = (PushScan::new(NumberField(1)), Told::default());
    pieces.for_each(|piece| scan.push(piece, &mut told));
    (told, scan.is_done(), scan.is_lost(), scan.is_at_root_member())
}

/// Documents and their wreckage.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let token = prop_oneof![
        4 => "[\\[\\]{},: \\n]",
        4 => "\"[a-z]{0,20}\"",
        2 => r#""([a-z]|\\[nu"\\]|\\u00[0-9a-f]{2}|é){0,12}""#,
        1 => "\"[a-z]{120,136}\"",
        2 => "-?[0-9.e]{1,20}|true|null",
        1 => "[0-9]{120,136}",
    ];
    let json = proptest::collection::vec(token, 0..40).prop_map(|tokens| tokens.concat().into_bytes());
    let object = proptest::collection::vec(
        ("\"[a-c]{0,3}\" ?: ?", "\"[a-z\\\\n]{0,20}\"|[0-9]{1,9}|\\[1,\"x\"\\]|\\{\"a\": 1\\}"),
        0..8,
    )
    .prop_map(|members| {
        let members: Vec<String> = members.into_iter().map(|(name, value)| name + &value).collect();
        format!("{{ {} }}", members.join(", ")).into_bytes()
    });
    prop_oneof![json, object, proptest::collection::vec(any::<u8>(), 0..60)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn whole_strings_and_numbers_read_like_their_bytes(bytes in bytes(), at in 0_usize..400) {
        let slow = told(bytes.chunks(1));
        prop_assert_eq!(&told(std::iter::once(bytes.as_slice())), &slow);
        let (first, second) = bytes.split_at(at.min(bytes.len()));
        prop_assert_eq!(&told([first, second].into_iter()), &slow);
    }
}

#[test]
fn the_end_of_a_string_is_found_anywhere() {
    for stop in [b'"', b'\\'] {
        for at in 0..70 {
            let mut text = vec![b'!' ^ 0x80; 80];
            text[at] = stop;
            text[at + 3] = b'"';
            assert_eq!(string_stop(&text), Some(at));
            assert_eq!(string_stop(&text[..at]), None);
        }
    }
}
