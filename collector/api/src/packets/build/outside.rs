//! The outside memory of a packet: witnesses that have confirmed its checkpoints, and places that hold earlier ones.

use super::maker::{Listed, Maker, Writer};
use super::states::Pins;
use crate::csv::stored_time;
use crate::packets::fault::PacketFault;
use headgate_collector_db::{Db, StoreError};
use headgate_collector_packet::page::Table;
use headgate_collector_packet::{HeldOutside, OUTSIDE, OutsideKind, OutsideObject, outside_checkpoint, outside_token};
use headgate_collector_store::tree::{NodeFault, StoredTree};
use headgate_collector_store::{self as store, AnchorProof, Anchored, LogHead};
use headgate_collector_tree::{consistency_proof, encode_base64};
use headgate_collector_types::{Log, visible};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// The outside memory of a packet.
#[derive(Debug, Default)]
pub(super) struct OutsideMemory {
    /// The names of the places.
    pub(super) anchors: Vec<String>,
    /// Witnesses and places, for the page.
    pub(super) table: Table,
    /// The same for the source index.
    pub(super) listed: Vec<Value>,
}

impl Maker<'_, '_> {
    /// Writes the checkpoints that outside parties hold, each with the proof that the log of the packet continues it.
    pub(super) fn outside(
        &mut self,
        packet: &mut Writer,
        listed: &mut Listed,
        pins: &Pins,
    ) -> Result<OutsideMemory, PacketFault> {
        let mut memory = OutsideMemory::default();
        let (mut all, mut names) = (Vec::new(), BTreeSet::new());
        for (log, head) in [(Log::Requests, &pins.requests), (Log::Audit, &pins.audit)] {
            if !pins.is_signed() || (log == Log::Audit && !self.has("audit")) {
                continue;
            }
            memory.witnesses(log, head);
            let size = head.size;
            let found = self.reading.step(|db| with_proofs(db, log, size))?;
            for (held, proof) in found {
                let one = of_anchor(log, &held, &proof);
                let name = outside_checkpoint(log.as_str(), &held.anchor);
                packet.put(&name, held.note.as_bytes())?;
                listed.add(name, None);
                if let AnchorProof::Token(token) = &held.proof {
                    let name = outside_token(log.as_str(), &held.anchor);
                    packet.put(&name, token)?;
                    listed.add(name, None);
                }
                memory.anchor(&one);
                names.insert(held.anchor);
                all.push(one);
            }
        }
        if !all.is_empty() {
            let text = serde_json::to_string_pretty(&all).map_err(|e| PacketFault::Io(e.into()))?;
            packet.put(OUTSIDE, format!("{text}\n").as_bytes())?;
            listed.add(OUTSIDE, Some(all.len() as u64));
        }
        memory.anchors = names.into_iter().collect();
        Ok(memory)
    }
}

/// Returns the newest checkpoints that anchors hold of at most this size, with the proofs that the tree of this size continues them. One
/// whose hashes are deleted is left out.
fn with_proofs(db: &Db, log: Log, size: u64) -> Result<Vec<(Anchored, Vec<String>)>, StoreError> {
    let mut tree = StoredTree::open(db, log)?.ok_or(StoreError::Damaged)?;
    let mut found = Vec::new();
    for held in store::anchored_up_to(db, log, size)? {
        match consistency_proof(&mut tree, held.size, size) {
            Ok(proof) => found.push((held, proof.iter().map(|hash| encode_base64(hash)).collect())),
            Err(NodeFault::Missing { .. }) => {}
            Err(NodeFault::Store(error)) => return Err(error),
        }
    }
    Ok(found)
}

fn of_anchor(log: Log, held: &Anchored, proof: &[String]) -> HeldOutside {
    let object = match &held.proof {
        AnchorProof::Token(_) => None,
        AnchorProof::Object(object) => Some(OutsideObject {
            address: object.address.clone(),
            version: object.version.clone(),
            etag: object.etag.clone(),
            locked_until: object.locked_until.map(stored_time),
            finding: held.finding.map(|finding| finding.as_str().to_owned()),
        }),
    };
    HeldOutside {
        anchor: held.anchor.clone(),
        kind: if object.is_some() { OutsideKind::ObjectLock } else { OutsideKind::Rfc3161 },
        log: log.as_str().to_owned(),
        size: held.size,
        held_at: stored_time(held.at),
        proof: proof.to_vec(),
        object,
    }
}

impl OutsideMemory {
    fn witnesses(&mut self, log: Log, head: &LogHead) {
        for witness in &head.confirmations {
            let place = format!("key {}", witness.witness);
            self.add([
                "witness",
                witness.name(),
                log.as_str(),
                &head.size.to_string(),
                &stored_time(witness.at),
                &place,
            ]);
        }
    }

    fn anchor(&mut self, one: &HeldOutside) {
        let (kind, place) = match &one.object {
            None => ("time stamp", outside_token(&one.log, &one.anchor)),
            Some(OutsideObject { address, version, locked_until, finding, .. }) => {
                let until = locked_until.as_deref().unwrap_or("the rules of its container say");
                let found = finding.as_ref().map(|word| format!("; read back: {word}")).unwrap_or_default();
                ("object lock", format!("{address}, version {version}, locked until {until}{found}"))
            }
        };
        self.add([kind, &one.anchor, &one.log, &one.size.to_string(), &one.held_at, &place]);
    }

    fn add(&mut self, [kind, name, log, entries, at, place]: [&str; 6]) {
        self.table.head = vec!["kind", "name", "log", "entries", "time", "place"];
        self.table.rows.push([kind, name, log, entries, at, place].map(visible).to_vec());
        self.listed
            .push(json!({"kind": kind, "name": name, "log": log, "entries": entries, "time": at, "place": place}));
    }
}
