//! The parameters of `GET /v1/audit` and of its exports. Those of OpenAI's API have the same meaning here. The name of a list
//! may be written with or without brackets.

use crate::error::ApiError;
use crate::values::{Cursor, Limit, ParamValue, Position, Time, UUID, param_values};
use axum::http::StatusCode;
use headgate_collector_db::{Db, StoreError};
use headgate_collector_store::{ActorFilter, AuditQuery, NameFilter, Order, audit_position};
use headgate_collector_types::audit::Outcome;
use headgate_collector_types::validate::parse_uuid;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

/// Largest number of a policy revision, as in the paths below `/v1/policy`.
const MAX_REVISION: i64 = 999_999_999_999_999;

param_values!(EntryCursor, OutcomeWord, RevisionNumber, Moment);

/// Which entries, and in which order.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct AuditFilter {
    /// Entries of any of these event types.
    #[schemars(extend("brackets" = true))]
    event_types: Vec<String>,
    /// No entry of any of these event types.
    #[serde(rename = "event_types[not]")]
    not_event_types: Vec<String>,
    /// Entries of any of these resource ids.
    #[schemars(extend("brackets" = true))]
    resource_ids: Vec<String>,
    /// No entry of any of these resource ids.
    #[serde(rename = "resource_ids[not]")]
    not_resource_ids: Vec<String>,
    /// Entries of any of these sources.
    #[schemars(extend("brackets" = true))]
    sources: Vec<String>,
    /// No entry of any of these sources.
    #[serde(rename = "sources[not]")]
    not_sources: Vec<String>,
    /// Entries by actors with any of these ids or names. One that nobody has is refused.
    #[schemars(extend("brackets" = true))]
    actor_ids: Vec<String>,
    /// No entry by any of these actors.
    #[serde(rename = "actor_ids[not]")]
    not_actor_ids: Vec<String>,
    /// Entries by actors with any of these ids or names. One that nobody has is refused.
    #[schemars(extend("brackets" = true))]
    actor: Vec<String>,
    /// No entry by any of these actors.
    #[serde(rename = "actor[not]")]
    not_actor: Vec<String>,
    /// Entries with any of these outcomes.
    outcomes: Vec<OutcomeWord>,
    /// No entry with any of these outcomes.
    #[serde(rename = "outcomes[not]")]
    not_outcomes: Vec<OutcomeWord>,
    /// Entries whose event type, source, actor's id, name or address, or resource's id or name contains this, in any case.
    q: Option<String>,
    /// Entries later than this time. A number of at most 11 digits is s since 1970, as in OpenAI's API.
    #[serde(rename = "effective_at[gt]")]
    gt: Option<Moment>,
    /// Entries from this time. A number of at most 11 digits is s since 1970, as in OpenAI's API.
    #[serde(rename = "effective_at[gte]")]
    gte: Option<Moment>,
    /// Entries before this time. A number of at most 11 digits is s since 1970, as in OpenAI's API.
    #[serde(rename = "effective_at[lt]")]
    lt: Option<Moment>,
    /// Entries until this time. A number of at most 11 digits is s since 1970, as in OpenAI's API.
    #[serde(rename = "effective_at[lte]")]
    lte: Option<Moment>,
    /// Entries of any of these policy revisions, by number: its own, and one for each resource that it changed.
    revision: Vec<RevisionNumber>,
    /// No entry of these, by number.
    #[serde(rename = "revision[not]")]
    not_revision: Vec<RevisionNumber>,
    /// By place in the log.
    order: Order,
}

impl AuditFilter {
    /// Returns the query of a page with this many entries, without its position.
    pub(super) fn query(self, limit: usize) -> AuditQuery {
        let name = |column, texts, not| NameFilter { column, texts, not };
        let words = |all: Vec<OutcomeWord>| all.into_iter().map(|OutcomeWord(one)| one.as_str().to_owned()).collect();
        let names = [
            name("type", self.event_types, false),
            name("type", self.not_event_types, true),
            name("resource_id", self.resource_ids, false),
            name("resource_id", self.not_resource_ids, true),
            name("source", self.sources, false),
            name("source", self.not_sources, true),
            name("outcome", words(self.outcomes), false),
            name("outcome", words(self.not_outcomes), true),
        ];
        let actor = |one: Vec<String>, more, not| ActorFilter { texts: [one, more].concat(), not };
        let actors = [actor(self.actor_ids, self.actor, false), actor(self.not_actor_ids, self.not_actor, true)];
        let numbers = |all: Vec<RevisionNumber>| all.into_iter().map(|RevisionNumber(number)| number).collect();
        let after = |time: Option<Moment>| time.map(|Moment(us)| us.saturating_add(1));
        AuditQuery {
            names: names.into_iter().filter(|filter| !filter.texts.is_empty()).collect(),
            actors: actors.into_iter().filter(|filter| !filter.texts.is_empty()).collect(),
            contains: self.q.filter(|text| !text.is_empty()),
            revisions: numbers(self.revision),
            not_revisions: numbers(self.not_revision),
            from: self.gte.map(|Moment(us)| us).max(after(self.gt)),
            to: [self.lt.map(|Moment(us)| us), after(self.lte)].into_iter().flatten().min(),
            order: self.order,
            limit,
            ..AuditQuery::default()
        }
    }
}

