//! The fields of the forms about retention, as the bodies of the routes of `/v1` have them.

use super::{HoldRow, Log};
use crate::error::ApiError;
use crate::session::Form;
use crate::values::{bad, invalid};
use headgate_collector_pages::text::{Zone, rfc3339};
use headgate_collector_store::Hold;
use headgate_collector_types::retention::Scope;
use serde_json::{Map, Value, json};
use std::borrow::Cow;

/// Rules that were asked for.
#[derive(Debug, Default)]
pub(super) struct AskedRules {
    revision: String,
    requests: String,
    audit: String,
    /// A class and its days a line: `30d=30`.
    pub(super) classes: String,
}

impl AskedRules {
    /// Reads the fields.
    pub(super) fn of<'f>(fields: impl Iterator<Item = (Cow<'f, str>, Cow<'f, str>)>) -> Self {
        let mut asked = Self::default();
        for (name, value) in fields {
            match name.as_ref() {
                "revision" => asked.revision = value.into_owned(),
                "requests" => asked.requests = value.into_owned(),
                "audit" => asked.audit = value.into_owned(),
                "classes" => asked.classes = value.into_owned(),
                _ => {}
            }
        }
        asked
    }

    /// Returns the revision that the rules were made from.
    pub(super) fn revision(&self) -> Result<i64, ApiError> {
        self.revision.parse().map_err(|_| bad("revision", "is missing: open the form on the Retention page"))
    }

    /// Returns the body of `PUT /v1/retention`.
    pub(super) fn body(&self) -> Result<Vec<u8>, ApiError> {
        let mut classes = Map::new();
        for line in self.classes.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let wrong = || bad("classes", "must have one class and its days a line, as in 30d=30");
            let (class, text) = line.rsplit_once('=').ok_or_else(wrong)?;
            let days: u32 = text.trim().parse().map_err(|_| wrong())?;
            if classes.insert(class.trim().to_owned(), json!(days)).is_some() {
                return Err(bad("classes", "must name each class once"));
            }
        }
        let days = |name, text: &str| text.trim().parse::<u32>().map_err(|_| bad(name, "must be 1 to 36500 days"));
        let requests = json!({"days": days("requests", &self.requests)?, "classes": classes});
        let rules = json!({"requests": requests, "audit": {"days": days("audit", &self.audit)?}});
        Ok(rules.to_string().into_bytes())
    }
}

/// Returns a time of a form, in µs; `None` if the field is empty.
pub(crate) fn time_of(form: &Form, name: &str, zone: &Zone) -> Result<Option<i64>, ApiError> {
    let text = form.one(name).map(str::trim).filter(|text| !text.is_empty());
    let time = text.map(|text| zone.time(name, text)).transpose();
    time.map_err(|message| invalid(message, "invalid_parameter"))
}

/// Returns the body of `POST /v1/retention/clock`.
pub(super) fn stated(form: &Form, zone: &Zone) -> Result<Vec<u8>, ApiError> {
    let now = time_of(form, "now", zone)?.ok_or_else(|| bad("now", "must be the time by another clock"))?;
    Ok(json!({"now": rfc3339(now)}).to_string().into_bytes())
}

/// Returns the body of `POST /v1/holds`.
pub(super) fn hold(form: &Form, zone: &Zone) -> Result<Vec<u8>, ApiError> {
    let mut scope = Map::new();
    for name in ["key_id", "owner", "team", "project", "actor_id", "resource_id"] {
        let value = form.one(name).map(str::trim).filter(|value| !value.is_empty());
        scope.extend(value.map(|value| (name.to_owned(), json!(value))));
    }
    for name in ["from", "to"] {
        scope.extend(time_of(form, name, zone)?.map(|us| (name.to_owned(), json!(us))));
    }
    if form.one("everything") == Some("true") {
        scope.insert("everything".to_owned(), json!(true));
    }
    if scope.is_empty() {
        return Err(invalid(
            "Say which entries the hold covers: fill in a field, or check “Everything in this log”.".to_owned(),
            "invalid_parameter",
        ));
    }
    let text = |name| form.one(name).unwrap_or_default().trim().to_owned();
    let body = json!({"log": text("log"), "scope": Value::Object(scope), "reason": text("reason")});
    Ok(body.to_string().into_bytes())
}

/// Returns a hold as the page shows it.
pub(super) fn row(hold: Hold, zone: &Zone) -> HoldRow {
    let Hold { id, log, scope, reason, placed_by, placed_at } = hold;
    let scope = words(&scope, log, zone);
    HoldRow { id, log: log.as_str(), scope, reason, placed_by, placed_at }
}

fn words(scope: &Scope, log: Log, zone: &Zone) -> Vec<String> {
    let filters = match log {
        Log::Requests => scope.request_filters(),
        Log::Audit => scope.audit_filters(),
    };
    let mut words: Vec<_> =
        filters.into_iter().map(|(name, value)| format!("{} {value}", name.replace('_', " "))).collect();
    words.extend(scope.from.map(|us| format!("from {}", zone.day_and_clock(us))));
    words.extend(scope.to.map(|us| format!("before {}", zone.day_and_clock(us))));
    if scope.everything {
        words.push("everything".to_owned());
    }
    words
}
