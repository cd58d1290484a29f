//! Checkpoints: the size and the root of a log's tree at some time, as C2SP's tlog-checkpoint describes them.

use crate::base64::{decode_hash, encode};
use crate::{Error, Hash, Note, Result, VerifyingKey};

const FORM: Error = Error::Malformed("a checkpoint has the lines origin, size and root");

/// The state of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The name of the log.
    pub origin: String,
    /// The number of its entries.
    pub size: u64,
    /// The root of the tree over them.
    pub root: Hash,
}

impl Checkpoint {
    /// Returns the text that is signed.
    #[must_use]
    pub fn text(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, encode(&self.root))
    }

    /// Returns the checkpoint in a text. Extension lines are left aside.
    ///
    /// # Errors
    /// The text has another form.
    pub fn parse(text: &str) -> Result<Self> {
        let mut lines = text.strip_suffix('\n').ok_or(FORM)?.split('\n');
        let (Some(origin), Some(size), Some(root)) = (lines.next(), lines.next(), lines.next()) else {
            return Err(FORM);
        };
        let number: u64 = size.parse().map_err(|_| FORM)?;
        if origin.is_empty() || number.to_string() != size || lines.any(str::is_empty) {
            return Err(FORM);
        }
        Ok(Self { origin: origin.to_owned(), size: number, root: decode_hash(root)? })
    }

    /// Returns the checkpoint in a note that one of these keys has signed for the log with that key's name.
    ///
    /// # Errors
    /// The note has another form, or none of the keys has signed it.
    pub fn open(note: &str, keys: &[VerifyingKey]) -> Result<Self> {
        let note = Note::parse(note)?;
        let key = note.verify(keys)?;
        let checkpoint = Self::parse(&note.text)?;
        if checkpoint.origin == key.name() {
            Ok(checkpoint)
        } else {
            Err(Error::Contradicted("the checkpoint is of another log than its key"))
        }
    }
}
