//! The text of a proof that an entry is in a log: `c2sp.org/tlog-proof@v1`.

use crate::base64::{decode_hash, encode};
use crate::{Checkpoint, Error, Hash, Note, Result, VerifyingKey, verify_inclusion};

const FIRST_LINE: &str = "c2sp.org/tlog-proof@v1";
const FORM: Error = Error::Malformed("this is not a proof of the form c2sp.org/tlog-proof@v1");

/// A proof that an entry is in a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlogProof {
    /// The index of the entry, from 0.
    pub index: u64,
    /// The audit path, from the leaf upwards.
    pub path: Vec<Hash>,
    /// The checkpoint that it leads to, as a signed note.
    pub checkpoint: String,
}

impl TlogProof {
    /// Returns the text of the proof.
    #[must_use]
    pub fn text(&self) -> String {
        let path: String = self.path.iter().map(|hash| encode(hash) + "\n").collect();
        format!("{FIRST_LINE}\nindex {}\n{path}\n{}", self.index, self.checkpoint)
    }

    /// Returns the proof in a text. Extra data is left aside.
    ///
    /// # Errors
    /// The text has another form.
    pub fn parse(text: &str) -> Result<Self> {
        let (head, checkpoint) = text.split_once("\n\n").ok_or(FORM)?;
        let mut lines = head.split('\n').peekable();
        if lines.next() != Some(FIRST_LINE) {
            return Err(FORM);
        }
        lines.next_if(|line| line.starts_with("extra "));
        let digits = lines.next().and_then(|line| line.strip_prefix("index ")).ok_or(FORM)?;
        let index: u64 = digits.parse().map_err(|_| FORM)?;
        let path: Vec<Hash> = lines.map(decode_hash).collect::<Result<_>>()?;
        // A path has a hash for each level at most.
        if index.to_string() != digits || path.len() > 63 {
            return Err(FORM);
        }
        Ok(Self { index, path, checkpoint: checkpoint.to_owned() })
    }

    /// Verifies that the leaf is in a log that one of these keys has signed, and returns the checkpoint.
    ///
    /// # Errors
    /// It is not, or the proof does not show it.
    pub fn verify(&self, leaf: &Hash, keys: &[VerifyingKey]) -> Result<Checkpoint> {
        let checkpoint = Checkpoint::open(&self.checkpoint, keys)?;
        verify_inclusion(self.index, checkpoint.size, leaf, &self.path, &checkpoint.root)?;
        Ok(checkpoint)
    }

    /// Verifies the path to the root of the checkpoint alone, without a signature, and returns the checkpoint.
    ///
    /// # Errors
    /// The leaf is not in the tree with this root.
    pub fn verify_path(&self, leaf: &Hash) -> Result<Checkpoint> {
        let text = match Note::parse(&self.checkpoint) {
            Ok(note) => note.text,
            Err(_) => self.checkpoint.strip_suffix('\n').ok_or(FORM)?.to_owned(),
        };
        let checkpoint = Checkpoint::parse(&text)?;
        verify_inclusion(self.index, checkpoint.size, leaf, &self.path, &checkpoint.root)?;
        Ok(checkpoint)
    }
}
