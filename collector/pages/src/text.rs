//! Numbers and times as people read them.

use jiff::{Timestamp, ToSpan, tz::TimeZone};

/// Returns a count with separators: `12,345`.
#[must_use]
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Returns a count in few characters: `987`, `12.3k`, `1.2M`.
#[must_use]
pub fn short(number: u64) -> String {
    let units = [(1_000_000_000, "G"), (1_000_000, "M"), (1_000, "k")];
    match units.into_iter().find(|(unit, _)| number >= *unit) {
        Some((unit, letter)) => format!("{}.{}{letter}", number / unit, number % unit * 10 / unit),
        None => number.to_string(),
    }
}

/// Returns an amount of nano-USD in dollars with six decimals, rounded up, so that no cost is shown as none.
#[must_use]
pub fn usd(nano: u64) -> String {
    let micro = nano.div_ceil(1_000);
    format!("${}.{:06}", count(micro / 1_000_000), micro % 1_000_000)
}

/// Returns an amount of nano-USD with all its decimals.
#[must_use]
pub fn exact_usd(nano: u64) -> String {
    format!("${}.{:09}", nano / 1_000_000_000, nano % 1_000_000_000)
}

/// Returns an amount of nano-USD in dollars and cents, rounded. Less than a cent is not shown as nothing.
#[must_use]
pub fn cents(nano: u64) -> String {
    let cents = nano.saturating_add(5_000_000) / 10_000_000;
    if nano > 0 && cents == 0 {
        return "< $0.01".to_owned();
    }
    format!("${}.{:02}", count(cents / 100), cents % 100)
}

/// Returns a time span of µs: `850 µs`, `42 ms`, `3.14 s`, `2 min 5 s`, `3 h 20 min`, `4 d`.
#[must_use]
pub fn duration(us: u64) -> String {
    let seconds = us / 1_000_000;
    match us {
        0..1_000 => format!("{us} µs"),
        1_000..1_000_000 => format!("{} ms", us / 1_000),
        1_000_000..60_000_000 => format!("{seconds}.{:02} s", us % 1_000_000 / 10_000),
        60_000_000..3_600_000_000 => two(seconds / 60, "min", seconds % 60, "s"),
        3_600_000_000..86_400_000_000 => two(seconds / 3_600, "h", seconds % 3_600 / 60, "min"),
        _ => two(seconds / 86_400, "d", seconds % 86_400 / 3_600, "h"),
    }
}

/// Returns the age of something, µs, in whole seconds or longer units.
#[must_use]
pub fn age(us: u64) -> String {
    if us < 60_000_000 { format!("{} s", us / 1_000_000) } else { duration(us) }
}

/// Returns an amount in two units, or in one if there is nothing of the smaller.
fn two(large: u64, unit: &str, small: u64, small_unit: &str) -> String {
    if small == 0 { format!("{large} {unit}") } else { format!("{large} {unit} {small} {small_unit}") }
}

/// Returns a share in percent with one decimal. A part that is not nothing is not shown as nothing.
#[must_use]
pub fn percent(part: u64, whole: u64) -> String {
    if part > 0 && part < whole / 1_000 {
        return "< 0.1 %".to_owned();
    }
    let permille = u128::from(part) * 1_000 / u128::from(whole.max(1));
    format!("{}.{} %", permille / 10, permille % 10)
}

/// A part of the calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// An hour of the clock.
    Hour,
    /// A day.
    Day,
    /// Monday to Sunday.
    Week,
    /// A month.
    Month,
}

impl Unit {
    /// All parts.
    pub const ALL: [Self; 4] = [Self::Hour, Self::Day, Self::Week, Self::Month];

    /// Returns the word of the API.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
        }
    }

    /// Returns about how long it is, µs.
    #[must_use]
    pub const fn about_us(self) -> i64 {
        let hours = match self {
            Self::Hour => 1,
            Self::Day => 24,
            Self::Week => 7 * 24,
            Self::Month => 30 * 24,
        };
        hours * 3_600_000_000
    }
}

/// A reader's time zone.
#[derive(Debug, Clone)]
pub struct Zone {
    zone: TimeZone,
    /// The name that the page shows.
    pub name: String,
}

impl Default for Zone {
    fn default() -> Self {
        Self { zone: TimeZone::UTC, name: "UTC".to_owned() }
    }
}

impl Zone {
    /// Returns the zone of this IANA name; UTC if it is not known.
    #[must_use]
    pub fn named(name: &str) -> Self {
        Self::known(name).unwrap_or_default()
    }

