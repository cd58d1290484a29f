//! The delivery statement: entries that retention deleted before a forwarder had delivered them.
//!
//! A packet reads the log itself, so nothing of it is missing for that. A system that got the log from a forwarder has less.

use super::maker::{Listed, Maker, Writer};
use super::states::Pins;
use crate::packets::fault::PacketFault;
use headgate_collector_packet::{DELIVERIES, Undelivered};
use headgate_collector_store::tree::position_of;
use headgate_collector_store::{AuditQuery, NameFilter, Order, list_audit};
use headgate_collector_types::audit::{Entry, SOURCE};
use headgate_collector_types::{StoredEntry, visible};
use serde_json::{Value, json};

/// The most losses of a packet; the newest are named.
const MAX_LOSSES: usize = 1_000;

impl Maker<'_, '_> {
    /// Writes what forwarders have not delivered, as the audit log notes it up to the state of the packet. A redacted packet says
    /// nothing of other systems.
    pub(super) fn deliveries(
        &mut self,
        packet: &mut Writer,
        listed: &mut Listed,
        pins: &Pins,
    ) -> Result<Option<Vec<Undelivered>>, PacketFault> {
        if !self.order.scope.redact.is_empty() {
            return Ok(None);
        }
        let is = |column, text: &str| NameFilter { column, texts: vec![text.to_owned()], not: false };
        let query = AuditQuery {
            // Other systems deliver audit entries too, of any type.
            names: vec![is("type", "forwarder.lost"), is("source", SOURCE)],
            // The newest first: after means further back.
            after: Some(position_of(pins.audit.size)),
            order: Order::Descending,
            limit: MAX_LOSSES,
            ..AuditQuery::default()
        };
        let page = self.reading.step(|db| list_audit(db, &query))?;
        let mut losses: Vec<_> = page.entries.iter().filter_map(|row| loss(&row.entry)).collect();
        losses.reverse();
        let text = json!({"not_delivered": losses, "has_more": page.has_more});
        packet.put(DELIVERIES, format!("{text:#}\n").as_bytes())?;
        listed.add(DELIVERIES, Some(losses.len() as u64));
        Ok(Some(losses))
    }
}

fn loss(entry: &StoredEntry) -> Option<Undelivered> {
    let StoredEntry::Intact(bytes) = entry else { return None };
    let entry: Entry = serde_json::from_slice(bytes).ok()?;
    let after = |path: &str| entry.changes.iter().find(|change| change.path == path)?.after.as_ref();
    let position = |path: &str| after(path).and_then(Value::as_i64);
    Some(Undelivered {
        forwarder: visible(&entry.resource.id),
        log: visible(after("log")?.as_str()?),
        entries: entry.count?,
        first_position: position("first_position")?,
        last_position: position("last_position")?,
        noted_at: entry.time,
    })
}
