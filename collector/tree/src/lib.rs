//! Hash trees over a log (RFC 6962), and the texts around them: tiles, proofs, signed checkpoints.
//!
//! The collector grows its trees with this crate, and everybody who checks them needs nothing else. It has no files, clock,
//! network or randomness, and compiles for `wasm32-unknown-unknown`. The texts are those of C2SP: signed-note,
//! tlog-checkpoint, tlog-tiles, tlog-proof, tlog-cosignature, tlog-witness and tlog-policy.

mod add_checkpoint;
mod base64;
mod checkpoint;
mod compact_range;
mod cosignature;
mod error;
mod hash;
mod key;
mod note;
mod policy;
mod proof;
mod tile;
mod timestamp;
mod tlog_proof;
mod verdict;
mod verify;

pub use add_checkpoint::AddCheckpoint;
pub use checkpoint::Checkpoint;
pub use compact_range::CompactRange;
pub use cosignature::{Cosignature, CosigningKey, WitnessKey};
pub use error::{Error, Result};
pub use hash::{Hash, empty_root, leaf_hash, node_hash};
pub use key::{SigningKey, VerifyingKey};
pub use note::{Note, NoteSignature, note_with_signatures};
pub use policy::{PolicyVerdict, TlogPolicy};
pub use proof::{NodeSource, consistency_proof, inclusion_proof, range_hash};
pub use tile::{TILE_HEIGHT, TILE_WIDTH, Tile};
pub use timestamp::{Timestamp, der_element, reply_parts};
pub use tlog_proof::TlogProof;
pub use verdict::{Check, Judgement, Verdict};
pub use verify::{verify_consistency, verify_inclusion};

pub use self::base64::{decode_hash, encode as encode_base64};
