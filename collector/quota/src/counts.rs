//! Totals in the store, from which the fleet's answers are made.
//!
//! A report is counted in the writer's transaction, together with its number, by which a repetition is recognised. So a
//! count and the memory of having counted it reach the disk together or not at all.

use super::rules::Revision;
use super::thresholds::{Crossing, newly_crossed};
use super::units::{amount, join_subject, split_subject};
use headgate_collector_db::{Db, OptionalExtension, StoreError, params};
use headgate_collector_store::REPORTS;
use headgate_limits::{Heard, Kind, Report, ReportRow, Rule, Total, Totals, Windows};
use std::collections::HashMap;
use std::sync::Arc;

const FIND: &str = "SELECT count, used, max, revision, told FROM limit_counts
    WHERE rule = ?1 AND meter = ?2 AND subject = ?3 AND window_start = ?4";
const INSERT: &str = "INSERT INTO limit_counts (rule, meter, subject, window_start, window_end, keep_until, budget,
    current, max, used, fill, told, revision, version)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)";
const UPDATE: &str = "UPDATE limit_counts SET max = ?2, used = ?3, fill = ?4, told = ?5, revision = ?6, version = ?7,
    current = CASE WHEN window_end > ?8 THEN 1 ELSE 0 END WHERE count = ?1";

const NOTE_SLOTS: &str = "UPDATE limit_counts SET fill = ?5, window_end = ?6, keep_until = ?7, current = 1
    WHERE rule = ?1 AND meter = ?2 AND subject = ?3 AND window_start = ?4 AND (fill <> ?5 OR window_end < ?8)";

/// The meter that has no window: slots that are taken now and given back later.
pub(super) const CONCURRENCY: &str = "concurrency";
/// The time for which a reported number of taken slots is valid, in seconds. Proxies report it again every few seconds.
const SLOTS_VALID_S: i64 = 60;
const HOUR_S: i64 = 3_600;
const DAY_S: i64 = 86_400;
/// The time for which past windows of budgets are kept, in seconds.
pub(super) const BUDGETS_S: i64 = 400 * DAY_S;

/// Returns the number of the last report of this boot that was counted; 0 if there was none.
pub(super) fn last_seq(tx: &Db, boot: &str) -> Result<u64, StoreError> {
    let seq: Option<i64> = tx
        .prepare_cached("SELECT seq FROM limit_boots WHERE boot = ?1")?
        .query_row([boot], |row| row.get(0))
        .optional()?;
    Ok(amount(seq.unwrap_or(0)))
}

/// Returns the highest number that this boot's next report may have.
pub(super) fn highest_possible_seq(tx: &Db, boot: &str, now_us: i64) -> Result<i64, StoreError> {
    let known: Option<(i64, i64)> = tx
        .prepare_cached("SELECT seq, seen_at FROM limit_boots WHERE boot = ?1")?
        .query_row([boot], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    Ok(match known {
        Some((seq, at)) => REPORTS.highest(seq, at, now_us),
        None => REPORTS.highest_of_new(boot, now_us),
    })
}

/// Returns the time of the last report of any proxy, in ms since the Unix epoch; 0 if there was none.
pub(super) fn last_seen_ms(tx: &Db) -> Result<u64, StoreError> {
    let seen_us: Option<i64> =
        tx.prepare_cached("SELECT max(seen_at) FROM limit_boots")?.query_row([], |row| row.get(0))?;
    Ok(amount(seen_us.unwrap_or(0)) / 1_000)
}

/// Returns the `version` of the last write.
pub(super) fn version(db: &Db) -> Result<i64, StoreError> {
    Ok(db.prepare_cached("SELECT version FROM limit_state")?.query_row([], |row| row.get(0))?)
}

/// Returns `used` in hundredths of a percent of `max`. If `max` is 0, any use is the greatest fill.
pub(super) fn fill(used: u64, max: u64) -> i64 {
    let whole = if max == 0 { u128::from(used > 0) * 10_000 } else { u128::from(used) * 10_000 / u128::from(max) };
    i64::try_from(whole).unwrap_or(i64::MAX)
}

/// The counts, while one report is processed.
pub(super) struct Counts<'a> {
    pub(super) tx: &'a Db,
    pub(super) revision: Option<Arc<Revision>>,
    pub(super) last_seq: u64,
    /// The version of the last write.
    pub(super) version: i64,
    pub(super) now_us: i64,
    /// The thresholds that this report crossed.
    pub(super) crossings: Vec<Crossing>,
}

/// A count as it is stored.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct StoredCount {
    count: Option<i64>,
    used: u64,
    max: u64,
    revision: i64,
    told: Vec<u8>,
}

