//! The records of a packet.

use super::log_writer::{LogWriter, ReadEntry, with_nodes};
use super::maker::{Listed, Maker, Writer, kind};
use super::redaction::Redaction;
use super::states::signed_at_text;
use super::trace::row;
use crate::packets::fault::PacketFault;
use crate::query::record_sheet as sheet;
use headgate_collector_packet::page::{MAX_ROWS, Table};
use headgate_collector_packet::{ControlTotals, Kind, LogPart, Outside, REQUESTS, REQUESTS_CSV, REQUESTS_NODES};
use headgate_collector_store::tree::{NodeFault, position_of};
use headgate_collector_store::{LogHead, Order, RequestQuery, list_range};
use headgate_collector_types::{Log, StoredEntry};

/// The records of a page.
const PAGE: usize = 1_000;

/// The records that were written.
#[derive(Debug, Default)]
pub(super) struct Requests {
    pub(super) part: LogPart,
    pub(super) totals: ControlTotals,
    /// The first records, for the page.
    pub(super) rows: Table,
    /// Index and line of the record of the sample trace.
    pub(super) sample: Option<(u64, Vec<u8>)>,
    damaged: u64,
}

/// A page of records, and the position behind which the next one begins.
struct Read {
    entries: Vec<ReadEntry>,
    damaged: u64,
    next: Option<i64>,
}

impl Maker<'_, '_> {
    /// Writes the records, their spreadsheet, and the subtrees between them.
    pub(super) fn requests(
        &mut self,
        packet: &mut Writer,
        listed: &mut Listed,
        state: &LogHead,
    ) -> Result<Requests, PacketFault> {
        let redaction = Redaction::of(self.order);
        packet.begin(REQUESTS)?;
        let names = [REQUESTS_CSV, REQUESTS_NODES];
        let mut writer = LogWriter::begin(self, Log::Requests, names, redaction.is_some())?;
        writer.rows(|out| out.extend(sheet::header()))?;
        let mut found =
            Requests { rows: Table { head: super::trace::ROW_HEAD.to_vec(), rows: Vec::new() }, ..Requests::default() };
        let mut query = self.record_query(state)?;
        while let Some(asked) = query.take() {
            let read = self.page(&asked, writer.next())?;
            for entry in read.entries {
                self.record(packet, &mut writer, &mut found, entry, redaction.as_ref())?;
            }
            found.damaged = found.damaged.saturating_add(read.damaged);
            query = read.next.map(|after| RequestQuery { after: Some(after), ..asked });
        }
        let (lines, own) = (writer.lines, writer.own);
        writer.finish(self, packet, (state.size, state.root))?;
        found.part = self.part_of(state, lines, own, &found);
        for name in [REQUESTS, REQUESTS_CSV] {
            listed.add(name, Some(lines));
        }
        listed.add(REQUESTS_NODES, None);
        Ok(found)
    }

    /// Returns the query for all records of the packet; `None` if there is none.
    fn record_query(&mut self, state: &LogHead) -> Result<Option<RequestQuery>, PacketFault> {
        let behind = position_of(state.size);
        let scope = &self.order.scope;
        let matching = RequestQuery {
            filters: self.order.filters.clone(),
            from: Some(scope.from),
            to: Some(scope.to),
            order: Order::Ascending,
            limit: PAGE,
            before: Some(behind),
            ..RequestQuery::default()
        };
        if kind(self.order) == Kind::Filtered {
            return Ok(Some(matching));
        }
        // A whole packet has all records between the first and the last one of the period.
        let first = RequestQuery { limit: 1, ..matching.clone() };
        let last = RequestQuery { order: Order::Descending, limit: 1, after: Some(behind), before: None, ..matching };
        let ends = self.reading.step(|db| Ok((list_range(db, &first)?.first, list_range(db, &last)?.first)))?;
        let (Some(first), Some(last)) = ends else { return Ok(None) };
        Ok(Some(RequestQuery {
            order: Order::Ascending,
            limit: PAGE,
            after: Some(first.saturating_sub(1)),
            before: Some(last.saturating_add(1)),
            ..RequestQuery::default()
        }))
    }

    fn page(&mut self, query: &RequestQuery, next: u64) -> Result<Read, PacketFault> {
        let read = self.reading.try_step(|db| -> Result<_, NodeFault> {
            let page = list_range(db, query)?;
            let damaged = page.records.iter().filter(|record| matches!(record, StoredEntry::Damaged(_))).count();
            let next_page = page.last.filter(|_| page.has_more);
            let entries = with_nodes(db, Log::Requests, next, page.positions.into_iter().zip(page.records))?;
            Ok(Read { entries, damaged: u64::try_from(damaged).unwrap_or(u64::MAX), next: next_page })
        })?;
        Ok(read?)
    }

    fn record(
        &self,
        packet: &mut Writer,
        writer: &mut LogWriter,
        found: &mut Requests,
        entry: ReadEntry,
        redaction: Option<&Redaction>,
    ) -> Result<(), PacketFault> {
        let scope = &self.order.scope;
        let redacted = redaction.and_then(|redaction| redaction.line(&entry.bytes));
        let line = redacted.as_deref().unwrap_or(&entry.bytes);
        writer.line(packet, &entry, line)?;
        if found.totals.add_line(line, (scope.from, scope.to)) == Some(true) {
            found.part.in_period = found.part.in_period.saturating_add(1);
        }
        let wanted = match &scope.sample_request {
            Some(id) => found.sample.is_none() && has_id(line, id),
            None => found.sample.is_none(),
        };
        if wanted {
            found.sample = Some((entry.index, line.to_vec()));
        }
        if found.rows.rows.len() < MAX_ROWS {
            found.rows.rows.push(row(line));
        }
        let line = redacted.unwrap_or(entry.bytes);
        writer.rows(|out| sheet::row(out, &StoredEntry::Intact(line)))
    }

    fn part_of(&self, state: &LogHead, lines: u64, own: Option<(u64, u64)>, found: &Requests) -> LogPart {
        let (first, end) = own.unwrap_or((0, 0));
        let without = end.saturating_sub(first).saturating_sub(lines);
        let damaged = found.damaged.min(without);
        let others = without.saturating_sub(damaged);
        let outside = match kind(self.order) {
            Kind::Whole => Outside { deleted: others, damaged, ..Outside::default() },
            Kind::Filtered => Outside { not_matched: others, damaged, ..Outside::default() },
        };
        let signed_at = signed_at_text(state);
        LogPart {
            size: state.size,
            first,
            end,
            lines,
            in_period: found.part.in_period,
            outside,
            signed_at,
            grown_from: None,
        }
    }
}

fn has_id(line: &[u8], id: &str) -> bool {
    // Most records need not be read: the id stands in the line of its record.
    memchr::memmem::find(line, id.as_bytes()).is_some()
        && serde_json::from_slice::<headgate_record::RequestRecord>(line).is_ok_and(|record| record.id == id)
}
