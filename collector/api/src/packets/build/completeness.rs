//! The statement on completeness, in three values.

use super::sources::Sources;
use super::statements::GapSums;
use super::states::Pins;
use crate::packets::order::PacketOrder;
use headgate_collector_packet::{Completeness, CompletenessVerdict, LogPart, Reconciliation};
use headgate_collector_store::Damaged;
use headgate_collector_store::tree::position_of;

/// The most silent proxies that are named.
const MAX_NAMED: usize = 20;

/// What the collector noticed beside the records.
#[derive(Clone, Copy)]
pub(super) struct Signs<'a> {
    pub(super) gaps: &'a GapSums,
    pub(super) damage: &'a [Damaged],
    pub(super) clock_leaps: usize,
    pub(super) sources: &'a Sources,
}

/// Returns the statement.
pub(super) fn statement(
    order: &PacketOrder,
    pins: &Pins,
    part: &LogPart,
    reconciliation: &Reconciliation,
    signs: &Signs<'_>,
) -> Completeness {
    let Signs { gaps, damage, clock_leaps, sources } = *signs;
    let mut unknown = Vec::new();
    let mut known = Vec::new();
    if pins.as_of() < order.scope.to {
        unknown.push("the period had not ended when this state of the log was signed".to_owned());
    }
    if gaps.unknown_ends > 0 {
        unknown.push(format!(
            "{} workers of proxies fell silent without saying how many records they still had",
            gaps.unknown_ends
        ));
    }
    unknown.extend(silence(order, &sources.silent));
    if gaps.gaps > 0 {
        known.push(format!(
            "{} records in {} gaps: proxies numbered them and they have not arrived",
            gaps.missing, gaps.gaps
        ));
    }
    if gaps.dropped > 0 {
        known.push(format!(
            "{} records that proxies say they dropped, at times that are not known (data/gaps.json)",
            gaps.dropped
        ));
    }
    let damaged = damaged_within(part, damage).max(part.outside.damaged);
    if damaged > 0 {
        known.push(format!("{damaged} damaged records, which the disk did not keep as they were stored"));
    }
    deleted(order, part, reconciliation, damaged, &mut known);
    if clock_leaps > 0 {
        known.push(format!(
            "{clock_leaps} leaps of the collector's clock are noted: times of receipt are uncertain there"
        ));
    }
    let verdict = match (unknown.is_empty(), known.is_empty()) {
        (false, _) => CompletenessVerdict::CannotBeSaid,
        (true, false) => CompletenessVerdict::CompleteExcept,
        (true, true) => CompletenessVerdict::Complete,
    };
    unknown.append(&mut known);
    let basis = [
        "the numbers that each worker of a proxy gives its records",
        "heartbeats of workers and their silence",
        "damage of the disk",
        "deletions by retention",
        "leaps of the clock",
    ];
    let mut basis: Vec<String> = basis.map(str::to_owned).into();
    basis.push(if sources.stated > 0 {
        "the proxies that the operator states".to_owned()
    } else {
        "no list of proxies: the operator states none, so one that never reported would not be noticed".to_owned()
    });
    Completeness { verdict, reasons: unknown, basis }
}

/// Returns the statement on stated proxies that were not heard of. A redacted packet names none.
fn silence(order: &PacketOrder, silent: &[String]) -> Option<String> {
    let said = "proxies that the operator states were not heard of in the period";
    match silent.split_at_checked(MAX_NAMED) {
        _ if silent.is_empty() => None,
        _ if !order.scope.redact.is_empty() => Some(format!("{} {said}", silent.len())),
        Some((named, others)) if !others.is_empty() => {
            Some(format!("{said}: {} and {} more", named.join(", "), others.len()))
        }
        _ => Some(format!("{said}: {}", silent.join(", "))),
    }
}

/// Adds the records that were counted and are gone.
fn deleted(
    order: &PacketOrder,
    part: &LogPart,
    reconciliation: &Reconciliation,
    damaged: u64,
    known: &mut Vec<String>,
) {
    let counted = reconciliation.usage.map_or(0, |usage| usage.records);
    let gone = counted.saturating_sub(part.in_period).saturating_sub(damaged);
    if gone > 0 {
        known.push(format!(
            "{gone} records of the period were counted when they were stored and are not in the log any more"
        ));
    } else if part.outside.deleted > 0 && order.scope.filters.is_empty() {
        known.push(format!("{} records between those of the period are deleted or lost", part.outside.deleted));
    }
    if !order.scope.filters.is_empty() {
        known.push("whether records that match were deleted is not looked at in a filtered packet".to_owned());
    }
}

fn damaged_within(part: &LogPart, damage: &[Damaged]) -> u64 {
    let (first, last) = (position_of(part.first), position_of(part.end).saturating_sub(1));
    let of_range = |range: &Damaged| {
        let (from, to) = (range.first_position.max(first), range.last_position.min(last));
        u64::try_from(to.saturating_sub(from).saturating_add(1)).unwrap_or(0)
    };
    damage.iter().filter(|range| range.log == "requests").map(of_range).fold(0, u64::saturating_add)
}
