//! The audit entries of a packet: all between the first and the last one of the period.

use super::log_writer::{LogWriter, ReadEntry, with_nodes};
use super::maker::{Listed, Maker, Writer};
use super::readers::Readers;
use super::states::signed_at_text;
use crate::audit::entry_sheet as sheet;
use crate::packets::fault::PacketFault;
use headgate_collector_packet::{AUDIT, AUDIT_CSV, AUDIT_NODES, LogPart, Outside};
use headgate_collector_store::tree::{NodeFault, position_of};
use headgate_collector_store::{AuditQuery, LogHead, NameFilter, Order, list_audit};
use headgate_collector_types::audit::Entry;
use headgate_collector_types::{Log, StoredEntry};

/// The entries of a page.
const PAGE: usize = 500;
/// The most leaps of the clock that are counted.
const MAX_LEAPS: usize = 1_000;

/// The entries that were written.
#[derive(Debug, Default)]
pub(super) struct Audit {
    pub(super) part: LogPart,
    /// The readers of the logs.
    pub(super) readers: Readers,
    damaged: u64,
}

impl Maker<'_, '_> {
    /// Writes the audit entries, their spreadsheet, and the subtrees between them.
    pub(super) fn audit(
        &mut self,
        packet: &mut Writer,
        listed: &mut Listed,
        state: &LogHead,
    ) -> Result<Audit, PacketFault> {
        packet.begin(AUDIT)?;
        let mut writer = LogWriter::begin(self, Log::Audit, [AUDIT_CSV, AUDIT_NODES], false)?;
        writer.rows(|out| out.extend(sheet::header()))?;
        let mut found = Audit::default();
        let mut query = self.entry_query(state)?;
        while let Some(asked) = query.take() {
            let (entries, damaged, next) = self.entries(&asked, writer.next())?;
            for entry in entries {
                self.entry(packet, &mut writer, &mut found, entry)?;
            }
            found.damaged = found.damaged.saturating_add(damaged);
            query = next.map(|after| AuditQuery { after: Some(after), ..asked });
        }
        let (lines, own) = (writer.lines, writer.own);
        writer.finish(self, packet, (state.size, state.root))?;
        let (first, end) = own.unwrap_or((0, 0));
        let without = end.saturating_sub(first).saturating_sub(lines);
        let damaged = found.damaged.min(without);
        let outside = Outside { deleted: without.saturating_sub(damaged), damaged, ..Outside::default() };
        let (in_period, signed_at) = (found.part.in_period, signed_at_text(state));
        found.part = LogPart { size: state.size, first, end, lines, in_period, outside, signed_at, grown_from: None };
        for name in [AUDIT, AUDIT_CSV] {
            listed.add(name, Some(lines));
        }
        listed.add(AUDIT_NODES, None);
        Ok(found)
    }

    fn entry_query(&mut self, state: &LogHead) -> Result<Option<AuditQuery>, PacketFault> {
        let behind = position_of(state.size);
        let matching = AuditQuery {
            from: Some(self.order.scope.from),
            to: Some(self.order.scope.to),
            order: Order::Ascending,
            limit: 1,
            after: Some(0),
            before: Some(behind),
            ..AuditQuery::default()
        };
        let last = AuditQuery { order: Order::Descending, after: Some(behind), before: None, ..matching.clone() };
        let ends = self.reading.step(|db| {
            let end =
                |query: &AuditQuery| list_audit(db, query).map(|page| page.entries.first().map(|entry| entry.position));
            Ok((end(&matching)?, end(&last)?))
        })?;
        let (Some(first), Some(last)) = ends else { return Ok(None) };
        Ok(Some(AuditQuery {
            order: Order::Ascending,
            limit: PAGE,
            after: Some(first.saturating_sub(1)),
            before: Some(last.saturating_add(1)),
            ..AuditQuery::default()
        }))
    }

    fn entries(&mut self, query: &AuditQuery, next: u64) -> Result<(Vec<ReadEntry>, u64, Option<i64>), PacketFault> {
        let read = self.reading.try_step(|db| -> Result<_, NodeFault> {
            let page = list_audit(db, query)?;
            let last = page.entries.last().map(|entry| entry.position).filter(|_| page.has_more);
            let damaged = page.entries.iter().filter(|entry| matches!(entry.entry, StoredEntry::Damaged(_))).count();
            let entries = page.entries.into_iter().map(|row| (row.position, row.entry));
            let entries = with_nodes(db, Log::Audit, next, entries)?;
            Ok((entries, u64::try_from(damaged).unwrap_or(u64::MAX), last))
        })?;
        Ok(read?)
    }

    fn entry(
        &self,
        packet: &mut Writer,
        writer: &mut LogWriter,
        found: &mut Audit,
        read: ReadEntry,
    ) -> Result<(), PacketFault> {
        writer.line(packet, &read, &read.bytes)?;
        if let Ok(entry) = serde_json::from_slice::<Entry>(&read.bytes) {
            let period = self.order.scope.from..self.order.scope.to;
            if i64::try_from(entry.time).is_ok_and(|time| period.contains(&time)) {
                found.part.in_period = found.part.in_period.saturating_add(1);
                found.readers.add(&entry);
            }
        }
        writer.rows(|out| sheet::row(out, &StoredEntry::Intact(read.bytes)))
    }

    /// Returns the number of leaps of the collector's clock in the period.
    pub(super) fn clock_leaps(&mut self) -> Result<usize, PacketFault> {
        let leaps = NameFilter { column: "type", texts: vec!["clock.leapt".to_owned()], not: false };
        let query = AuditQuery {
            names: vec![leaps],
            from: Some(self.order.scope.from),
            to: Some(self.order.scope.to),
            limit: MAX_LEAPS,
            ..AuditQuery::default()
        };
        self.reading.step(|db| Ok(list_audit(db, &query)?.entries.len()))
    }
}
