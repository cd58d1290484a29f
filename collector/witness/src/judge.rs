//! The judgement on a request.

use crate::evidence::Evidence;
use crate::memory::{Memory, Seen};
use headgate_collector_tree::{
    AddCheckpoint, Checkpoint, CosigningKey, Hash, Note, VerifyingKey, encode_base64, note_with_signatures,
    verify_consistency,
};
use sha2::{Digest as _, Sha256};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The answer to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// The cosignature, as a line of a note.
    Confirmed(String),
    /// The newest checkpoint that was confirmed has this size (409).
    OtherSize(u64),
    /// The request has another form (400).
    Malformed(&'static str),
    /// The log is not known (404).
    UnknownLog,
    /// None of the signatures is by a key of the log (403).
    UnknownKey,
    /// The checkpoint does not continue the one that was confirmed (422).
    Contradicts,
    /// The memory cannot be written, or the clock went back (503).
    Unavailable(&'static str),
}

/// A witness.
#[derive(Debug)]
pub struct Witness {
    key: CosigningKey,
    logs: Vec<VerifyingKey>,
    memory: Mutex<Memory>,
    evidence: Evidence,
}

/// A request whose signature is known to be of its log.
struct Signed {
    checkpoint: Checkpoint,
    note: Note,
    old: u64,
    proof: Vec<Hash>,
}

impl Witness {
    /// Returns a witness for logs with these keys. The evidence of contradictions stands beside the file of the memory.
    #[must_use]
    pub fn new(key: CosigningKey, logs: Vec<VerifyingKey>, memory: Memory) -> Self {
        let evidence = Evidence::beside(memory.path());
        Self { key, logs, memory: Mutex::new(memory), evidence }
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Judges a request, at a time in seconds. What is confirmed is on disk before this returns, so it blocks.
    pub fn add_checkpoint(&self, body: &str, now: u64) -> Reply {
        let signed = match self.signed(body) {
            Ok(signed) => signed,
            Err(reply) => return reply,
        };
        // One lock from the comparison to the disk: two requests at once must not both be confirmed.
        let mut memory = self.memory();
        let known = memory.seen(&signed.checkpoint.origin).cloned().unwrap_or_default();
        if let Some(reply) = self.refusal(&signed, &known, body, now) {
            return reply;
        }
        if now < known.time {
            return Reply::Unavailable("the clock of the witness is behind its last signature");
        }
        let cosignature = self.key.cosign(&signed.note.text, now);
        let line = cosignature.line.line();
        let checkpoint = format!("{}{line}", own_lines(&signed.note, &self.logs));
        let Checkpoint { origin, size, root } = signed.checkpoint;
        let seen = Seen { size, root: encode_base64(&root), time: now, checkpoint };
        if let Err(error) = memory.remember(&origin, seen) {
            tracing::error!("nothing is confirmed: {error}");
            return Reply::Unavailable("the memory of the witness cannot be written");
        }
        Reply::Confirmed(line)
    }

    /// Reads a request, and verifies the signature of its log.
    fn signed(&self, body: &str) -> Result<Signed, Reply> {
        let AddCheckpoint { old, proof, checkpoint } =
            AddCheckpoint::parse(body).map_err(|_| Reply::Malformed("this is no request of add-checkpoint"))?;
        let note = Note::parse(&checkpoint).map_err(|_| Reply::Malformed("the checkpoint is no signed note"))?;
        let checkpoint = Checkpoint::parse(&note.text).map_err(|_| Reply::Malformed("the note is no checkpoint"))?;
        let keys: Vec<_> = self.logs.iter().filter(|key| key.name() == checkpoint.origin).cloned().collect();
        if keys.is_empty() {
            return Err(Reply::UnknownLog);
        }
        if note.verify(&keys).is_err() {
            return Err(Reply::UnknownKey);
        }
        if checkpoint.text() != note.text {
            return Err(Reply::Malformed("the checkpoint has more lines than origin, size and root"));
        }
        if old > checkpoint.size {
            return Err(Reply::Malformed("the old size is larger than that of the checkpoint"));
        }
        Ok(Signed { checkpoint, note, old, proof })
    }

    /// Returns why a checkpoint is not confirmed. A log that has signed two trees is kept as evidence.
    fn refusal(&self, signed: &Signed, known: &Seen, body: &str, now: u64) -> Option<Reply> {
        let Signed { checkpoint, old, proof, .. } = signed;
        let known_root = known.root();
        if checkpoint.size == known.size && known.size > 0 && Some(checkpoint.root) != known_root {
            self.evidence.keep("two trees of one size", known, body, now);
            return Some(Reply::OtherSize(known.size));
        }
        if *old != known.size {
            return Some(Reply::OtherSize(known.size));
        }
        let continues = match known_root {
            Some(root) if known.size > 0 => {
                verify_consistency((known.size, &root), (checkpoint.size, &checkpoint.root), proof).is_ok()
            }
            _ if known.size > 0 => false,
            _ => {
                let is_empty = checkpoint.root == headgate_collector_tree::empty_root();
                proof.is_empty() && (checkpoint.size == 0) == is_empty
            }
        };
        if continues {
            return None;
        }
        self.evidence.keep("the tree does not continue the one before", known, body, now);
        Some(Reply::Contradicts)
    }

    /// Returns the newest confirmed checkpoint of the log whose name has this SHA-256, in hex.
    #[must_use]
    pub fn newest(&self, origin_sha256: &str) -> Option<String> {
        let hex = |origin: &str| -> String {
            Sha256::digest(origin.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
        };
        let log = self.logs.iter().find(|log| hex(log.name()) == origin_sha256)?;
        self.memory().seen(log.name()).map(|seen| seen.checkpoint.clone())
    }
}

/// Returns a note with the signatures of known logs alone.
fn own_lines(note: &Note, logs: &[VerifyingKey]) -> String {
    let is_known = |line: &&headgate_collector_tree::NoteSignature| {
        logs.iter().any(|key| key.name() == line.name && key.id() == line.key_id)
    };
    let lines: String = note.signatures.iter().filter(is_known).map(|line| line.line()).collect();
    note_with_signatures(&note.text, &[]) + &lines
}
