//! Proofs about stored entries.

use super::cosignatures::{confirmed_checkpoint, published_checkpoint};
use super::{Confirmation, SignedCheckpoint, key_of, log_key, newest_checkpoint};
use crate::tree::{NodeFault, StoredTree, index_of};
use headgate_collector_db::{Db, StoreError};
use headgate_collector_tree::{
    Checkpoint, Hash, NodeSource, TlogProof, VerifyingKey, consistency_proof, inclusion_proof, note_with_signatures,
    range_hash, verify_consistency, verify_inclusion,
};
use headgate_collector_types::Log;

/// The first part of the logs' names while there is no key.
const UNSIGNED: &str = "unsigned";

/// A proof that an entry is in a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryProof {
    /// The proof.
    pub proof: TlogProof,
    /// Whether its checkpoint is signed.
    pub is_signed: bool,
    /// The witnesses that have confirmed its checkpoint.
    pub confirmations: Vec<Confirmation>,
}

/// The state of a log that proofs and packets show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogHead {
    /// The number of entries.
    pub size: u64,
    /// The root of the tree over them.
    pub root: Hash,
    /// The checkpoint, as it is published.
    pub note: String,
    /// When it was signed, µs; `None` if it is not signed.
    pub signed_at: Option<i64>,
    /// The witnesses that have confirmed it.
    pub confirmations: Vec<Confirmation>,
}

impl From<SignedCheckpoint> for LogHead {
    fn from(SignedCheckpoint { size, root, signed_at, note, confirmations }: SignedCheckpoint) -> Self {
        Self { size, root, note, signed_at: Some(signed_at), confirmations }
    }
}

impl LogHead {
    /// Returns the checkpoint that is shown to others, the newest that witnesses have confirmed; without a checkpoint, the present
    /// state, which nobody has signed.
    ///
    /// # Errors
    /// The store cannot be read, or the tree is damaged.
    pub fn newest(db: &Db, log: Log) -> Result<Self, StoreError> {
        if let Some(checkpoint) = published_checkpoint(db, log)? {
            return Ok(checkpoint.into());
        }
        let tree = StoredTree::open(db, log)?.ok_or(StoreError::Damaged)?;
        let (size, root) = (tree.size(), tree.root());
        let text = Checkpoint { origin: origin(db, log)?, size, root }.text();
        Ok(Self { size, root, note: note_with_signatures(&text, &[]), signed_at: None, confirmations: Vec::new() })
    }
}

/// A proof that a log's tree is the beginning of a later one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrowthProof {
    /// The size of the later tree.
    pub to: u64,
    /// The proof.
    pub proof: Vec<Hash>,
}

/// The reason why there is no proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProofFault {
    /// Hashes are not known.
    Node(NodeFault),
    /// No checkpoint covers the entry yet.
    NotSigned,
    /// The tree is smaller than asked for.
    TooLarge,
    /// The stored tree contradicts itself.
    Contradicted,
}

impl From<NodeFault> for ProofFault {
    fn from(fault: NodeFault) -> Self {
        Self::Node(fault)
    }
}

impl From<StoreError> for ProofFault {
    fn from(error: StoreError) -> Self {
        Self::Node(NodeFault::Store(error))
    }
}

/// Returns the name of a log in its checkpoints.
///
/// # Errors
/// The store cannot be read.
pub fn origin(db: &Db, log: Log) -> Result<String, StoreError> {
    let key = log_key(db)?.and_then(|text| VerifyingKey::parse(&text).ok());
    let key = key.and_then(|key| key_of(log, &key));
    Ok(key.map_or_else(|| format!("{UNSIGNED}/{}", log.as_str()), |key| key.name().to_owned()))
}

/// Returns the proof that the entry at a position is in its log, under the newest checkpoint. Without a key, the checkpoint is
/// the tree's present state without a signature.
///
/// # Errors
/// There is no proof, or the store cannot be read.
pub fn prove_entry(db: &Db, log: Log, position: i64) -> Result<EntryProof, ProofFault> {
    let mut tree = open(db, log)?;
    let index = index_of(position);
    let LogHead { size, root, note, signed_at, confirmations } = head_over(db, log, index)?;
    if index >= size {
        return Err(ProofFault::NotSigned);
    }
    let path = inclusion_proof(&mut tree, index, size)?;
    let leaf = tree.node(0, index)?;
    verify_inclusion(index, size, &leaf, &path, &root).map_err(|_| ProofFault::Contradicted)?;
    Ok(EntryProof { proof: TlogProof { index, path, checkpoint: note }, is_signed: signed_at.is_some(), confirmations })
}

/// Returns the state under which an entry is proven: one that witnesses have confirmed if there is one over the entry.
fn head_over(db: &Db, log: Log, index: u64) -> Result<LogHead, StoreError> {
    let head = LogHead::newest(db, log)?;
    if index < head.size && !head.confirmations.is_empty() {
        return Ok(head);
    }
    match confirmed_checkpoint(db, log, index)? {
        Some(confirmed) => Ok(confirmed.into()),
        None => Ok(newest_checkpoint(db, log)?.map_or(head, LogHead::from)),
    }
}

/// Returns the proof that a log's tree of size `from` is the beginning of that of size `to`; without it, that of the newest
/// checkpoint, or the present tree.
///
/// # Errors
/// There is no proof, or the store cannot be read.
pub fn prove_growth(db: &Db, log: Log, from: u64, to: Option<u64>) -> Result<GrowthProof, ProofFault> {
    let mut tree = open(db, log)?;
    let newest = newest_checkpoint(db, log)?;
    let to = to.or(newest.as_ref().map(|newest| newest.size)).unwrap_or(tree.size());
    if from > to || to > tree.size() {
        return Err(ProofFault::TooLarge);
    }
    let proof = consistency_proof(&mut tree, from, to)?;
    let old = range_hash(&mut tree, 0, from)?;
    let new = range_hash(&mut tree, 0, to)?;
    verify_consistency((from, &old), (to, &new), &proof).map_err(|_| ProofFault::Contradicted)?;
    let signed = newest.filter(|newest| newest.size == to);
    if signed.is_some_and(|signed| signed.root != new) {
        return Err(ProofFault::Contradicted);
    }
    Ok(GrowthProof { to, proof })
}

fn open(db: &Db, log: Log) -> Result<StoredTree<'_>, ProofFault> {
    StoredTree::open(db, log)?.ok_or(ProofFault::Contradicted)
}