    /// Returns the zone of this IANA name, if it is known.
    #[must_use]
    pub fn known(name: &str) -> Option<Self> {
        let zone = TimeZone::get(name).ok()?;
        Some(Self { name: name.to_owned(), zone })
    }

    /// Returns the beginning of the hour, day, week or month of a time, µs.
    #[must_use]
    pub fn begin_of(&self, us: i64, unit: Unit) -> Option<i64> {
        let time = Timestamp::from_microsecond(us).ok()?.to_zoned(self.zone.clone());
        let date = time.date();
        let day = match unit {
            Unit::Hour => {
                let into = i64::from(time.minute()) * 60 + i64::from(time.second());
                return Some((time.timestamp().as_second() - into) * 1_000_000);
            }
            Unit::Day => date,
            Unit::Week => date.checked_sub(i64::from(date.weekday().to_monday_zero_offset()).days()).ok()?,
            Unit::Month => date.first_of_month(),
        };
        Some(day.to_zoned(self.zone.clone()).ok()?.timestamp().as_microsecond())
    }

    fn format(&self, us: i64, format: &str) -> String {
        let time = Timestamp::from_microsecond(us).unwrap_or(Timestamp::UNIX_EPOCH);
        time.to_zoned(self.zone.clone()).strftime(format).to_string()
    }

    /// Returns the time of day: `14:03:22`.
    #[must_use]
    pub fn clock(&self, us: i64) -> String {
        self.format(us, "%H:%M:%S")
    }

    /// Returns day and time: `2026-11-28 14:03:22`.
    #[must_use]
    pub fn day_and_clock(&self, us: i64) -> String {
        self.format(us, "%Y-%m-%d %H:%M:%S")
    }

    /// Returns the day and the hour and minute: `Nov 28, 14:03`.
    #[must_use]
    pub fn short(&self, us: i64) -> String {
        self.format(us, "%b %-d, %H:%M")
    }

    /// Returns the day with its year: `28 Nov 2026`.
    #[must_use]
    pub fn date(&self, us: i64) -> String {
        self.format(us, "%-d %b %Y")
    }

    /// Returns the beginning of an hour, day, week or month as it is named.
    #[must_use]
    pub fn unit(&self, us: i64, unit: Unit) -> String {
        match unit {
            Unit::Hour => self.short(us),
            Unit::Day => self.format(us, "%a, %b %-d"),
            Unit::Week => self.format(us, "week of %b %-d"),
            Unit::Month => self.format(us, "%b %Y"),
        }
    }

    /// Returns the value of an input for day and time: `2026-11-28T14:03:22`.
    #[must_use]
    pub fn input(&self, us: i64) -> String {
        self.format(us, "%Y-%m-%dT%H:%M:%S")
    }

    fn parse(&self, text: &str) -> Option<i64> {
        let time: jiff::civil::DateTime = text.parse().ok()?;
        time.to_zoned(self.zone.clone()).ok().map(|time| time.timestamp().as_microsecond())
    }

    /// Parses a parameter: µs since 1970, or day and time in this zone.
    ///
    /// # Errors
    /// A sentence that names the parameter.
    pub fn time(&self, name: &str, text: &str) -> Result<i64, String> {
        let us = text.parse().ok().filter(|us| *us >= 0);
        us.or_else(|| self.parse(text)).ok_or_else(|| format!("`{name}` must be a time, as in 2026-11-28T14:00."))
    }

    /// Returns the beginning of the day of a time and of the next day, µs.
    #[must_use]
    pub fn day_bounds(&self, us: i64) -> Option<(i64, i64)> {
        let day = Timestamp::from_microsecond(us).ok()?.to_zoned(self.zone.clone()).date();
        let begin = |day: jiff::civil::Date| Some(day.to_zoned(self.zone.clone()).ok()?.timestamp().as_microsecond());
        Some((begin(day)?, begin(day.tomorrow().ok()?)?))
    }

    /// Returns the heading of a day: `Today`, `Yesterday`, `Mar 14`, and with the year if it is not this one.
    #[must_use]
    pub fn day(&self, us: i64, now: i64) -> String {
        let date = |us: i64| Some(Timestamp::from_microsecond(us).ok()?.to_zoned(self.zone.clone()).date());
        let (this, today) = (date(us), date(now));
        if this == today {
            return "Today".to_owned();
        }
        if this == today.and_then(|today| today.yesterday().ok()) {
            return "Yesterday".to_owned();
        }
        let same_year = self.format(us, "%Y") == self.format(now, "%Y");
        self.format(us, if same_year { "%b %-d" } else { "%b %-d, %Y" })
    }
}

