//! Parsing of values in query strings, headers and paths. A refusal names the parameter and the expected form; it quotes
//! nothing else from the request.

use super::error::ApiError;
use axum::http::StatusCode;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use std::fmt;

/// Example of a day.
const DAY: &str = "2026-01-31";
/// Maximum time, µs.
pub(super) const MAX_TIME: u64 = i64::MAX as u64;
/// Pattern of the UUIDs in queries and paths, ECMA-262.
pub(super) const UUID: &str = "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$";

/// Returns 400 for a parameter; `requirement` states the required form of its value.
pub(super) fn bad(name: &str, requirement: &str) -> ApiError {
    let name = shown(name);
    invalid(format!("`{name}` {requirement}."), "invalid_parameter").param(name)
}

/// Returns 400 for a malformed request.
pub(super) fn invalid(message: String, code: &'static str) -> ApiError {
    ApiError::invalid(StatusCode::BAD_REQUEST, code, message)
}

/// Returns the name of a parameter for an error message, if it has the form of one.
pub(super) fn shown(name: &str) -> &str {
    let shaped = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'[' | b']');
    if (1..=40).contains(&name.len()) && name.bytes().all(shaped) { name } else { "?" }
}

/// Parsing and description of a parameter's value.
pub(super) trait ParamValue: Sized {
    /// Parses a value; an error states the required form.
    fn read(text: &str) -> Result<Self, String>;
    /// Returns the JSON Schema of a value.
    fn schema() -> Value;
}

/// Makes types that are [`ParamValue`] usable as fields of structs of parameters.
macro_rules! param_values {
    ($($name:ident $(<$(const $part:ident: $kind:ty),+>)?),+) => {$(
        impl<'de $($(, const $part: $kind)+)?> serde::Deserialize<'de> for $name $(<$($part),+>)? {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let text = <String as serde::Deserialize>::deserialize(from)?;
                <Self as $crate::values::ParamValue>::read(&text).map_err(serde::de::Error::custom)
            }
        }

        impl $(<$(const $part: $kind),+>)? schemars::JsonSchema for $name $(<$($part),+>)? {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                <Self as $crate::values::ParamValue>::schema().try_into().unwrap_or_default()
            }
        }
    )+};
}
pub(super) use param_values;

param_values!(Time, Integer<const LEAST: u64, const MOST: u64>, Cursor<const LETTER: char, const NUMBERS: usize>);

/// A time. A day stands for its start, in a zone that another parameter may name.
#[derive(Debug, Clone, Copy)]
pub(super) enum Time {
    Us(i64),
    Day(Date),
}

impl Time {
    /// Returns the time in µs, in UTC.
    pub(super) fn us(self) -> i64 {
        self.us_in(&TimeZone::UTC)
    }

    /// Returns the time in µs; a day begins as this zone defines it.
    pub(super) fn us_in(self, zone: &TimeZone) -> i64 {
        match self {
            Self::Us(us) => us,
            // Days at the end of the calendar may begin beyond it in some zones.
            Self::Day(day) => beginning(day, zone).or_else(|| beginning(day, &TimeZone::UTC)).unwrap_or(i64::MAX),
        }
    }
}

fn beginning(day: Date, zone: &TimeZone) -> Option<i64> {
    day.to_zoned(zone.clone()).ok().map(|beginning| beginning.timestamp().as_microsecond())
}

impl ParamValue for Time {
    fn read(text: &str) -> Result<Self, String> {
        let time = if text.bytes().all(|byte| byte.is_ascii_digit()) {
            text.parse().ok().map(Self::Us)
        } else if text.len() == DAY.len() {
            text.parse().ok().filter(|day| beginning(*day, &TimeZone::UTC).is_some()).map(Self::Day)
        } else {
            text.parse::<Timestamp>().ok().map(|time| Self::Us(time.as_microsecond()))
        };
        time.ok_or_else(|| {
            format!("must be a day as {DAY}, or a time as {DAY}T12:00:00Z (write + as %2B) or in µs since 1970")
        })
    }

