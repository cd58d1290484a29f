//! The request with which a log asks a witness for a cosignature (C2SP's tlog-witness).

use crate::base64::{decode_hash, encode};
use crate::{Error, Hash, Result};

/// The most hashes of a proof.
const MAX_PROOF: usize = 63;

const FORM: Error =
    Error::Malformed("the request has a line `old SIZE`, lines of a proof, an empty line and a checkpoint");

/// A checkpoint, and the proof that its tree continues the one that the witness has seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddCheckpoint {
    /// The size of the tree that the witness has seen.
    pub old: u64,
    /// The proof of growth from there.
    pub proof: Vec<Hash>,
    /// The signed note.
    pub checkpoint: String,
}

impl AddCheckpoint {
    /// Returns the body of the request.
    #[must_use]
    pub fn text(&self) -> String {
        let proof: String = self.proof.iter().map(|hash| encode(hash) + "\n").collect();
        format!("old {}\n{proof}\n{}", self.old, self.checkpoint)
    }

    /// Returns the request in a body.
    ///
    /// # Errors
    /// The body has another form.
    pub fn parse(body: &str) -> Result<Self> {
        let (head, checkpoint) = body.split_once("\n\n").ok_or(FORM)?;
        let mut lines = head.split('\n');
        let digits = lines.next().and_then(|line| line.strip_prefix("old ")).ok_or(FORM)?;
        let old: u64 = digits.parse().map_err(|_| FORM)?;
        if old.to_string() != digits || head.len() > (MAX_PROOF + 1) * 64 {
            return Err(FORM);
        }
        let proof: Vec<Hash> = lines.map(decode_hash).collect::<Result<_>>()?;
        if proof.len() > MAX_PROOF {
            return Err(FORM);
        }
        Ok(Self { old, proof, checkpoint: checkpoint.to_owned() })
    }
}
