//! Checks texts of bodies and streams: the changes of masking, and that the result does not depend on the pieces.

use super::pieces;
use headgate_exchange::{Edit, Examine, GuardedStream, Halt, Splice, Splices, Texts, answer_texts, request_texts};

/// Checks a body and a stream. The first byte gives the size of the pieces; the rest is a request, an answer and a stream.
pub fn texts(data: &[u8]) {
    let Some((&size, body)) = data.split_first() else { return };
    for found in [request_texts(body), answer_texts(body)].into_iter().flatten() {
        masks(body, &found);
    }
    for strict in [false, true] {
        let whole = guarded(body, body.len(), strict);
        for size in [1, usize::from(size)] {
            assert_eq!(guarded(body, size, strict), whole, "in pieces of {size}");
        }
    }
}

/// Masks every vowel of every text: the result is still JSON, has no vowel in these texts, and is otherwise the same.
fn masks(body: &[u8], found: &Texts<'_>) {
    let mut splices = Vec::new();
    for written in &found.texts {
        let spelled = written.unescaped_text();
        let vowels = spelled.text.match_indices(is_vowel);
        let edits: Vec<Edit> = vowels.map(|(at, _)| Edit { at: at..at + 1, with: "_".into() }).collect();
        spelled.splices(&edits, &mut splices);
    }
    let count = splices.len();
    let splices = Splices::new(splices);
    assert_eq!(splices.list().len(), count, "no two overlap");
    let masked = splices.apply(body);
    assert!(serde_json::from_slice::<serde::de::IgnoredAny>(&masked).is_ok() || !is_json(body));
    let mut outside = (0, 0);
    for Splice { at, with } in splices.list() {
        assert_eq!(masked[outside.1..outside.1 + (at.start - outside.0)], body[outside.0..at.start]);
        outside = (at.end, outside.1 + (at.start - outside.0) + with.len());
    }
    assert_eq!(masked[outside.1..], body[outside.0..]);
}

fn is_json(body: &[u8]) -> bool {
    serde_json::from_slice::<serde::de::IgnoredAny>(body).is_ok()
}

fn is_vowel(char: char) -> bool {
    matches!(char, 'a' | 'e' | 'i' | 'o' | 'u')
}

fn guarded(stream: &[u8], size: usize, strict: bool) -> (Vec<u8>, Option<Halt>) {
    let (mut guard, mut guarded, mut out) = (Pairs::default(), GuardedStream::new(strict), Vec::new());
    for piece in pieces(stream, size).map(|piece| (piece, false)).chain([(&[][..], true)]) {
        if let Err(halt) = guarded.push(piece.0, piece.1, &mut guard, &mut out) {
            return (out, Some(halt));
        }
    }
    (out, None)
}

/// Masks two vowels in a row and blocks at three; needs two characters ahead.
#[derive(Default)]
struct Pairs {
    texts: Vec<(String, usize)>,
}

impl Examine for Pairs {
    fn examine(&mut self, text: usize, piece: &str, last: bool, edits: &mut Vec<Edit>) -> Result<usize, Halt> {
        if self.texts.len() <= text {
            self.texts.resize(text + 1, (String::new(), 0));
        }
        let (whole, decided) = &mut self.texts[text];
        whole.push_str(piece);
        loop {
            let rest = whole.get(*decided..).unwrap();
            let run = rest.chars().take_while(|char| is_vowel(*char)).count();
            match (run, rest.chars().next()) {
                (3.., _) => return Err(Halt::Blocked),
                (run, _) if run == rest.len() && !last => return Ok(*decided),
                (2, _) => {
                    edits.push(Edit { at: *decided..*decided + 2, with: "\"2\"".into() });
                    *decided += 2;
                }
                (_, Some(char)) => *decided += char.len_utf8(),
                (_, None) => return Ok(*decided),
            }
        }
    }

    fn examine_whole(&mut self, text: &str, edits: &mut Vec<Edit>) -> Result<(), Halt> {
        Self::default().examine(0, text, true, edits).map(drop)
    }
}
