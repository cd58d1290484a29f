//! Rows of a report for counts that lost their place in a cell.

use crate::cell::Removed;
use crate::counter::Evicted;
use crate::period::Period;
use crate::rule::Rules;
use crate::wire::{ReportRow, parts};

/// Returns rows of a report for counts that lost their place.
pub(crate) fn evicted_rows(rules: &Rules, removed: Removed) -> Vec<ReportRow> {
    let Some(one) = rules.by_tag(removed.tag) else { return Vec::new() };
    let row = |(index, evicted): (usize, Evicted)| {
        let meter = one.rule.meters.get(index)?;
        let period = meter.period.filter(|period| *period != Period::Second)?;
        let end = one.rule.zone.window(period, evicted.start).end;
        Some(ReportRow {
            rule: one.rule.id.clone(),
            meter: meter.name(),
            subject: parts(&removed.subject),
            start: evicted.start,
            end: (end != u64::MAX).then_some(end),
            max: meter.max,
            used: evicted.amount,
            late: true,
            ..ReportRow::default()
        })
    };
    removed.counts.into_iter().filter_map(row).collect()
}