    fn schema() -> Value {
        json!({
            "anyOf": [
                {"type": "string", "format": "date-time"},
                {"type": "string", "format": "date"},
                {"type": "integer", "minimum": 0, "maximum": MAX_TIME, "description": "µs since 1970"},
            ],
            "examples": ["2026-01-31T12:00:00Z"],
        })
    }
}

/// Parses a time in a member of a body, in µs; a day stands for its start in UTC.
pub(super) fn time(name: &str, text: &str) -> Result<i64, ApiError> {
    Time::read(text).map(Time::us).map_err(|must| bad(name, &must))
}

/// A whole number within bounds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Integer<const LEAST: u64, const MOST: u64>(pub(super) u64);

/// A maximum number of entries.
pub(super) type Limit<const MOST: u64> = Integer<1, MOST>;

impl<const LEAST: u64, const MOST: u64> Integer<LEAST, MOST> {
    /// Returns the number as a count.
    pub(super) fn count(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl<const LEAST: u64, const MOST: u64> ParamValue for Integer<LEAST, MOST> {
    fn read(text: &str) -> Result<Self, String> {
        match text.parse() {
            Ok(number) if (LEAST..=MOST).contains(&number) => Ok(Self(number)),
            _ if MOST == u64::MAX => Err(format!("must be a number from {LEAST}")),
            _ => Err(format!("must be {LEAST} to {MOST}")),
        }
    }

    fn schema() -> Value {
        json!({"type": "integer", "minimum": LEAST, "maximum": MOST})
    }
}

/// A place in a list where a page begins or ends: `c1_5f`, a letter for the list and numbers. The format is not part of the
/// interface.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cursor<const LETTER: char, const NUMBERS: usize>(pub(super) [i64; NUMBERS]);

/// A position in a log.
pub(super) type Position = Cursor<'c', 1>;

/// Returns the cursor behind a position.
pub(super) fn cursor(position: i64) -> String {
    Cursor::<'c', 1>([position]).to_string()
}

impl<const LETTER: char, const NUMBERS: usize> fmt::Display for Cursor<LETTER, NUMBERS> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{LETTER}1")?;
        self.0.iter().try_for_each(|number| write!(out, "_{number:x}"))
    }
}

impl<const LETTER: char, const NUMBERS: usize> ParamValue for Cursor<LETTER, NUMBERS> {
    fn read(text: &str) -> Result<Self, String> {
        let members = match LETTER {
            'c' => "`next` or `previous`",
            'u' => "`next_page`",
            _ => "`next`",
        };
        let numbers = text.strip_prefix(LETTER).and_then(|rest| rest.strip_prefix("1_"));
        let numbers: Option<Vec<i64>> = numbers.and_then(|numbers| numbers.split('_').map(hex).collect());
        numbers
            .and_then(|numbers| numbers.try_into().ok().map(Self))
            .ok_or_else(|| format!("must be a {members} of an earlier page, unchanged"))
    }

    fn schema() -> Value {
        let pattern = format!("^{LETTER}1{}$", "_[0-9a-f]{1,15}".repeat(NUMBERS));
        json!({"type": "string", "pattern": pattern, "examples": [Self([1; NUMBERS]).to_string()]})
    }
}

/// Parses a number as cursors spell it: up to 15 digits in lower case.
fn hex(digits: &str) -> Option<i64> {
    let digit = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'a'..=b'f');
    let spelled = digits.len() <= 15 && digits.bytes().all(digit);
    i64::from_str_radix(digits, 16).ok().filter(|_| spelled)
}

/// Pages of a list, newest first.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(super) struct Paging {
    /// Most entries; 20 without it.
    limit: Option<Limit<100>>,
    /// `next` of the page before.
    after: Option<Position>,
}

impl Paging {
    /// Returns the maximum number of entries of a page.
    pub(super) fn limit(&self) -> usize {
        self.limit.map_or(20, Integer::count)
    }

    /// Returns the position before the page.
    pub(super) fn after(&self) -> Option<i64> {
        self.after.map(|Cursor([position])| position)
    }
}
