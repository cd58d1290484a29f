//! The source index: the proxies that the collector has heard of.

use super::maker::{Listed, Maker, Writer};
use super::states::Pins;
use crate::packets::fault::PacketFault;
use headgate_collector_packet::SOURCES;
use headgate_collector_packet::page::Table;
use headgate_collector_store as store;
use headgate_collector_types::visible;
use serde_json::json;

impl Maker<'_, '_> {
    /// Writes the source index, and returns it as a table.
    pub(super) fn sources(
        &mut self,
        packet: &mut Writer,
        listed: &mut Listed,
        pins: &Pins,
    ) -> Result<Table, PacketFault> {
        if !self.order.scope.redact.is_empty() {
            return Ok(Table::default());
        }
        let as_of = pins.as_of();
        let mut planes = self.reading.step(|db| store::data_planes(db, as_of))?;
        planes.sort_by(|one, other| one.node.cmp(&other.node));
        let (mut all, mut rows) = (Vec::new(), Vec::new());
        for plane in &planes {
            let seen = u64::try_from(plane.last_seen.min(as_of)).map(crate::csv::time).unwrap_or_default();
            let revisions: Vec<_> = plane.config_revisions.iter().map(|revision| visible(revision)).collect();
            let version = plane.workers.first().map(|worker| visible(&worker.version)).unwrap_or_default();
            all.push(json!({
                "node": plane.node, "workers": plane.workers.len(), "last_heard": seen, "version": version,
                "config_revisions": revisions,
            }));
            rows.push(vec![visible(&plane.node), plane.workers.len().to_string(), seen, version, revisions.join(" ")]);
        }
        let text = json!({"observed": all, "stated_by_the_operator": []});
        packet.put(SOURCES, format!("{text:#}\n").as_bytes())?;
        listed.add(SOURCES, None);
        Ok(Table { head: vec!["proxy", "workers", "last heard", "version", "policies"], rows })
    }
}