impl Totals for Counts<'_> {
    type Fault = StoreError;

    fn is_repeated(&mut self, report: &Report) -> Result<bool, StoreError> {
        if report.seq <= self.last_seq {
            return Ok(true);
        }
        self.tx
            .prepare_cached(
                "INSERT INTO limit_boots (boot, seq, seen_at) VALUES (?1, ?2, ?3)
                 ON CONFLICT (boot) DO UPDATE SET seq = excluded.seq, seen_at = excluded.seen_at",
            )?
            .execute(params![report.boot, integer(report.seq), self.now_us])?;
        Ok(false)
    }

    fn add(&mut self, row: &ReportRow, used: u64) -> Result<Total, StoreError> {
        let subject = join_subject(&row.subject);
        let existing = self.find(row, &subject)?;
        if existing.count.is_none() && used == 0 && (row.late || row.open == 0) {
            return Ok(Total::default());
        }
        let revision = self.revision.clone();
        let rule = revision.as_ref().and_then(|revision| revision.rule(&row.rule));
        // A count that a rule has judged is not judged by a row.
        let reported_max = if existing.revision > 0 { existing.max } else { row.max };
        let mut updated = StoredCount {
            // The store's largest integer, so that the sum reads back as the same value.
            used: existing.used.saturating_add(used).min(i64::MAX as u64),
            // The maximum comes from the policy. A row alone could cause an early threshold.
            max: rule.and_then(|rule| max_of(rule, &row.meter)).unwrap_or(reported_max),
            revision: revision.as_ref().map_or(existing.revision, |revision| revision.number),
            ..existing.clone()
        };
        if let Some(rule) = rule {
            self.note_crossings(row, rule, &mut updated);
        }
        if updated != existing {
            self.write(row, &subject, rule, &updated)?;
        }
        Ok(Total { used: updated.used, told: bits(rule, &updated.told) })
    }

    fn heard(&mut self, now_ms: u64) -> Result<Option<HashMap<String, Heard>>, StoreError> {
        self.shared_contacts(now_ms)
    }

    fn keep_heard(&mut self, proxy: &str, heard: &Heard) -> Result<(), StoreError> {
        self.store_contact(proxy, heard)
    }

    fn windows(&mut self, row: &ReportRow) -> Result<Option<Windows>, StoreError> {
        self.stored_windows(&row.rule, &row.meter, &row.subject)
    }

    fn keep(&mut self, row: &ReportRow, windows: &Windows) -> Result<(), StoreError> {
        self.store_windows((&row.rule, &row.meter, &row.subject), windows)
    }
}

