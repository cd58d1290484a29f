//! The parameters of `GET /v1/requests`. What is not understood is refused by name, never ignored: a filter with a typing
//! error must not look like an answer.

use super::filters::{self, Filters};
use crate::http::error::ApiError;
use crate::http::parameter::{Parameter, Shape, unknown};
use crate::http::values::{at_most, order, position, time, truth};
use crate::store::ListQuery;

const DEFAULT_LIMIT: usize = 50;
const MAX_LIMIT: usize = 500;
const PLACE: Shape = Shape::Pattern("^c1_[0-9a-f]{1,15}$", "c1_1");

/// What a query string of this path asks for.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    pub(super) list: ListQuery,
    /// Whether the total of all pages is asked for.
    pub(super) total: bool,
    /// Names of the facets that are asked for.
    pub(super) facets: Option<String>,
    /// Whether a limit was given.
    pub(super) limited: bool,
}

/// What a path understands beside the filters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::http) enum Also {
    /// Order, limit, cursors, total.
    Pages,
    /// Order and limit.
    Export,
    /// The facets' names.
    Facets,
}

impl Also {
    fn parameters(self) -> Vec<Parameter> {
        let order = Parameter::new("order", "Newest or oldest first.", Shape::Word(vec!["desc", "asc"]));
        let limit = |most| Parameter::new("limit", "Most records; 50 to a page without it.", Shape::Whole(1, most));
        match self {
            Self::Pages => vec![
                order,
                limit(MAX_LIMIT as u64),
                Parameter::new("after", "`next` of another page; this one begins behind it.", PLACE),
                Parameter::new("before", "`previous` of another page; this one ends ahead of it.", PLACE),
                Parameter::new("total", "Whether to count what all pages hold.", Shape::Truth),
            ],
            Self::Export => vec![order, limit(u64::MAX)],
            Self::Facets => {
                let about = "What to spread over; all but `tag` without it.";
                vec![Parameter::new("facets", about, Shape::Words(super::facet::names()))]
            }
        }
    }
}

/// The parameters of a path.
pub(in crate::http) fn described(also: Also) -> Vec<Parameter> {
    let mut all = vec![
        Parameter::new("from", "Started at this time or later; a day begins in UTC.", Shape::Time),
        Parameter::new("to", "Started before this time.", Shape::Time),
    ];
    all.extend(filters::described());
    all.extend(also.parameters());
    all
}

/// Reads a query string.
pub(super) fn parse(query: &str, also: Also) -> Result<Wanted, ApiError> {
    let mut wanted = Wanted { list: ListQuery { limit: DEFAULT_LIMIT, ..ListQuery::default() }, ..Wanted::default() };
    let mut filters = Filters::default();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        apply(&mut wanted, &mut filters, (&name, &value), also)?;
    }
    wanted.list.filters = filters.all();
    Ok(wanted)
}

fn apply(wanted: &mut Wanted, filters: &mut Filters, (name, value): (&str, &str), also: Also) -> Result<(), ApiError> {
    let list = &mut wanted.list;
    match name {
        "from" => list.from = Some(time(name, value)?),
        "to" => list.to = Some(time(name, value)?),
        "order" | "limit" | "after" | "before" | "total" | "facets" => return apply_own(wanted, name, value, also),
        _ => {
            let filter = filters::read(name, value)?.ok_or_else(|| unknown(name, &described(also)))?;
            filters.add(name, filter);
        }
    }
    Ok(())
}

fn apply_own(wanted: &mut Wanted, name: &str, value: &str, also: Also) -> Result<(), ApiError> {
    let list = &mut wanted.list;
    match name {
        "order" => list.order = order(name, value)?,
        "limit" => {
            list.limit = at_most(name, value, if also == Also::Export { usize::MAX } else { MAX_LIMIT })?;
            wanted.limited = true;
        }
        "after" => list.after = Some(position(name, value)?),
        "before" => list.before = Some(position(name, value)?),
        "total" => wanted.total = truth(name, value)?,
        _ => wanted.facets = Some(value.to_owned()),
    }
    Ok(())
}
