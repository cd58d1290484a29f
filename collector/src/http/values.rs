//! What stands in query strings, headers and paths, read or refused. A refusal names the parameter and says what it must be; it
//! quotes nothing else of what was sent.

use super::error::ApiError;
use crate::store::Order;
use axum::http::StatusCode;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

/// A day as it is written.
const DAY: &str = "2026-01-31";
/// What a cursor of a log begins with.
const CURSOR: &str = "c1_";

/// 400 for a parameter that is not `what` it must be.
pub(super) fn bad(name: &str, what: &str) -> ApiError {
    let name = shown(name);
    invalid(format!("`{name}` {what}."), "invalid_parameter").param(name)
}

/// 400 for a request that cannot be understood.
pub(super) fn invalid(message: String, code: &'static str) -> ApiError {
    ApiError::invalid(StatusCode::BAD_REQUEST, code, message)
}

/// A parameter's name is named back only if it is shaped like one.
pub(super) fn shown(name: &str) -> &str {
    let shaped = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'[' | b']');
    if (1..=40).contains(&name.len()) && name.bytes().all(shaped) { name } else { "?" }
}

/// `true` or `false`.
pub(super) fn truth(name: &str, value: &str) -> Result<bool, ApiError> {
    match value {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(bad(name, "must be true or false")),
    }
}

/// A time in µs; a day is its beginning in UTC.
pub(super) fn time(name: &str, value: &str) -> Result<i64, ApiError> {
    time_in(&TimeZone::UTC, name, value)
}

/// As [`time`], but a day begins where this zone says.
pub(super) fn time_in(zone: &TimeZone, name: &str, value: &str) -> Result<i64, ApiError> {
    let us = if value.bytes().all(|byte| byte.is_ascii_digit()) {
        value.parse().ok()
    } else if value.len() == DAY.len() {
        let day = value.parse::<Date>().ok().and_then(|day| day.to_zoned(zone.clone()).ok());
        day.map(|beginning| beginning.timestamp().as_microsecond())
    } else {
        value.parse::<Timestamp>().ok().map(Timestamp::as_microsecond)
    };
    us.ok_or_else(|| {
        let times = "or a time as 2026-01-31T12:00:00Z (write + as %2B) or in µs since 1970";
        bad(name, &format!("must be a day as {DAY}, {times}"))
    })
}

/// `asc` or `desc`.
pub(super) fn order(name: &str, value: &str) -> Result<Order, ApiError> {
    match value {
        "asc" => Ok(Order::Ascending),
        "desc" => Ok(Order::Descending),
        _ => Err(bad(name, "must be asc or desc")),
    }
}

/// How many, from 1.
pub(super) fn at_most(name: &str, value: &str, most: usize) -> Result<usize, ApiError> {
    match value.parse::<usize>() {
        Ok(limit) if (1..=most).contains(&limit) => Ok(limit),
        _ if most == usize::MAX => Err(bad(name, "must be a number from 1")),
        _ => Err(bad(name, &format!("must be 1 to {most}"))),
    }
}

/// The cursor that leads on from a position. Its form is not part of the interface.
pub(super) fn cursor(position: i64) -> String {
    format!("{CURSOR}{position:x}")
}

/// The position that a cursor leads on from.
pub(super) fn position(name: &str, value: &str) -> Result<i64, ApiError> {
    value
        .strip_prefix(CURSOR)
        .and_then(hex)
        .ok_or_else(|| bad(name, "must be a `next` or `previous` of an earlier page, unchanged"))
}

/// The cursor of a list that is ordered by two numbers.
pub(super) fn cursor_of_two(prefix: &str, (one, other): (i64, i64)) -> String {
    format!("{prefix}{one:x}_{other:x}")
}

/// The numbers of such a cursor.
pub(super) fn two(name: &str, prefix: &str, value: &str) -> Result<(i64, i64), ApiError> {
    let numbers = value.strip_prefix(prefix).and_then(|rest| rest.split_once('_'));
    numbers
        .and_then(|(one, other)| Some((hex(one)?, hex(other)?)))
        .ok_or_else(|| bad(name, "must be a `next` of an earlier page, unchanged"))
}

/// A number as cursors spell it: up to 15 digits in lower case.
pub(super) fn hex(digits: &str) -> Option<i64> {
    let digit = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'a'..=b'f');
    let spelled = digits.len() <= 15 && digits.bytes().all(digit);
    i64::from_str_radix(digits, 16).ok().filter(|_| spelled)
}
