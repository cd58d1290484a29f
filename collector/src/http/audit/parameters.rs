//! The parameters of `GET /v1/audit` and of its exports. Those that OpenAI's API has mean what they mean there; a list may be written with or
//! without its brackets.

use crate::http::error::ApiError;
use crate::http::parameter::{Parameter, Shape, unknown};
use crate::http::values::{at_most, bad, order, position, time};
use crate::store::{ActorFilter, AuditQuery, Db, NameFilter, StoreError, audit_position};
use crate::validate::parse_uuid;
use axum::http::StatusCode;

const DEFAULT_LIMIT: usize = 20;
const MAX_LIMIT: usize = 100;
/// Largest number of a policy revision, as in the paths below `/v1/policy`.
const MAX_REVISION: u64 = 999_999_999_999_999;
/// A cursor, or an entry's id.
const PLACE: Shape =
    Shape::Pattern("^(c1_[0-9a-f]{1,15}|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})$", "c1_1");

const REVISIONS: Shape = Shape::Wholes(1, MAX_REVISION);

/// Lists, and the columns they compare.
const LISTS: [(&str, &str); 3] = [("event_types", "type"), ("resource_ids", "resource_id"), ("sources", "source")];
/// Lists of actors.
const ACTORS: [&str; 2] = ["actor_ids", "actor"];
/// The end of the name of a list of which nothing must be.
const NOT: &str = "[not]";

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
    /// Whether a limit was given.
    pub(super) limited: bool,
    after: Option<Place>,
    before: Option<Place>,
}

/// What a path understands beside the filters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::http) enum Also {
    /// Order, limit, places.
    Pages,
    /// Order and limit.
    Export,
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

/// The parameters of a path.
pub(in crate::http) fn described(also: Also) -> Vec<Parameter> {
    let list = |name: &str, about: String| {
        let not = format!("No entry of any of these. Without `{NOT}`, entries of any of several values.");
        [(format!("{name}[]"), about), (name.to_owned(), format!("As `{name}[]`.")), (format!("{name}{NOT}"), not)]
    };
    let mut lists: Vec<_> = LISTS
        .iter()
        .flat_map(|(name, _)| list(name, format!("Entries of any of these {}.", name.replace('_', " "))))
        .collect();
    for name in ACTORS {
        let about = "Entries by actors with any of these ids or names. One that nobody has is refused.";
        lists.extend(list(name, about.to_owned()));
    }
    let mut all: Vec<_> = lists.into_iter().map(|(name, about)| Parameter::new(name, about, Shape::List)).collect();
    let time = |bound: &str, than: &str| {
        let about =
            format!("Entries {than} this time. A number of at most 11 digits is s since 1970, as in OpenAI's API.");
        Parameter::new(format!("effective_at[{bound}]"), about, Shape::Time)
    };
    all.extend([("gt", "later than"), ("gte", "from"), ("lt", "before"), ("lte", "until")].map(|(b, t)| time(b, t)));
    all.extend([
        Parameter::new(
            "revision",
            "Entries of any of these policy revisions, by number: its own, and one for each resource that it changed.",
            REVISIONS,
        ),
        Parameter::new(format!("revision{NOT}"), "No entry of these, by number.", REVISIONS),
        Parameter::new("order", "By place in the log.", Shape::Word(vec!["desc", "asc"])),
    ]);
    match also {
        Also::Pages => all.extend([
            Parameter::new("limit", "Most entries; 20 without it.", Shape::Whole(1, MAX_LIMIT as u64)),
            Parameter::new("after", "Entries behind this one, by `next` or an id.", PLACE),
            Parameter::new("before", "Entries ahead of this one, by `next` or an id.", PLACE),
        ]),
        Also::Export => all.push(Parameter::new("limit", "Most entries; all without it.", Shape::Whole(1, u64::MAX))),
    }
    all
}

/// Reads a query string.
pub(super) fn parse(query: &str, also: Also) -> Result<Wanted, ApiError> {
    let mut wanted = Wanted::default();
    wanted.query.limit = DEFAULT_LIMIT;
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        if !add_to_list(&mut wanted.query, &name, &value) {
            apply(&mut wanted, (&name, &value), also)?;
        }
    }
    Ok(wanted)
}

fn add_to_list(query: &mut AuditQuery, whole: &str, value: &str) -> bool {
    let not = whole.ends_with(NOT);
    let name = whole.strip_suffix(NOT).or_else(|| whole.strip_suffix("[]")).unwrap_or(whole);
    if let Some((_, column)) = LISTS.iter().find(|(list, _)| *list == name) {
        match query.names.iter_mut().find(|filter| filter.column == *column && filter.not == not) {
            Some(filter) => filter.texts.push(value.to_owned()),
            None => query.names.push(NameFilter { column, texts: vec![value.to_owned()], not }),
        }
        return true;
    }
    if ACTORS.contains(&name) {
        match query.actors.iter_mut().find(|filter| filter.not == not) {
            Some(filter) => filter.texts.push(value.to_owned()),
            None => query.actors.push(ActorFilter { texts: vec![value.to_owned()], not }),
        }
        return true;
    }
    false
}

fn apply(wanted: &mut Wanted, (name, value): (&str, &str), also: Also) -> Result<(), ApiError> {
    let query = &mut wanted.query;
    match name {
        "effective_at[gte]" => query.from = Some(effective_at(name, value)?),
        "effective_at[gt]" => query.from = Some(effective_at(name, value)?.saturating_add(1)),
        "effective_at[lt]" => query.to = Some(effective_at(name, value)?),
        "effective_at[lte]" => query.to = Some(effective_at(name, value)?.saturating_add(1)),
        "revision" => query.revisions.push(revision(name, value)?),
        "revision[not]" => query.not_revisions.push(revision(name, value)?),
        "order" => query.order = order(name, value)?,
        "limit" => {
            query.limit = at_most(name, value, if also == Also::Export { usize::MAX } else { MAX_LIMIT })?;
            wanted.limited = true;
        }
        "after" => wanted.after = Some(place(name, value)?),
        "before" => wanted.before = Some(place(name, value)?),
        _ => return Err(unknown(name, &described(also))),
    }
    Ok(())
}

/// OpenAI's API has whole seconds here. A number that can only be µs is taken as such.
fn effective_at(name: &str, value: &str) -> Result<i64, ApiError> {
    let number = time(name, value)?;
    let seconds = value.len() <= 11 && value.bytes().all(|byte| byte.is_ascii_digit());
    Ok(if seconds { number.saturating_mul(1_000_000) } else { number })
}

fn revision(name: &str, value: &str) -> Result<i64, ApiError> {
    let number = value.parse().ok().filter(|number| (1..=MAX_REVISION).contains(number));
    let number = number.and_then(|number| i64::try_from(number).ok());
    number.ok_or_else(|| bad(name, "must be a revision's number, as GET /v1/policy/revisions lists them"))
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

/// `actor` or `actor_ids` names nobody.
pub(super) fn unknown_actor() -> ApiError {
    let message = "An actor that was asked for has no entry in this log and is no token: give an id (such as `tok_…`) or a \
                   name, as `actor` of an entry shows them.";
    ApiError::invalid(StatusCode::NOT_FOUND, "actor_not_found", message).param("actor")
}