/// Returns the time in UTC with its µs.
#[must_use]
pub fn utc(us: i64) -> String {
    Timestamp::from_microsecond(us)
        .map(|time| time.strftime("%Y-%m-%d %H:%M:%S%.6f UTC").to_string())
        .unwrap_or_default()
}

/// Returns the time as RFC 3339 in UTC.
#[must_use]
pub fn rfc3339(us: i64) -> String {
    Timestamp::from_microsecond(us).map(|time| time.to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{Unit, Zone, age, cents, count, duration, exact_usd, percent, short, usd, utc};

    #[test]
    fn numbers_are_short_and_never_rounded_to_nothing() {
        assert_eq!((count(7), count(1_234), count(1_234_567)), ("7".into(), "1,234".into(), "1,234,567".into()));
        assert_eq!((short(999), short(12_345), short(1_290_000)), ("999".into(), "12.3k".into(), "1.2M".into()));
        assert_eq!(
            (usd(1), usd(6_000), usd(3_214_567_001)),
            ("$0.000001".into(), "$0.000006".into(), "$3.214568".into())
        );
        assert_eq!(exact_usd(1_000_000_001), "$1.000000001");
        let (none, little, some) = (cents(0), cents(4_999_999), cents(1_234_565_000_000));
        assert_eq!((none.as_str(), little.as_str(), some.as_str()), ("$0.00", "< $0.01", "$1,234.57"));
        assert_eq!((percent(13, 1_000), percent(1, 0)), ("1.3 %".into(), "100.0 %".into()));
    }

    #[test]
    fn durations_have_the_unit_that_fits() {
        let cases = [(850, "850 µs"), (42_000, "42 ms"), (3_141_000, "3.14 s"), (125_000_000, "2 min 5 s")];
        for (us, expected) in cases {
            assert_eq!(duration(us), expected);
        }
        assert_eq!((age(850), age(19_820_000), age(125_000_000)), ("0 s".into(), "19 s".into(), "2 min 5 s".into()));
        assert_eq!(duration(12_000_000_000), "3 h 20 min");
        assert_eq!(duration(400_000_000_000), "4 d 15 h");
        assert_eq!((duration(3_600_000_000), duration(86_400_000_000)), ("1 h".into(), "1 d".into()));
    }

    #[test]
    fn days_are_those_of_the_readers_zone() {
        let berlin = Zone::named("Europe/Berlin");
        let now = 1_795_953_600_000_000; // 2026-11-29T12:00:00Z
        let evening = now - 13 * 3_600_000_000; // 2026-11-28T23:00:00Z
        assert_eq!(berlin.day(evening, now), "Today");
        assert_eq!(Zone::default().day(evening, now), "Yesterday");
        assert_eq!(berlin.clock(evening), "00:00:00");
        assert_eq!(Zone::named("no/such zone").name, "UTC");
        assert_eq!(Zone::default().day(now - 40 * 86_400_000_000, now), "Oct 20");
        assert_eq!(Zone::default().day(now - 400 * 86_400_000_000, now), "Oct 25, 2025");
        assert_eq!(berlin.parse(&berlin.input(now)), Some(now));
        // The day on which summer time ends has 25 hours.
        let (begin, end) = berlin.day_bounds(1_792_886_400_000_000).unwrap();
        assert_eq!(end - begin, 25 * 3_600_000_000);
        let first = berlin.begin_of(now, Unit::Month).unwrap();
        assert_eq!((berlin.date(first), berlin.clock(first)), ("1 Nov 2026".into(), "00:00:00".into()));
        let monday = berlin.begin_of(now, Unit::Week).unwrap();
        assert_eq!(berlin.unit(monday, Unit::Day), "Mon, Nov 23");
        assert_eq!(berlin.begin_of(now + 61_000_000, Unit::Hour), Some(now));
        // Half an hour after midnight, on the day after one of 23 hours.
        let early = 1_774_823_400_000_000;
        assert_eq!(berlin.day(early - 3_600_000_000, early), "Yesterday");
        assert_eq!(berlin.day(early - 86_400_000_000, early), "Mar 28");
        assert_eq!(utc(now + 1), "2026-11-29 12:00:00.000001 UTC");
    }
}
