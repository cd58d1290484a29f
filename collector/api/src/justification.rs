//! The reason for a change, as a request states it: in headers, or in fields of a page's form.

use crate::error::ApiError;
use axum::http::{HeaderMap, StatusCode};
use headgate_collector_types::audit::Justification;

/// The headers.
pub(crate) const HEADERS: [&str; 3] = ["x-headgate-reason", "x-headgate-ticket", "x-headgate-approved-by"];

/// Reads the headers.
///
/// # Errors
/// One is too long, or no text.
pub(crate) fn of_headers(headers: &HeaderMap) -> Result<Option<Justification>, ApiError> {
    let read = |name: &'static str| match headers.get(name) {
        Some(value) => std::str::from_utf8(value.as_bytes()).map(Some).map_err(|_| refused(name)),
        None => Ok(None),
    };
    let [reason, ticket, approved_by] = HEADERS;
    of(HEADERS, [read(reason)?, read(ticket)?, read(approved_by)?])
}

/// Reads the fields of a form, whose values `value` knows.
///
/// # Errors
/// One is too long.
pub(crate) fn of_fields<'f>(value: impl Fn(&str) -> Option<&'f str>) -> Result<Option<Justification>, ApiError> {
    of(Justification::FIELDS, Justification::FIELDS.map(value))
}

/// Returns the justification of texts with these names.
fn of(names: [&'static str; 3], texts: [Option<&str>; 3]) -> Result<Option<Justification>, ApiError> {
    let [reason, ticket, approved_by] = texts.map(|text| text.map(str::to_owned));
    Justification::of(reason, ticket, approved_by)
        .map_err(|wrong| refused(names.get(wrong).copied().unwrap_or_default()))
}

fn refused(name: &str) -> ApiError {
    let most = Justification::MAX_CHARS;
    let message = format!("`{name}` must be UTF-8 text of at most {most} characters, without control characters.");
    ApiError::invalid(StatusCode::BAD_REQUEST, "invalid_justification", message).param(name)
}