impl Counts<'_> {
    /// Checks counts that exist already against rules that have only now become known.
    pub(super) fn recheck_thresholds(&mut self, revision: &Revision) -> Result<(), StoreError> {
        for rule in revision.rules().filter(|rule| rule.kind == Kind::Budget) {
            let Some(lowest) = rule.warn_at.iter().min() else { continue };
            for meter in &rule.meters {
                let least = u128::from(meter.max) * u128::from(*lowest) / 100;
                for row in
                    self.counts_used_at_least(&rule.id, &meter.name(), u64::try_from(least).unwrap_or(u64::MAX))?
                {
                    self.add(&ReportRow { max: meter.max, ..row }, 0)?;
                }
            }
        }
        Ok(())
    }

    fn counts_used_at_least(&self, rule: &str, meter: &str, least: u64) -> Result<Vec<ReportRow>, StoreError> {
        let mut select = self.tx.prepare_cached(
            "SELECT subject, window_start, window_end FROM limit_counts
             WHERE current = 1 AND rule = ?1 AND meter = ?2 AND used >= ?3 AND window_end > ?4",
        )?;
        let values = params![rule, meter, integer(least.max(1)), self.now_us / 1_000_000];
        let rows = select.query_map(values, |row| {
            let end: i64 = row.get(2)?;
            Ok(ReportRow {
                rule: rule.to_owned(),
                meter: meter.to_owned(),
                subject: split_subject(&row.get::<_, String>(0)?),
                start: amount(row.get(1)?),
                end: (end != i64::MAX).then_some(amount(end)),
                ..ReportRow::default()
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn find(&self, row: &ReportRow, subject: &str) -> Result<StoredCount, StoreError> {
        let mut select = self.tx.prepare_cached(FIND)?;
        let stored = select.query_row(params![row.rule, row.meter, subject, integer(row.start)], |row| {
            Ok(StoredCount {
                count: Some(row.get(0)?),
                used: amount(row.get(1)?),
                max: amount(row.get(2)?),
                revision: row.get(3)?,
                told: row.get(4)?,
            })
        });
        Ok(stored.optional()?.unwrap_or_default())
    }

    fn note_crossings(&mut self, row: &ReportRow, rule: &Rule, updated: &mut StoredCount) {
        for percent in newly_crossed(rule, updated.used, updated.max, &updated.told) {
            updated.told.push(percent);
            self.crossings.push(Crossing {
                used: updated.used,
                max: updated.max,
                rule: rule.clone(),
                meter: row.meter.clone(),
                subject: row.subject.clone(),
                start: row.start,
                end: row.end,
                percent,
            });
        }
    }

    /// Writes a count. The fill of a number of slots depends on reservations; see `note_slots`.
    fn write(
        &mut self,
        row: &ReportRow,
        subject: &str,
        rule: Option<&Rule>,
        updated: &StoredCount,
    ) -> Result<(), StoreError> {
        self.version = self.version.saturating_add(1);
        let (max, used, fill) = (integer(updated.max), integer(updated.used), fill(updated.used, updated.max));
        let now_s = self.now_us / 1_000_000;
        if let Some(count) = updated.count {
            let values = params![count, max, used, fill, updated.told, updated.revision, self.version, now_s];
            self.tx.prepare_cached(UPDATE)?.execute(values)?;
            return Ok(());
        }
        let budget = rule.map_or(row.meter.starts_with("nano_usd"), |rule| rule.kind == Kind::Budget);
        let (end, keep_until) = lifetime(row, budget, now_s);
        let (start, current) = (integer(row.start), end > now_s);
        self.tx.prepare_cached(INSERT)?.execute(params![
            row.rule,
            row.meter,
            subject,
            start,
            end,
            keep_until,
            budget,
            current,
            max,
            used,
            fill,
            updated.told,
            updated.revision,
            self.version
        ])?;
        Ok(())
    }

    /// Advances the version, as every report does, and returns it.
    pub(super) fn finish(self) -> Result<i64, StoreError> {
        let version = self.version.saturating_add(1);
        self.tx.prepare_cached("UPDATE limit_state SET version = ?1")?.execute([version])?;
        Ok(version)
    }

    /// Notes how many slots are taken. Slots are reserved and never used.
    pub(super) fn note_slots(&self, row: &ReportRow, open: u64) -> Result<(), StoreError> {
        let (end, keep_until) = lifetime(row, false, self.now_us / 1_000_000);
        // A newer time alone is not worth a write each second.
        let stale = end.saturating_sub(SLOTS_VALID_S / 2);
        self.tx.prepare_cached(NOTE_SLOTS)?.execute(params![
            row.rule,
            row.meter,
            join_subject(&row.subject),
            integer(row.start),
            fill(open, row.max),
            end,
            keep_until,
            stale
        ])?;
        Ok(())
    }
}

/// Returns the maximum of a meter under a rule.
fn max_of(rule: &Rule, meter: &str) -> Option<u64> {
    rule.meters.iter().find(|known| known.name() == meter).map(|known| known.max)
}

/// Returns the end of a count's window, and the time until which it is kept.
fn lifetime(row: &ReportRow, budget: bool, now_s: i64) -> (i64, i64) {
    if row.meter == CONCURRENCY {
        let end = now_s.saturating_add(SLOTS_VALID_S);
        return (end, end.saturating_add(HOUR_S));
    }
    let Some(end) = row.end.map(integer) else { return (i64::MAX, i64::MAX) };
    let length = end.saturating_sub(integer(row.start));
    let stored = if budget { BUDGETS_S } else { length.saturating_mul(60).clamp(HOUR_S, 3 * DAY_S) };
    (end, end.saturating_add(stored))
}

/// Returns the reported thresholds of the rule, one bit each.
pub(super) fn bits(rule: Option<&Rule>, told: &[u8]) -> u64 {
    let thresholds = rule.map_or(&[][..], |rule| rule.warn_at.as_slice());
    let bit = |(index, percent): (usize, &u8)| if told.contains(percent) { 1_u64 << index.min(63) } else { 0 };
    thresholds.iter().enumerate().map(bit).fold(0, |all, bit| all | bit)
}

fn integer(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(meter: &str, start: u64, end: Option<u64>) -> ReportRow {
        ReportRow { meter: meter.to_owned(), start, end, ..ReportRow::default() }
    }

    #[test]
    fn past_windows_of_budgets_are_kept_longer() {
        let minute = lifetime(&row("tokens/minute", 0, Some(60)), false, 30);
        let hour = lifetime(&row("tokens/hour", 0, Some(3_600)), false, 30);
        let week = lifetime(&row("tokens/week", 0, Some(604_800)), false, 30);
        assert_eq!([minute, hour, week], [(60, 3_660), (3_600, 219_600), (604_800, 864_000)]);
        assert_eq!(lifetime(&row("nano_usd/day", 0, Some(86_400)), true, 30), (86_400, 401 * 86_400));
        assert_eq!(lifetime(&row("nano_usd/total", 0, None), true, 30), (i64::MAX, i64::MAX));
        assert_eq!(lifetime(&row("concurrency", 0, None), false, 30), (90, 3_690), "slots are believed for a minute");
    }

    #[test]
    fn the_fill_saturates_also_without_a_maximum() {
        assert_eq!([fill(0, 0), fill(1, 0), fill(1, 3), fill(u64::MAX, 1)], [0, 10_000, 3_333, i64::MAX]);
    }
}
