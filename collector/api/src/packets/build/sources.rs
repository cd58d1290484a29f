//! The source index: the proxies that the collector has heard of, and those that the operator states.

use super::maker::{Listed, Maker, StatedSource, Writer};
use super::states::Pins;
use crate::packets::fault::PacketFault;
use crate::query::Filters;
use headgate_collector_packet::SOURCES;
use headgate_collector_packet::page::Table;
use headgate_collector_store::{self as store, DataPlane, RequestQuery, Worker, list_range};
use headgate_collector_types::visible;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// The sources of a packet.
#[derive(Debug, Default)]
pub(super) struct Sources {
    /// For the page; without rows in a redacted packet.
    pub(super) table: Table,
    /// The number of those that the operator states.
    pub(super) stated: usize,
    /// Those of them that were not heard of in the period.
    pub(super) silent: Vec<String>,
}

impl Maker<'_, '_> {
    /// Writes the source index, unless the packet is redacted.
    pub(super) fn sources(
        &mut self,
        packet: &mut Writer,
        listed: &mut Listed,
        pins: &Pins,
        outside: &[Value],
    ) -> Result<Sources, PacketFault> {
        let (as_of, stated) = (pins.as_of(), self.tools.sources);
        let mut planes = self.reading.step(|db| store::data_planes(db, as_of))?;
        planes.sort_by(|one, other| one.node.cmp(&other.node));
        let heard = self.heard(&planes, as_of)?;
        let silent = stated.iter().map(|source| &source.node).filter(|node| !heard.contains(*node)).cloned();
        let mut sources = Sources { table: Table::default(), stated: stated.len(), silent: silent.collect() };
        if !self.order.scope.redact.is_empty() {
            return Ok(sources);
        }
        let (observed, mut rows): (Vec<Value>, Vec<Vec<String>>) =
            planes.iter().map(|plane| of_plane(plane, stated, as_of)).unzip();
        let unobserved = stated.iter().filter(|source| planes.iter().all(|plane| plane.node != source.node));
        rows.extend(unobserved.map(|source| {
            let said = if heard.contains(&source.node) { "records, no heartbeat" } else { "not heard of" };
            [&source.node, "", said, "", "", &source.description].map(str::to_owned).to_vec()
        }));
        let of_source = |source: &StatedSource| {
            let is_heard = heard.contains(&source.node);
            json!({"node": source.node, "description": source.description, "heard_in_period": is_heard})
        };
        let of_operator: Vec<Value> = stated.iter().map(of_source).collect();
        let text = json!({"observed": observed, "stated_by_the_operator": of_operator, "outside_memory": outside});
        packet.put(SOURCES, format!("{text:#}\n").as_bytes())?;
        listed.add(SOURCES, None);
        let head = vec!["proxy", "workers", "last heard", "version", "policies", "stated by the operator"];
        sources.table = Table { head, rows };
        Ok(sources)
    }

    /// Returns the stated sources that were heard of in the period: by a worker that ran in it, or by a record of it.
    fn heard(&mut self, planes: &[DataPlane], as_of: i64) -> Result<BTreeSet<String>, PacketFault> {
        let (from, to) = (self.order.scope.from, self.order.scope.to);
        let ran = |worker: &Worker| {
            let started = worker.last_seen.saturating_sub(worker.uptime_s.saturating_mul(1_000_000));
            worker.last_seen.min(as_of) >= from && started < to
        };
        let mut heard = BTreeSet::new();
        for source in self.tools.sources {
            let beats = planes.iter().any(|plane| plane.node == source.node && plane.workers.iter().any(ran));
            if beats || self.has_record(&source.node, from, to)? {
                heard.insert(source.node.clone());
            }
        }
        Ok(heard)
    }

    fn has_record(&mut self, node: &str, from: i64, to: i64) -> Result<bool, PacketFault> {
        let Ok(filters) = Filters::<false>::of(vec![("node".to_owned(), node.to_owned())]).read() else {
            return Ok(false);
        };
        let query = RequestQuery { filters, from: Some(from), to: Some(to), limit: 1, ..RequestQuery::default() };
        self.reading.step(|db| Ok(list_range(db, &query)?.first.is_some()))
    }
}

/// Returns a proxy as JSON, and as a row of the page.
fn of_plane(plane: &DataPlane, stated: &[StatedSource], as_of: i64) -> (Value, Vec<String>) {
    let seen = crate::csv::stored_time(plane.last_seen.min(as_of));
    let revisions: Vec<_> = plane.config_revisions.iter().map(|revision| visible(revision)).collect();
    let version = plane.workers.first().map(|worker| visible(&worker.version)).unwrap_or_default();
    let workers = plane.workers.len();
    let value = json!({
        "node": plane.node, "workers": workers, "last_heard": seen, "version": version, "config_revisions": revisions,
    });
    let said = stated.iter().find(|source| source.node == plane.node);
    let said = said.map_or("", |source| source.description.as_str()).to_owned();
    (value, vec![visible(&plane.node), workers.to_string(), seen, version, revisions.join(" "), said])
}
