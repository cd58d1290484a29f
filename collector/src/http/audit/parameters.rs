//! The parameters of `GET /v1/audit`. Those that OpenAI's API has mean what they mean there; a list may be written with or
//! without its brackets.

use crate::http::error::ApiError;
use crate::http::parameter::{Parameter, Shape, unknown};
use crate::http::values::{at_most, bad, order, position, time};
use crate::store::{AuditQuery, Db, StoreError, audit_position};
use crate::validate::parse_uuid;
use axum::http::StatusCode;

const DEFAULT_LIMIT: usize = 20;
const MAX_LIMIT: usize = 100;
/// Largest number of a policy revision, as in the paths below `/v1/policy`.
const MAX_REVISION: u64 = 999_999_999_999_999;
/// A cursor, or an entry's id.
const PLACE: Shape =
    Shape::Pattern("^(c1_[0-9a-f]{1,15}|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})$", "c1_1");

/// Lists, and the columns they compare.
const LISTS: [(&str, &str); 4] =
    [("event_types", "type"), ("actor_ids", "actor_id"), ("resource_ids", "resource_id"), ("sources", "source")];

/// A place in the log: a cursor, or the id of an entry.
#[derive(Debug, Clone, Copy)]
enum Place {
    Position(i64),
    Entry([u8; 16]),
}

/// A query whose places may still have to be looked up.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    pub(super) query: AuditQuery,
    after: Option<Place>,
    before: Option<Place>,
}

impl Wanted {
    /// The query itself; `None` if `after` or `before` names an entry that is not there.
    pub(super) fn resolve(mut self, db: &Db) -> Result<Option<AuditQuery>, StoreError> {
        for (place, slot) in [(self.after, &mut self.query.after), (self.before, &mut self.query.before)] {
            *slot = match place {
                None => None,
                Some(Place::Position(position)) => Some(position),
                Some(Place::Entry(id)) => match audit_position(db, &id)? {
                    Some(position) => Some(position),
                    None => return Ok(None),
                },
            };
        }
        Ok(Some(self.query))
    }
}

/// All of them.
pub(in crate::http) fn described() -> Vec<Parameter> {
    let mut all: Vec<_> = LISTS
        .iter()
        .flat_map(|(list, _)| {
            let about = format!("Entries of any of these {}.", list.replace('_', " "));
            [(format!("{list}[]"), about), ((*list).to_owned(), format!("As `{list}[]`."))]
        })
        .map(|(name, about)| Parameter::new(name, about, Shape::List))
        .collect();
    let time = |bound: &str, than: &str| {
        let about =
            format!("Entries {than} this time. A number of at most 11 digits is s since 1970, as in OpenAI's API.");
        Parameter::new(format!("effective_at[{bound}]"), about, Shape::Time)
    };
    all.extend([("gt", "later than"), ("gte", "from"), ("lt", "before"), ("lte", "until")].map(|(b, t)| time(b, t)));
    all.extend([
        Parameter::new(
            "revision",
            "Entries of this policy revision, by its number: its own, and one for each resource that it changed.",
            Shape::Whole(1, MAX_REVISION),
        ),
        Parameter::new("order", "By place in the log.", Shape::Word(vec!["desc", "asc"])),
        Parameter::new("limit", "Most entries; 20 without it.", Shape::Whole(1, MAX_LIMIT as u64)),
        Parameter::new("after", "Entries behind this one, by `next` or an id.", PLACE),
        Parameter::new("before", "Entries ahead of this one, by `next` or an id.", PLACE),
    ]);
    all
}

/// Reads a query string.
pub(super) fn parse(query: &str) -> Result<Wanted, ApiError> {
    let mut wanted = Wanted::default();
    wanted.query.limit = DEFAULT_LIMIT;
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        if !add_to_list(&mut wanted.query, &name, &value) {
            apply(&mut wanted, &name, &value)?;
        }
    }
    Ok(wanted)
}

fn add_to_list(query: &mut AuditQuery, name: &str, value: &str) -> bool {
    let name = name.strip_suffix("[]").unwrap_or(name);
    let Some((_, column)) = LISTS.iter().find(|(list, _)| *list == name) else {
        return false;
    };
    match query.names.iter_mut().find(|(known, _)| known == column) {
        Some((_, texts)) => texts.push(value.to_owned()),
        None => query.names.push((*column, vec![value.to_owned()])),
    }
    true
}

fn apply(wanted: &mut Wanted, name: &str, value: &str) -> Result<(), ApiError> {
    let query = &mut wanted.query;
    match name {
        "effective_at[gte]" => query.from = Some(effective_at(name, value)?),
        "effective_at[gt]" => query.from = Some(effective_at(name, value)?.saturating_add(1)),
        "effective_at[lt]" => query.to = Some(effective_at(name, value)?),
        "effective_at[lte]" => query.to = Some(effective_at(name, value)?.saturating_add(1)),
        "revision" => query.revision = Some(revision(value)?),
        "order" => query.order = order(name, value)?,
        "limit" => query.limit = at_most(name, value, MAX_LIMIT)?,
        "after" => wanted.after = Some(place(name, value)?),
        "before" => wanted.before = Some(place(name, value)?),
        _ => return Err(unknown(name, &described())),
    }
    Ok(())
}

/// OpenAI's API has whole seconds here. A number that can only be µs is taken as such.
fn effective_at(name: &str, value: &str) -> Result<i64, ApiError> {
    let number = time(name, value)?;
    let seconds = value.len() <= 11 && value.bytes().all(|byte| byte.is_ascii_digit());
    Ok(if seconds { number.saturating_mul(1_000_000) } else { number })
}

fn revision(value: &str) -> Result<i64, ApiError> {
    let number = value.parse().ok().filter(|number| (1..=MAX_REVISION).contains(number));
    let number = number.and_then(|number| i64::try_from(number).ok());
    number.ok_or_else(|| bad("revision", "must be a revision's number, as GET /v1/policy/revisions lists them"))
}

fn place(name: &str, value: &str) -> Result<Place, ApiError> {
    match parse_uuid(value) {
        Some(id) => Ok(Place::Entry(id)),
        None => position(name, value).map(Place::Position),
    }
}

/// `after` or `before` names nothing.
pub(super) fn unknown_entry() -> ApiError {
    let message =
        "`after` or `before` names no entry of this log; use a `next`, `first_id` or `last_id` of an earlier page.";
    ApiError::invalid(StatusCode::NOT_FOUND, "audit_entry_not_found", message).param("after")
}
