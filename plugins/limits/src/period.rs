//! Calendar windows: the second, minute, hour, day, week or month that a moment lies in, in the operator's time zone.
//!
//! A time zone database has no place in a proxy's module, and its rules are only needed as far as a policy lives: the
//! policy carries the zone's offsets of the coming years, and a window is found by arithmetic over them. Windows are
//! aligned to the calendar, so that every proxy means the same one and its end can be told to a client.

use serde::{Deserialize, Serialize};

const DAY_S: i64 = 86_400;

/// The duration of a count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Period {
    /// A second.
    Second,
    /// A minute.
    Minute,
    /// An hour.
    Hour,
    /// A day of the zone's calendar.
    Day,
    /// A week of the zone's calendar; it begins on Monday (ISO 8601).
    Week,
    /// A month of the zone's calendar.
    Month,
    /// For ever.
    Total,
}

impl Period {
    /// The word in documents and reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Second => "second",
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::Total => "total",
        }
    }
}

/// From `start` until before `end`, seconds since the Unix epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// First second.
    pub start: u64,
    /// First second after it; `u64::MAX` if it has no end.
    pub end: u64,
}

impl Window {
    /// It never ends.
    pub const ENDLESS: Self = Self { start: 0, end: u64::MAX };

    /// Whether the moment lies in it.
    #[must_use]
    pub const fn contains(self, now_s: u64) -> bool {
        self.start <= now_s && now_s < self.end
    }
}

/// A time zone's offsets from UTC over the years that matter. Without any it is UTC.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Zone {
    /// IANA name, such as `Europe/Berlin`; empty means UTC.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// (from when on, offset), both in seconds, ascending; the first holds before it too, the last for ever.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub offsets: Vec<(i64, i32)>,
}

impl Zone {
    /// The window of this period that holds the moment.
    #[must_use]
    pub fn window(&self, period: Period, now_s: u64) -> Window {
        let seconds = match period {
            Period::Total => return Window::ENDLESS,
            Period::Second => 1,
            Period::Minute => 60,
            Period::Hour => 3_600,
            Period::Day | Period::Week | Period::Month => return self.calendar(period, now_s),
        };
        let start = now_s - now_s % seconds;
        Window { start, end: start.saturating_add(seconds) }
    }

    fn calendar(&self, period: Period, now_s: u64) -> Window {
        let now = i64::try_from(now_s).unwrap_or(i64::MAX / 2);
        let mut first = first_day(period, now.saturating_add(self.offset(now)).div_euclid(DAY_S));
        // Clocks that are set back over midnight come to the same day twice; it began once.
        for _ in 0..2 {
            let next = next_first_day(period, first);
            let end = self.begins(next);
            if end > now {
                return Window { start: seconds(self.begins(first)), end: seconds(end) };
            }
            first = next;
        }
        Window { start: seconds(self.begins(first)), end: seconds(self.begins(next_first_day(period, first))) }
    }

    fn offset(&self, at: i64) -> i64 {
        let current = self.offsets.iter().take_while(|(from, _)| *from <= at).last().or(self.offsets.first());
        current.map_or(0, |(_, offset)| i64::from(*offset))
    }

    /// The first moment at which local clocks show this day (days since 1970-01-01) or a later one.
    fn begins(&self, day: i64) -> i64 {
        let local = day.saturating_mul(DAY_S);
        let mut rest = self.offsets.iter().peekable();
        let mut from = i64::MIN;
        while let Some((_, offset)) = rest.next() {
            let until = rest.peek().map_or(i64::MAX, |(next, _)| *next);
            // Where clocks jump over midnight, the day begins at the jump.
            let begins = local.saturating_sub(i64::from(*offset)).max(from);
            if begins < until {
                return begins;
            }
            from = until;
        }
        local
    }
}

fn seconds(at: i64) -> u64 {
    u64::try_from(at).unwrap_or(0)
}

fn first_day(period: Period, day: i64) -> i64 {
    match period {
        // 1970-01-01 was a Thursday.
        Period::Week => day - (day + 3).rem_euclid(7),
        Period::Month => day - i64::from(day_of_month(day)) + 1,
        _ => day,
    }
}

fn next_first_day(period: Period, first: i64) -> i64 {
    match period {
        Period::Week => first + 7,
        // No month has more than 31 days, and none fewer than 28.
        Period::Month => first_day(period, first + 31),
        _ => first + 1,
    }
}

/// Day of the month, 1 to 31, of a day since 1970-01-01 in the proleptic Gregorian calendar. Eras of 400 years have
/// 146 097 days each; years are counted from March, so that the leap day comes last.
fn day_of_month(day: i64) -> u8 {
    let in_era = (day + 719_468).rem_euclid(146_097);
    let year = (in_era - in_era / 1_460 + in_era / 36_524 - in_era / 146_096) / 365;
    let in_year = in_era - (365 * year + year / 4 - year / 100);
    let month = (5 * in_year + 2) / 153;
    u8::try_from(in_year - (153 * month + 2) / 5 + 1).unwrap_or(1)
}