/// Which page of them.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct AuditPaging {
    /// Most entries; 20 without it.
    limit: Option<Limit<100>>,
    /// Entries behind this one, by `next` or an id.
    after: Option<EntryCursor>,
    /// Entries ahead of this one, by `next` or an id.
    before: Option<EntryCursor>,
}

impl AuditPaging {
    /// Returns the query of this page; `None` if `after` or `before` names an entry that does not exist.
    pub(super) fn query(&self, db: &Db, filtered: AuditFilter) -> Result<Option<AuditQuery>, StoreError> {
        let mut query = filtered.query(self.limit.map_or(20, Limit::count));
        for (place, slot) in [(self.after, &mut query.after), (self.before, &mut query.before)] {
            *slot = match place {
                None => None,
                Some(EntryCursor::Position(position)) => Some(position),
                Some(EntryCursor::Entry(id)) => match audit_position(db, &id)? {
                    Some(position) => Some(position),
                    None => return Ok(None),
                },
            };
        }
        Ok(Some(query))
    }
}

/// The size of an export.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct AuditExport {
    /// Most entries; all without it.
    pub(super) limit: Option<Limit<{ u64::MAX }>>,
}

/// A position in the log: a cursor, or the id of an entry.
#[derive(Debug, Clone, Copy)]
enum EntryCursor {
    Position(i64),
    Entry([u8; 16]),
}

impl ParamValue for EntryCursor {
    fn read(text: &str) -> Result<Self, String> {
        match parse_uuid(text) {
            Some(id) => Ok(Self::Entry(id)),
            None => Position::read(text).map(|Cursor([position])| Self::Position(position)),
        }
    }

    fn schema() -> Value {
        json!({"anyOf": [Position::schema(), {"type": "string", "pattern": UUID}], "examples": ["c1_1"]})
    }
}

/// The outcome of an event.
#[derive(Debug, Clone, Copy)]
struct OutcomeWord(Outcome);

impl ParamValue for OutcomeWord {
    fn read(text: &str) -> Result<Self, String> {
        let known = Outcome::ALL.into_iter().find(|outcome| outcome.as_str() == text).map(Self);
        known.ok_or_else(|| format!("must be one of {}", Outcome::ALL.map(Outcome::as_str).join(", ")))
    }

    fn schema() -> Value {
        json!({"type": "string", "enum": Outcome::ALL.map(Outcome::as_str)})
    }
}

/// The number of a policy revision.
#[derive(Debug, Clone, Copy)]
struct RevisionNumber(i64);

impl ParamValue for RevisionNumber {
    fn read(text: &str) -> Result<Self, String> {
        let number = text.parse().ok().filter(|number| (1..=MAX_REVISION).contains(number)).map(Self);
        number.ok_or_else(|| "must be a revision's number, as GET /v1/policy/revisions lists them".to_owned())
    }

    fn schema() -> Value {
        json!({"type": "integer", "minimum": 1, "maximum": MAX_REVISION})
    }
}

/// A time in µs. OpenAI's API uses whole seconds here; a number too large for seconds is read as µs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Moment(i64);

impl ParamValue for Moment {
    fn read(text: &str) -> Result<Self, String> {
        let number = Time::read(text)?.us();
        let seconds = text.len() <= 11 && text.bytes().all(|byte| byte.is_ascii_digit());
        Ok(Self(if seconds { number.saturating_mul(1_000_000) } else { number }))
    }

    fn schema() -> Value {
        Time::schema()
    }
}

/// Returns 400 for an `after` or `before` that names no entry.
pub(super) fn unknown_entry() -> ApiError {
    let message =
        "`after` or `before` names no entry of this log; use a `next`, `first_id` or `last_id` of an earlier page.";
    ApiError::invalid(StatusCode::NOT_FOUND, "audit_entry_not_found", message).param("after")
}

/// Returns 400 for an `actor` or `actor_ids` that names no actor.
pub(super) fn has_unknown_actor() -> ApiError {
    let message = "An actor that was asked for has no entry in this log and is no token: give an id (such as `tok_…`) or a \
                   name, as `actor` of an entry shows them.";
    ApiError::invalid(StatusCode::NOT_FOUND, "actor_not_found", message).param("actor")
}
