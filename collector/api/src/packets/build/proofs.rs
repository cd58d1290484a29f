//! The states of the logs that a packet shows, and the proofs about them.

use super::request_log::Requests;
use super::trace::sample;
use super::{Listed, Maker, Writer};
use crate::packets::PacketFault;
use headgate_collector_db::{Db, StoreError};
use headgate_collector_packet::page::SampleTrace;
use headgate_collector_packet::{AUDIT_CHECKPOINT, REQUESTS_CHECKPOINT, REQUESTS_GROWTH, SAMPLE_PROOF};
use headgate_collector_store::tree::{NodeFault, StoredTree};
use headgate_collector_store::{self as store, SignedCheckpoint, newest_checkpoint};
use headgate_collector_tree::{
    Checkpoint, Hash, TlogProof, consistency_proof, encode_base64, inclusion_proof, note_with_signatures,
};
use headgate_collector_types::Log;
use headgate_record::RequestRecord;
use serde_json::json;

/// The state of a log.
#[derive(Debug, Clone)]
pub(super) struct LogState {
    pub(super) size: u64,
    pub(super) root: Hash,
    pub(super) note: String,
    /// When it was signed, µs; `None` if it is not signed.
    pub(super) signed_at: Option<i64>,
}

/// The states of both logs.
#[derive(Debug)]
pub(super) struct Pins {
    /// The name of the logs.
    pub(super) name: String,
    /// Their public key.
    pub(super) key: Option<String>,
    pub(super) requests: LogState,
    pub(super) audit: LogState,
}

impl Pins {
    pub(super) fn is_signed(&self) -> bool {
        self.requests.signed_at.is_some()
    }

    /// Returns the time of the state that the packet shows: nothing later is part of it.
    pub(super) fn as_of(&self) -> i64 {
        self.requests.signed_at.unwrap_or(i64::MAX)
    }
}

impl LogState {
    /// Returns the newest checkpoint; without one, the present state, which nobody has signed.
    pub(super) fn newest(db: &Db, log: Log) -> Result<Self, StoreError> {
        if let Some(SignedCheckpoint { size, root, signed_at, note }) = newest_checkpoint(db, log)? {
            return Ok(Self { size, root, note, signed_at: Some(signed_at) });
        }
        let tree = StoredTree::open(db, log)?.ok_or(StoreError::Damaged)?;
        let (size, root) = (tree.size(), tree.root());
        let text = Checkpoint { origin: store::origin(db, log)?, size, root }.text();
        Ok(Self { size, root, note: note_with_signatures(&text, &[]), signed_at: None })
    }

    pub(super) fn signed_at_text(&self) -> Option<String> {
        self.signed_at.and_then(|us| u64::try_from(us).ok()).map(crate::csv::time)
    }
}

impl Maker<'_, '_> {
    /// Writes checkpoints and proofs. Returns the sample trace, and the size from which growth is proven.
    pub(super) fn proofs(
        &mut self,
        packet: &mut Writer,
        listed: &mut Listed,
        requests: &Requests,
        pins: &Pins,
    ) -> Result<(Option<SampleTrace>, Option<u64>), PacketFault> {
        packet.put(REQUESTS_CHECKPOINT, pins.requests.note.as_bytes())?;
        listed.add(REQUESTS_CHECKPOINT, None);
        if self.has("audit") {
            packet.put(AUDIT_CHECKPOINT, pins.audit.note.as_bytes())?;
            listed.add(AUDIT_CHECKPOINT, None);
        }
        let grown_from = self.growth(packet, listed, &pins.requests)?;
        let Some((index, bytes)) = &requests.sample else {
            let wanted = self.order.scope.sample_request.is_some();
            return if wanted { Err(PacketFault::NoSample) } else { Ok((None, grown_from)) };
        };
        if self.order.scope.redact.is_empty() {
            let (index, size) = (*index, pins.requests.size);
            let path = self.reading.try_step(|db| -> Result<_, NodeFault> {
                let mut tree = StoredTree::open(db, Log::Requests)?.ok_or(StoreError::Damaged)?;
                inclusion_proof(&mut tree, index, size)
            })??;
            let proof = TlogProof { index, path, checkpoint: pins.requests.note.clone() };
            packet.put(SAMPLE_PROOF, proof.text().as_bytes())?;
            listed.add(SAMPLE_PROOF, None);
        }
        let Ok(record) = serde_json::from_slice::<RequestRecord>(bytes) else { return Ok((None, grown_from)) };
        let began = i64::try_from(record.started_at).unwrap_or(i64::MAX);
        let revision = self.reading.step(|db| store::policy_of_request(db, &record.config_revision, began))?;
        Ok((Some(sample(*index, &record, revision.map(|revision| revision.number))), grown_from))
    }

    /// Writes the proof that the log has only grown since the packet before, if its hashes are still there.
    fn growth(&mut self, packet: &mut Writer, listed: &mut Listed, to: &LogState) -> Result<Option<u64>, PacketFault> {
        let Some(from) = self.order.grown_from.filter(|from| (1..=to.size).contains(from)) else { return Ok(None) };
        let size = to.size;
        let found = self.reading.try_step(|db| -> Result<_, NodeFault> {
            let before = store::checkpoints_after(db, Log::Requests, from.saturating_sub(1), 1)?;
            let Some(before) = before.into_iter().find(|before| before.size == from) else { return Ok(None) };
            let mut tree = StoredTree::open(db, Log::Requests)?.ok_or(StoreError::Damaged)?;
            Ok(Some((before, consistency_proof(&mut tree, from, size)?)))
        })?;
        let (before, proof) = match found {
            Ok(Some(found)) => found,
            Ok(None) | Err(NodeFault::Missing { .. }) => return Ok(None),
            Err(NodeFault::Store(error)) => return Err(error.into()),
        };
        let proof: Vec<String> = proof.iter().map(|hash| encode_base64(hash)).collect();
        let text = json!({"from": from, "to": size, "checkpoint": before.note, "proof": proof});
        packet.put(REQUESTS_GROWTH, format!("{text:#}\n").as_bytes())?;
        listed.add(REQUESTS_GROWTH, None);
        Ok(Some(from))
    }
}
