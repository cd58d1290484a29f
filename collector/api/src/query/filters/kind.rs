//! The kinds of filter values, with their parsing and description.

use crate::values::UUID;
use headgate_collector_columns::{Column, Filter, Range};
use headgate_collector_types::RequestOutcome;
use headgate_collector_types::validate::parse_uuid;
use serde_json::{Value, json};

/// Classes of statuses, by first digit. Proxies pass on statuses outside of any standard, such as 999, and records have them too.
const CLASSES: [&str; 9] = ["1xx", "2xx", "3xx", "4xx", "5xx", "6xx", "7xx", "8xx", "9xx"];

/// The allowed words of a value; any text if `None`.
pub(super) type Words = Option<fn() -> Vec<&'static str>>;

/// Any text.
pub(super) const TEXT: Words = None;

/// The form of a value, and the column that it is compared with.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    /// A name.
    Name(Column, Words),
    /// One of several names.
    Member(Column, Words),
    /// A text that is stored as a digest.
    Digest(Column),
    /// A digest with this number of hex digits.
    Hex(Column, usize),
    /// True or false.
    Truth(Column),
    /// The record's id.
    Id,
    /// An HTTP status.
    Status,
    /// The first digit of a status.
    Class,
    /// The record's id, or another id of the request.
    AnyId,
    /// The outcome of a request.
    Outcome,
    /// A part of a name.
    Contains,
    /// `NAME[KEY]`, a tag.
    Tag,
    /// `NAME[gte]` and `NAME[lte]`, a decimal number: digits down to the stored unit, and the offset of a stored value.
    Amount(Column, usize, i64),
}

impl Kind {
    /// Returns the column whose values can be counted individually.
    pub(crate) const fn column(self) -> Option<Column> {
        match self {
            Self::Name(column, _) | Self::Member(column, _) | Self::Truth(column) => Some(column),
            Self::Status | Self::Class => Some(Column::Status),
            Self::Outcome => Some(Column::Outcome),
            Self::Tag => Some(Column::Tags),
            _ => None,
        }
    }

    /// Parses a value; an error states the required form. `inner` is the content of the name's brackets, without `[not]`.
    pub(super) fn read(self, inner: &str, value: &str) -> Result<Filter, String> {
        match self {
            Self::Name(column, words) => word(words, value).map(|name| Filter::Name(column, name)),
            Self::Member(column, words) => word(words, value).map(|name| Filter::Member(column, name)),
            Self::Digest(column) => Ok(Filter::Digest(column, value.to_owned())),
            Self::Hex(column, digits) => hex(column, digits, value),
            Self::Truth(column) => match value {
                "true" => Ok(exactly(column, 1)),
                "false" => Ok(exactly(column, 0)),
                _ => Err("must be true or false".to_owned()),
            },
            Self::Id => {
                let id = parse_uuid(value).map(Filter::Id);
                id.ok_or_else(|| "must be a UUID in lower case, as in `x-headgate-request-id`".to_owned())
            }
            Self::Status => status(value),
            Self::Class => class(value),
            Self::Outcome => outcome(value),
            Self::AnyId => Ok(any_id(value)),
            Self::Contains => Ok(Filter::Contains(value.to_owned())),
            Self::Tag if matches!(inner, "" | "not") => {
                Err("must name a tag, as in tag[NAME] or tag[NAME][not]".to_owned())
            }
            Self::Tag => Ok(Filter::Member(Column::Tags, format!("{inner}={value}"))),
            Self::Amount(column, digits, offset) => amount(column, digits, offset, inner, value),
        }
    }

    /// Returns the JSON Schema of a value.
    pub(super) fn schema(self) -> Value {
        let pattern =
            |pattern: &str, example: &str| json!({"type": "string", "pattern": pattern, "examples": [example]});
        match self {
            Self::Name(_, Some(words)) | Self::Member(_, Some(words)) => json!({"type": "string", "enum": words()}),
            Self::Truth(_) => json!({"type": "string", "enum": ["true", "false"]}),
            Self::Class => json!({"type": "string", "enum": CLASSES}),
            Self::Outcome => json!({"type": "string", "enum": RequestOutcome::ALL.map(RequestOutcome::as_str)}),
            Self::Id => pattern(UUID, "01890a5d-ac96-774b-bcce-b302099a8057"),
            Self::Hex(_, digits) => pattern(&format!("^[0-9a-fA-F]{{{digits}}}$"), &"4b".repeat(digits / 2)),
            Self::Amount(..) => pattern("^[0-9]{1,9}([.][0-9]{0,20})?$", "0.5"),
            Self::Status => json!({
                "type": "integer", "anyOf": [{"const": 0}, {"minimum": 100, "maximum": 999}], "examples": [200],
            }),
            _ => json!({"type": "string"}),
        }
    }
}

