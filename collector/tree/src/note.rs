//! Signed notes: a text and lines with signatures, as C2SP's signed-note describes them.

use crate::base64::{decode, encode};
use crate::{Error, Result, VerifyingKey};

/// The most bytes of a note.
const MAX_BYTES: usize = 1 << 20;
/// The most signatures of a note.
const MAX_SIGNATURES: usize = 100;

const FORM: Error = Error::Malformed("a signed note is a text, an empty line and lines with signatures");

/// One line with a signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoteSignature {
    /// The name of the key.
    pub name: String,
    /// The id of the key.
    pub key_id: [u8; 4],
    /// The signature.
    pub bytes: Vec<u8>,
}

/// A signed note.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// The signed text, with the newline at its end.
    pub text: String,
    /// The signatures, in their order.
    pub signatures: Vec<NoteSignature>,
}

impl Note {
    /// Returns the note in a text.
    ///
    /// # Errors
    /// The text has another form.
    pub fn parse(note: &str) -> Result<Self> {
        if note.len() > MAX_BYTES || note.contains(|c: char| c.is_control() && c != '\n') {
            return Err(FORM);
        }
        let (text, lines) = note.rsplit_once("\n\n").ok_or(FORM)?;
        let lines = lines.strip_suffix('\n').ok_or(FORM)?;
        let signatures: Vec<_> = lines.split('\n').map(signature).collect::<Result<_>>()?;
        if signatures.len() > MAX_SIGNATURES {
            return Err(FORM);
        }
        Ok(Self { text: format!("{text}\n"), signatures })
    }

    /// Verifies that one of these keys has signed the text, and returns that key. Signatures of unknown keys are left aside.
    ///
    /// # Errors
    /// [`Error::Unsigned`] if none of the keys has signed it; [`Error::Contradicted`] if a signature of one of them is wrong.
    pub fn verify<'k>(&self, keys: &'k [VerifyingKey]) -> Result<&'k VerifyingKey> {
        let mut signed_by = Err(Error::Unsigned);
        for signature in &self.signatures {
            let known = |key: &&VerifyingKey| key.name() == signature.name && key.id() == signature.key_id;
            let Some(key) = keys.iter().find(known) else { continue };
            if !key.has_signed(self.text.as_bytes(), &signature.bytes) {
                return Err(Error::Contradicted("a signature of a trusted key does not fit the text"));
            }
            signed_by = signed_by.or(Ok(key));
        }
        signed_by
    }
}

impl NoteSignature {
    /// Returns the line of the signature, with its newline.
    #[must_use]
    pub fn line(&self) -> String {
        line(&self.name, self.key_id, &self.bytes)
    }

    /// Returns the signatures in lines, such as a witness answers with.
    ///
    /// # Errors
    /// The text has another form.
    pub fn parse_lines(text: &str) -> Result<Vec<Self>> {
        if text.len() > MAX_BYTES {
            return Err(FORM);
        }
        let lines: Vec<_> = text.strip_suffix('\n').ok_or(FORM)?.split('\n').take(MAX_SIGNATURES + 1).collect();
        if lines.len() > MAX_SIGNATURES { Err(FORM) } else { lines.into_iter().map(signature).collect() }
    }
}

fn signature(line: &str) -> Result<NoteSignature> {
    let (name, encoded) = line.strip_prefix("— ").and_then(|line| line.split_once(' ')).ok_or(FORM)?;
    let bytes = decode(encoded)?;
    let (key_id, bytes) = bytes.split_first_chunk::<4>().ok_or(FORM)?;
    if name.is_empty() || bytes.is_empty() {
        return Err(FORM);
    }
    Ok(NoteSignature { name: name.to_owned(), key_id: *key_id, bytes: bytes.to_vec() })
}

fn line(name: &str, key_id: [u8; 4], signature: &[u8]) -> String {
    format!("— {name} {}\n", encode(&[key_id.as_slice(), signature].concat()))
}

/// Returns the text of a note with these signatures, each with its key.
#[must_use]
pub fn note_with_signatures(text: &str, signatures: &[(&VerifyingKey, [u8; 64])]) -> String {
    let mut note = format!("{text}\n");
    for (key, signature) in signatures {
        note.push_str(&line(key.name(), key.id(), signature));
    }
    note
}
