//! Hours, days, weeks and months of the calendar: in a time zone, with days of 23 and 25 hours.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use schemars::JsonSchema;
use serde::Deserialize;

const HOUR_S: i64 = 3_600;

/// The length of a bucket.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Width {
    /// An hour of the clock.
    Hour,
    /// A day.
    #[default]
    Day,
    /// Monday to Sunday (ISO 8601).
    Week,
    /// A month.
    Month,
}

/// The buckets of a calendar in a time zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Calendar {
    /// The time zone.
    pub zone: TimeZone,
    /// The length of a bucket.
    pub width: Width,
}

impl Calendar {
    /// Returns the end of the bucket that contains this second; `None` beyond the supported years.
    pub(super) fn end(&self, second: i64) -> Option<i64> {
        let at = Timestamp::from_second(second).ok()?.to_zoned(self.zone.clone());
        let date = at.date();
        let next: Date = match self.width {
            Width::Hour => {
                let into = i64::from(at.minute()) * 60 + i64::from(at.second());
                return second.checked_add(HOUR_S - into);
            }
            Width::Day => date.tomorrow().ok()?,
            Width::Week => date.checked_add((7 - i64::from(date.weekday().to_monday_zero_offset())).days()).ok()?,
            Width::Month => date.last_of_month().tomorrow().ok()?,
        };
        // The day begins with its first second, even where the clock skips midnight.
        Some(next.to_zoned(self.zone.clone()).ok()?.timestamp().as_second())
    }
}

#[cfg(test)]
mod tests {
    use super::{Calendar, Width};
    use crate::usage::QUARTER_S;
    use jiff::Timestamp;
    use jiff::tz::{TimeZone, db};

    fn ends(zone: &str, width: Width, from: &str, count: usize) -> Vec<String> {
        let zone = TimeZone::get(zone).unwrap();
        let calendar = Calendar { zone: zone.clone(), width };
        let from = from.parse::<Timestamp>().unwrap().as_second();
        let ends = std::iter::successors(Some(from), |at| calendar.end(*at)).skip(1).take(count);
        ends.map(|at| Timestamp::from_second(at).unwrap().to_zoned(zone.clone()).to_string()).collect()
    }

    fn assert_ends(zone: &str, width: Width, from: &str, expected: &[&str]) {
        let expected: Vec<_> = expected.iter().map(|end| format!("{end}[{zone}]")).collect();
        assert_eq!(ends(zone, width, from, expected.len()), expected);
    }

    #[test]
    fn days_have_23_or_25_hours_when_clocks_change() {
        assert_ends(
            "Europe/Berlin",
            Width::Day,
            "2026-03-28T12:00:00Z",
            &["2026-03-29T00:00:00+01:00", "2026-03-30T00:00:00+02:00"],
        );
        let autumn = ["2026-10-25T00:00:00+02:00", "2026-10-26T00:00:00+01:00"];
        assert_ends("Europe/Berlin", Width::Day, "2026-10-24T12:00:00Z", &autumn);
        // The clock skips midnight itself.
        let beirut = ["2026-03-29T01:00:00+03:00", "2026-03-30T00:00:00+03:00"];
        assert_ends("Asia/Beirut", Width::Day, "2026-03-28T12:00:00Z", &beirut);
    }

    #[test]
    fn hours_follow_the_clock_through_its_changes() {
        let back = ["2026-10-25T02:00:00+02:00", "2026-10-25T02:00:00+01:00", "2026-10-25T03:00:00+01:00"];
        assert_ends("Europe/Berlin", Width::Hour, "2026-10-24T23:15:00Z", &back);
        assert_ends("Asia/Kathmandu", Width::Hour, "2026-01-01T00:00:00Z", &["2026-01-01T06:00:00+05:45"]);
        // The clock skips half an hour.
        let howe = ["2026-10-04T02:30:00+11:00", "2026-10-04T03:00:00+11:00"];
        assert_ends("Australia/Lord_Howe", Width::Hour, "2026-10-03T14:30:00Z", &howe);
    }

    #[test]
    fn weeks_begin_on_monday_months_on_their_first() {
        assert_ends("America/New_York", Width::Week, "2026-01-01T12:00:00Z", &["2026-01-05T00:00:00-05:00"]);
        assert_ends("UTC", Width::Week, "2026-01-05T00:00:00Z", &["2026-01-12T00:00:00+00:00"]);
        let months = ["2026-02-01T00:00:00+05:30", "2026-03-01T00:00:00+05:30"];
        assert_ends("Asia/Kolkata", Width::Month, "2026-01-31T00:00:00Z", &months);
    }

    #[test]
    fn days_of_every_zone_consist_of_quarters() {
        let from = "1980-01-01T00:00:00Z".parse::<Timestamp>().unwrap();
        let to = "2100-01-01T00:00:00Z".parse::<Timestamp>().unwrap();
        let mut zones = 0;
        for name in db().available() {
            let zone = db().get(name.as_str()).unwrap();
            let first = zone.to_offset(from);
            let later = zone.following(from).take_while(|change| change.timestamp() < to).map(|change| change.offset());
            for offset in std::iter::once(first).chain(later) {
                assert_eq!(i64::from(offset.seconds()) % QUARTER_S, 0, "{name} {offset}");
            }
            zones += 1;
        }
        assert!(zones > 400, "{zones}");
    }
}