fn word(words: Words, value: &str) -> Result<String, String> {
    match words.map(|words| words()) {
        Some(words) if !words.contains(&value) => Err(format!("must be one of {}", words.join(", "))),
        _ => Ok(value.to_owned()),
    }
}

fn hex(column: Column, digits: usize, value: &str) -> Result<Filter, String> {
    if value.len() != digits || !value.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(format!("must be {digits} hex digits"));
    }
    // W3C Trace Context: lower case, as proxies store it.
    Ok(Filter::Digest(column, value.to_ascii_lowercase()))
}

fn exactly(column: Column, value: i64) -> Filter {
    Filter::Number(column, Range { least: value, greatest: value })
}

fn status(value: &str) -> Result<Filter, String> {
    match value.parse::<i64>() {
        Ok(status) if status == 0 || (100..=999).contains(&status) => Ok(exactly(Column::Status, status)),
        _ => Err("must be an HTTP status of three digits, or 0 for none".to_owned()),
    }
}

fn class(value: &str) -> Result<Filter, String> {
    let hundreds = match CLASSES.iter().zip(1..).find(|(class, _)| **class == value) {
        Some((_, digit)) => digit * 100,
        None => return Err("must be 2xx, 4xx or the like".to_owned()),
    };
    Ok(Filter::Number(Column::Status, Range { least: hundreds, greatest: hundreds + 99 }))
}

fn any_id(value: &str) -> Filter {
    // Ids in hex are stored in lower case.
    let lower = value.to_ascii_lowercase();
    let mut any: Vec<_> = parse_uuid(&lower).map(Filter::Id).into_iter().collect();
    any.push(Filter::Digest(Column::TraceId, lower));
    let texts = [Column::ProviderRequestId, Column::SessionId];
    any.extend(texts.map(|column| Filter::Digest(column, value.to_owned())));
    Filter::Any(any)
}

fn outcome(value: &str) -> Result<Filter, String> {
    let found = RequestOutcome::ALL.into_iter().find(|outcome| outcome.as_str() == value);
    let words = || format!("must be one of {}", RequestOutcome::ALL.map(RequestOutcome::as_str).join(", "));
    found.map(|outcome| exactly(Column::Outcome, outcome as i64)).ok_or_else(words)
}

fn amount(column: Column, digits: usize, offset: i64, bound: &str, value: &str) -> Result<Filter, String> {
    let number = decimal(value, digits).ok_or_else(|| "must be a number, such as 250 or 0.005".to_owned())?;
    let number = number.saturating_add(offset);
    let range = match bound {
        "gte" => Range { least: number, greatest: i64::MAX },
        // An absent value is stored as 0; it must not match as a small one.
        _ => Range { least: offset, greatest: number },
    };
    Ok(Filter::Number(column, range))
}

/// Parses a decimal number in units of 10^-digits; further digits are cut off.
fn decimal(text: &str, digits: usize) -> Option<i64> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let digit = |byte: u8| byte.is_ascii_digit();
    if whole.is_empty() || !whole.bytes().all(digit) || !part.bytes().all(digit) {
        return None;
    }
    let part: String = part.chars().chain(std::iter::repeat('0')).take(digits).collect();
    format!("{whole}{part}").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::decimal;

    #[test]
    fn amounts_are_read_without_rounding() {
        assert_eq!(decimal("0.000005550", 9), Some(5_550));
        assert_eq!(decimal("12", 9), Some(12_000_000_000));
        assert_eq!(decimal("1.2345678901", 3), Some(1_234));
        for bad in ["", ".", "-1", "1e3", "1,5", "99999999999999999999"] {
            assert_eq!(decimal(bad, 9), None, "{bad}");
        }
    }
}
