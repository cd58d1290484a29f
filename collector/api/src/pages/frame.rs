//! The parts that all pages have in common: the frame, the reader's zone and choices, and refusals as pages.

use super::access;
use super::answer::{html, title};
use crate::app::App;
use crate::error::ApiError;
use crate::policy;
use crate::session::cookies;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::{AppendHeaders, Response};
use headgate_collector_pages::frame::{Completeness, Frame, Page, Person};
use headgate_collector_pages::notice::Notice;
use headgate_collector_pages::text::Zone;
use headgate_collector_store as store;
use headgate_collector_types::clock;
use std::str::from_utf8;

/// The cookie in which the script keeps the reader's zone. It is no secret.
const ZONE: &str = "headgate-zone";

/// Returns the frame of a page, with the present state of the logs.
pub(crate) async fn frame(app: &App, page: Page, person: Person) -> Result<Frame, ApiError> {
    let (found, in_force) = app.readers.query(|db| Ok((store::completeness(db)?, store::policy_in_force(db)?))).await?;
    let age = |at: i64| u64::try_from(clock::now_us().saturating_sub(at)).unwrap_or(0);
    let completeness = Completeness {
        missing: u64::try_from(found.missing).unwrap_or(0),
        newest_age_us: found.newest_received_at.map(age),
    };
    let menu = Page::all().filter(|page| access(*page).roles().contains(&person.role)).collect();
    let policy = match in_force {
        Some(revision) => Some(policy::in_words(app, revision).await),
        None => None,
    };
    Ok(Frame { page, menu, person, completeness, policy, refresh: None })
}

/// Returns a page, or its refusal as one.
pub(super) async fn shown(app: &App, page: Page, person: Person, result: Result<Response, ApiError>) -> Response {
    let (status, text) = match result {
        Ok(response) => return response,
        Err(error) => error.into_parts(),
    };
    let notice = Notice { title: title(status).to_owned(), text };
    match frame(app, page, person).await {
        Ok(frame) => html(status, notice.render(&frame)),
        Err(_) => html(status, notice.alone()),
    }
}

/// Returns whether a form has sent a time of the reader's zone.
pub(super) fn has_local_time(query: &str) -> bool {
    let is_local = |value: &str| !value.is_empty() && !value.bytes().all(|byte| byte.is_ascii_digit());
    form_urlencoded::parse(query.as_bytes()).any(|(name, value)| matches!(&*name, "from" | "to") && is_local(&value))
}

/// Returns the reader's zone.
pub(super) fn zone(headers: &HeaderMap) -> Zone {
    cookie(headers, ZONE).map(Zone::named).unwrap_or_default()
}

/// A choice of a reader that is remembered.
#[derive(Debug, Clone, Copy)]
pub(super) enum Choice {
    /// Rows of a page.
    Rows,
    /// Added columns of the Logs page.
    Columns,
}

impl Choice {
    const fn cookie(self) -> &'static str {
        match self {
            Self::Rows => "headgate-rows",
            Self::Columns => "headgate-columns",
        }
    }

    /// Returns the last choice.
    pub(super) fn remembered(self, headers: &HeaderMap) -> Option<&str> {
        cookie(headers, self.cookie())
    }

    /// Returns the header that remembers a choice.
    pub(super) fn remember(self, value: &str) -> AppendHeaders<[(HeaderName, HeaderValue); 1]> {
        let text = format!("{}={value}; Path=/; Max-Age=31536000; SameSite=Lax", self.cookie());
        AppendHeaders([(header::SET_COOKIE, HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("")))])
    }
}

fn cookie<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    cookies(headers, name).next().and_then(|value| from_utf8(value).ok())
}
