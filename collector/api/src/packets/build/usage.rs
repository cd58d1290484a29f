//! Usage of the period, and its comparison with the records.

use super::maker::{Listed, Maker, Writer, kind};
use super::request_log::Requests;
use super::states::Pins;
use crate::packets::fault::PacketFault;
use headgate_collector_columns::Column;
use headgate_collector_db::{Db, StoreError};
use headgate_collector_packet::{ControlTotals, Kind, Reconciliation, USAGE};
use headgate_collector_store::tree::position_of;
use headgate_collector_store::{
    self as store, Calendar, Counter, GroupBy, Order, RequestQuery, Totals, UsageQuery, Width, list_range,
};
use headgate_collector_types::StoredEntry;
use jiff::tz::TimeZone;
use std::io::Write as _;

/// The records of a page.
const PAGE: usize = 1_000;
/// The buckets of a page, and the most results.
const BUCKETS: usize = 31;
const ROWS: usize = 100_000;

impl Maker<'_, '_> {
    /// Writes usage by day, provider and model, and compares its sums with those of the records.
    pub(super) fn usage(
        &mut self,
        packet: &mut Writer,
        listed: &mut Listed,
        requests: &Requests,
        pins: &Pins,
    ) -> Result<Reconciliation, PacketFault> {
        if self.has("usage") {
            let rows = self.usage_sheet(packet)?;
            listed.add(USAGE, Some(rows));
        }
        if kind(self.order) == Kind::Filtered {
            let remark =
                "Not compared: usage is not counted by these filters. A whole packet of the period is compared.";
            return Ok(Reconciliation { remark: remark.to_owned(), ..Reconciliation::default() });
        }
        let (query, size) = (self.usage_query(Vec::new()), pins.requests.size);
        let (from, to) = (self.order.scope.from, self.order.scope.to);
        // One snapshot, or a record that arrives in between would be counted in one of them alone.
        let (counted, later, corrected) = self.reading.step(|db| {
            let counted = sums(&store::usage_total(db, &query)?);
            Ok((counted, later_records(db, size, (from, to))?, !store::corrections(db, None, 1)?.is_empty()))
        })?;
        let usage = counted.without(&later);
        let agrees = usage == requests.totals;
        let remark = remark(agrees, &usage, requests, corrected);
        Ok(Reconciliation { usage: Some(usage), agrees: Some(agrees), remark })
    }

    fn usage_query(&self, groups: Vec<GroupBy>) -> UsageQuery {
        let seconds = |us: i64| us.div_euclid(1_000_000);
        UsageQuery {
            filters: Vec::new(),
            from: seconds(self.order.scope.from),
            to: seconds(self.order.scope.to),
            calendar: Calendar { zone: TimeZone::UTC, width: Width::Day },
            groups,
            percentiles: false,
            buckets: BUCKETS,
            page_rows: PAGE,
            bucket_rows: ROWS,
        }
    }

    fn usage_sheet(&mut self, packet: &mut Writer) -> Result<u64, PacketFault> {
        packet.begin(USAGE)?;
        let names = ["start_time", "end_time", "provider", "served_model"].into_iter();
        let names = names.chain(Counter::ALL.iter().map(|counter| counter.name())).map(str::to_owned);
        let mut out = Vec::new();
        crate::csv::line(&mut out, names);
        packet.write_all(&out)?;
        let mut query = self.usage_query(vec![GroupBy::Value(Column::Provider), GroupBy::Value(Column::ServedModel)]);
        let mut rows = 0_u64;
        loop {
            let asked = query.clone();
            let page = self.reading.step(|db| store::usage(db, &asked))?;
            out.clear();
            for bucket in &page.buckets {
                let times = [bucket.start, bucket.end]
                    .map(|second| crate::csv::time(u64::try_from(second.saturating_mul(1_000_000)).unwrap_or(0)));
                for row in &bucket.rows {
                    let names = row.values.iter().map(|value| value.clone().unwrap_or_default());
                    let sums = Counter::ALL.iter().map(|counter| row.totals.get(*counter).to_string());
                    crate::csv::line(&mut out, times.iter().cloned().chain(names).chain(sums));
                    rows = rows.saturating_add(1);
                }
            }
            packet.write_all(&out)?;
            match page.next {
                Some(next) => query.from = next,
                None => return Ok(rows),
            }
        }
    }
}

/// Returns the sums of the records of the period that were stored behind the checkpoint.
fn later_records(db: &Db, size: u64, period: (i64, i64)) -> Result<ControlTotals, StoreError> {
    let mut query = RequestQuery {
        from: Some(period.0),
        to: Some(period.1),
        order: Order::Ascending,
        limit: PAGE,
        after: Some(position_of(size).saturating_sub(1)),
        ..RequestQuery::default()
    };
    let mut sums = ControlTotals::default();
    loop {
        let page = list_range(db, &query)?;
        for record in &page.records {
            if let StoredEntry::Intact(bytes) = record {
                sums.add_line(bytes, period);
            }
        }
        query.after = page.last.or(query.after);
        if !page.has_more {
            return Ok(sums);
        }
    }
}

fn sums(totals: &Totals) -> ControlTotals {
    ControlTotals {
        records: totals.get(Counter::Requests),
        errors: totals.get(Counter::Errors),
        input_tokens: totals.get(Counter::InputTokens),
        cached_input_tokens: totals.get(Counter::CachedInputTokens),
        output_tokens: totals.get(Counter::OutputTokens),
        reasoning_tokens: totals.get(Counter::ReasoningTokens),
        cost_nano_usd: totals.get(Counter::Cost),
    }
}

fn remark(agrees: bool, usage: &ControlTotals, requests: &Requests, corrected: bool) -> String {
    if agrees {
        return "Records and usage agree.".to_owned();
    }
    let mut why = Vec::new();
    if usage.records > requests.totals.records {
        let gone = usage.records.saturating_sub(requests.totals.records);
        why.push(format!("usage still counts {gone} records that were deleted or are damaged"));
    }
    if corrected {
        why.push(
            "an owner has corrected counts or usage (GET /v1/corrections), and a correction changes no record"
                .to_owned(),
        );
    }
    if why.is_empty() {
        why.push("the cause is not known".to_owned());
    }
    format!("Records and usage DIFFER: {}.", why.join("; "))
}
