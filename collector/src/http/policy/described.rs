//! The answers below `/v1/policy`, as `/openapi.json` describes them.

use super::parameters::wishes;
use crate::http::openapi::{Docs, Schemas, cursor, object, of};
use crate::http::parameter::Shape;
use crate::policy::ResourceChange;
use crate::store::PolicyRevision;
use serde_json::{Value, json};

/// How a revision is named in a path.
pub(in crate::http) const REVISION: Shape = Shape::Pattern("^([1-9][0-9]{0,14}|[0-9a-f]{16})$", "1");
/// What it is.
pub(in crate::http) const ABOUT_REVISION: &str = "A revision's number, or the `config_revision` that records carry.";

/// What every change of the policy takes and may be refused for.
pub(in crate::http) fn changing(docs: Docs) -> Docs {
    docs.query(wishes())
        .header(
            "If-Match",
            "The number of the revision that the change was made from, in quotes: the ETag of `GET /v1/policy`.",
        )
        .header("If-None-Match", "`*`, for the first policy.")
        .or(412, "Another revision is in force than the change was made from; `in_force` tells which.")
        .or(422, "`headgate check` finds errors in it; `problems` has them.")
        .or(428, "Neither header says what the change was made from.")
}

/// Of a revision and what it is made of.
pub(in crate::http) fn whole(schemas: &mut Schemas) -> Value {
    let resource = object(&[("kind", text()), ("id", text()), ("body", json!({}))]);
    let resources = json!({"type": "array", "items": resource});
    revision(schemas, &[("in_force", json!({"type": "boolean"})), ("resources", resources)])
}

/// Of a page of revisions.
pub(in crate::http) fn page(schemas: &mut Schemas) -> Value {
    let one = revision(schemas, &[]);
    schemas.list(&one, &[("has_more", json!({"type": "boolean"})), ("next", cursor())])
}

/// Of a change, or of what it would change.
pub(in crate::http) fn outcome(schemas: &mut Schemas) -> Value {
    let changed = ("changed", json!({"type": "boolean"}));
    let warnings = ("warnings", json!({"type": "array", "items": {"type": "object"}}));
    let mut members = vec![changed.clone(), warnings.clone()];
    members.extend(changes(schemas));
    let done = revision(schemas, &members);
    let object_name = ("object", json!({"const": "policy.proposal"}));
    members.extend([object_name, ("config_revision", text()), ("in_force", or_none(of::<PolicyRevision>(schemas)))]);
    json!({"anyOf": [done, object(&members)]})
}

/// Of a comparison.
pub(in crate::http) fn difference(schemas: &mut Schemas) -> Value {
    let one = revision(schemas, &[]);
    let mut members = vec![("object", json!({"const": "policy.diff"})), ("from", or_none(one.clone())), ("to", one)];
    members.extend(changes(schemas));
    object(&members)
}

/// Of a request's policy.
pub(in crate::http) fn incident(schemas: &mut Schemas) -> Value {
    let one = or_none(revision(schemas, &[]));
    let mut members = vec![
        ("object", json!({"const": "request.policy"})),
        ("request", json!({"type": "object"})),
        ("revision", one.clone()),
        ("previous", one.clone()),
        ("in_force_when_it_began", one.clone()),
        ("in_force_now", one),
        ("in_force_for_s?", json!({"type": "integer", "description": "From its coming into force to the request, s."})),
        (
            "met_by_request?",
            json!({"type": "integer", "minimum": 0, "description": "So many of `changes`, the first, concern what it met."}),
        ),
        ("next_steps", json!({"type": "array", "items": text()})),
    ];
    members.extend(changes(schemas).map(|(name, schema)| (optional(name), schema)));
    object(&members)
}

fn optional(name: &'static str) -> &'static str {
    match name {
        "changes" => "changes?",
        "total" => "total?",
        "counts" => "counts?",
        _ => "has_more?",
    }
}

/// A revision's own members and these.
fn revision(schemas: &mut Schemas, more: &[(&str, Value)]) -> Value {
    let mut members = vec![
        ("object", json!({"const": "policy.revision"})),
        ("number", json!({"type": "integer", "minimum": 1, "description": "Dense: 1, 2, 3 …"})),
        ("config_revision", text()),
        ("effective_at", json!({"type": "integer", "description": "µs since 1970"})),
        ("by", of::<crate::audit::Actor>(schemas)),
        ("restores?", json!({"type": "integer", "minimum": 1, "description": "The revision that it brought back."})),
    ];
    members.extend(more.iter().cloned());
    object(&members)
}

fn changes(schemas: &mut Schemas) -> [(&'static str, Value); 4] {
    let about = "The first 1000, secrets masked; `total` and `counts` count all.";
    let list = json!({"type": "array", "items": of::<ResourceChange>(schemas), "description": about});
    let count = json!({"type": "integer", "minimum": 0});
    let counts = object(&[("created", count.clone()), ("updated", count.clone()), ("deleted", count.clone())]);
    [("changes", list), ("total", count), ("counts", counts), ("has_more", json!({"type": "boolean"}))]
}

fn text() -> Value {
    json!({"type": "string"})
}

fn or_none(schema: Value) -> Value {
    json!({"anyOf": [schema, {"type": "null"}]})
}
