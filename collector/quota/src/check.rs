//! Validates a report before it is counted.
//!
//! A proxy repeats a report until it is answered, so a check that an honest proxy can fail would silence that proxy for
//! ever. Amounts that are too large are therefore cut, not refused. No proxy of Headgate sends a report that is refused.
//! The reasons quote nothing from the report.

use headgate_collector_types::validate::{is_name, reason_of};
use headgate_limits::{MAX_ROWS, MAX_SUBJECT_BYTES, Meter, Period, Report, ReportRow, Rules, SYNC_SCHEMA, Unit};
use serde::Deserialize;
use serde::de::IntoDeserializer;
use serde::de::value::{Error, StrDeserializer};

/// The largest body, in bytes.
pub const MAX_REPORT_BYTES: usize = 32 << 20;
/// The most rows of a report. A proxy closes a report at [`MAX_ROWS`], but reads the current cell to its end.
const MAX_REPORT_ROWS: usize = MAX_ROWS + 20_000;
/// The most values of `per`.
const MAX_PARTS: usize = 8;
/// The most rules of a policy.
const MAX_RULES: usize = 10_000;
/// The bytes by which a subject may exceed [`MAX_SUBJECT_BYTES`]: a cut within a character leaves a longer replacement
/// character.
const REPLACED_BYTES: usize = 2;
/// 2100-01-01T00:00:00Z, in seconds. A clock beyond it is broken.
const YEAR_2100_S: u64 = 4_102_444_800;
/// The largest amount that the store can hold; larger ones are cut.
const MAX_AMOUNT: u64 = i64::MAX as u64;

/// The reason why a report is refused.
#[derive(Debug, PartialEq, Eq)]
pub struct BadReport {
    /// `invalid_json` or `invalid_report`.
    pub code: &'static str,
    /// The reason as text for people.
    pub reason: String,
}

/// Parses and validates a report.
///
/// # Errors
/// The body is not JSON, or not a report that can be counted.
pub fn check_report(body: &[u8]) -> Result<Report, BadReport> {
    let mut report: Report = serde_json::from_slice(body).map_err(|error| BadReport {
        code: if error.is_data() { "invalid_report" } else { "invalid_json" },
        reason: reason_of(&error),
    })?;
    check_head(&report).map_err(bad)?;
    for (index, row) in report.rows.iter_mut().enumerate() {
        check_row(row).map_err(|reason| bad(format!("row {index}: {reason}")))?;
        for amount in [&mut row.used, &mut row.open, &mut row.wanted, &mut row.max] {
            *amount = (*amount).min(MAX_AMOUNT);
        }
    }
    Ok(report)
}

/// Returns the meter with this name in reports, without its maximum.
#[must_use]
pub fn meter_of(name: &str) -> Option<Meter> {
    let (unit, period) = match name.split_once('/') {
        Some((unit, period)) => (unit, Some(word::<Period>(period)?)),
        None => (name, None),
    };
    let meter = Meter { unit: word::<Unit>(unit)?, period, max: 0 };
    ((meter.unit == Unit::Concurrency) == meter.period.is_none()).then_some(meter)
}

fn word<'a, T: Deserialize<'a>>(text: &'a str) -> Option<T> {
    let word: StrDeserializer<'a, Error> = text.into_deserializer();
    T::deserialize(word).ok()
}

fn bad(reason: impl Into<String>) -> BadReport {
    BadReport { code: "invalid_report", reason: reason.into() }
}

fn check_head(report: &Report) -> Result<(), &'static str> {
    if report.schema != SYNC_SCHEMA {
        return Err("`schema` is not 1, the version this collector reads");
    }
    if ![&report.node, &report.boot, &report.revision].into_iter().all(|name| is_name(name)) {
        return Err("`node`, `boot` and `revision` must be 1 to 256 characters long");
    }
    if !report.process.is_empty() && !is_name(&report.process) {
        return Err("`process` must be at most 256 characters long");
    }
    if report.seq == 0 || report.seq > MAX_AMOUNT {
        return Err("`seq` is out of range: it counts from 1");
    }
    if report.rows.len() > MAX_REPORT_ROWS {
        return Err("a report may hold at most 22000 rows");
    }
    report.rules.as_ref().map_or(Ok(()), |rules| check_rules(rules))
}

fn check_rules(rules: &[headgate_limits::Rule]) -> Result<(), &'static str> {
    if rules.len() > MAX_RULES {
        return Err("a policy may have at most 10000 rules");
    }
    if !rules.iter().all(|rule| is_name(&rule.id) && rule.per.len() <= MAX_PARTS) {
        return Err("a rule's `id` must be 1 to 256 characters long, and its `per` have at most 8 entries");
    }
    Rules::new(rules.to_vec()).map(|_| ()).map_err(|_| "two rules are the same, or one has too many meters")
}

fn check_row(row: &ReportRow) -> Result<(), &'static str> {
    if !is_name(&row.rule) {
        return Err("`rule` must be 1 to 256 characters long");
    }
    if meter_of(&row.meter).is_none() {
        return Err("`meter` is none that this collector knows");
    }
    let bytes: usize = row.subject.iter().map(String::len).sum();
    if row.subject.len() > MAX_PARTS || bytes > MAX_SUBJECT_BYTES + REPLACED_BYTES {
        return Err("`subject` may have at most 8 parts and 1024 bytes in all");
    }
    if row.subject.iter().any(|part| part.contains(super::units::SEPARATOR)) {
        return Err("a part of `subject` holds a separator");
    }
    let ends = row.end.is_none_or(|end| row.start < end && end <= YEAR_2100_S);
    if !ends || row.start > YEAR_2100_S {
        return Err("`start` and `end` are no window between 1970 and 2100, in s");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_meters_are_known() {
        let units = [Unit::Requests, Unit::Tokens, Unit::InputTokens, Unit::OutputTokens, Unit::NanoUsd];
        let periods = [Period::Second, Period::Minute, Period::Hour, Period::Day, Period::Week, Period::Month];
        let meters = units.iter().flat_map(|unit| periods.iter().map(|period| (*unit, Some(*period))));
        for (unit, period) in meters.chain([(Unit::Concurrency, None), (Unit::NanoUsd, Some(Period::Total))]) {
            let meter = Meter { unit, period, max: 0 };
            assert_eq!(meter_of(&meter.name()), Some(meter));
        }
        for name in ["", "tokens", "/", "tokens/", "tokens/fortnight", "concurrency/day", "Tokens/day"] {
            assert_eq!(meter_of(name), None, "{name}");
        }
    }
}
