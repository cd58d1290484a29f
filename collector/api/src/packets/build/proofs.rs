//! The proofs of a packet.

use super::maker::{Listed, Maker, Writer};
use super::request_log::Requests;
use super::states::Pins;
use super::trace::sample;
use crate::packets::fault::PacketFault;
use headgate_collector_db::StoreError;
use headgate_collector_packet::page::SampleTrace;
use headgate_collector_packet::{AUDIT_CHECKPOINT, REQUESTS_CHECKPOINT, REQUESTS_GROWTH, SAMPLE_PROOF};
use headgate_collector_store::tree::{NodeFault, StoredTree};
use headgate_collector_store::{self as store, LogHead};
use headgate_collector_tree::{TlogProof, consistency_proof, encode_base64, inclusion_proof};
use headgate_collector_types::Log;
use headgate_record::RequestRecord;
use serde_json::json;

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
    fn growth(&mut self, packet: &mut Writer, listed: &mut Listed, to: &LogHead) -> Result<Option<u64>, PacketFault> {
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
