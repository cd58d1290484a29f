//! Schemas of the answers below `/v1/policy`, for `/openapi.json`.

use super::parameters::ApplyOptions;
use crate::openapi::{Docs, Schemas, cursor, object, of};
use crate::revision::ResourceChange;
use headgate_collector_store::PolicyRevision;
use serde_json::{Value, json};

/// Description of the revision in a path.
pub(crate) const ABOUT_REVISION: &str = "A revision's number, or the `config_revision` that records carry.";

/// Adds the headers and refusals that all changes of the policy share.
pub(crate) fn changing(docs: Docs) -> Docs {
    docs.query::<ApplyOptions>()
        .header(
            "If-Match",
            "The number of the revision that the change was made from, in quotes: the ETag of `GET /v1/policy`.",
        )
        .header("If-None-Match", "`*`, for the first policy.")
        .or(412, "Another revision is in force than the change was made from; `in_force` tells which.")
        .or(422, "`headgate check` finds errors in it; `problems` has them.")
        .or(428, "Neither header names the revision that the change was made from.")
}

/// Returns the schema of a revision with its content.
pub(crate) fn whole(schemas: &mut Schemas) -> Value {
    let resource = object(&[("kind", text()), ("id", text()), ("body", json!({}))]);
    let resources = json!({"type": "array", "items": resource});
    revision(schemas, &[("in_force", json!({"type": "boolean"})), ("resources", resources)])
}

/// Returns the schema of a page of revisions.
pub(crate) fn page(schemas: &mut Schemas) -> Value {
    let revision_schema = revision(schemas, &[]);
    schemas.list(&revision_schema, &[("has_more", json!({"type": "boolean"})), ("next", cursor())])
}

/// Returns the schema of the outcome of a change or of a dry run.
pub(crate) fn outcome(schemas: &mut Schemas) -> Value {
    let changed = ("changed", json!({"type": "boolean"}));
    let warnings = ("warnings", json!({"type": "array", "items": {"type": "object"}}));
    let mut members = vec![changed.clone(), warnings.clone()];
    members.extend(changes(schemas));
    let done = revision(schemas, &members);
    let object_name = ("object", json!({"const": "policy.proposal"}));
    members.extend([object_name, ("config_revision", text()), ("in_force", or_none(of::<PolicyRevision>(schemas)))]);
    json!({"anyOf": [done, object(&members)]})
}

/// Returns the schema of a comparison.
pub(crate) fn difference(schemas: &mut Schemas) -> Value {
    let revision_schema = revision(schemas, &[]);
    let mut members = vec![
        ("object", json!({"const": "policy.diff"})),
        ("from", or_none(revision_schema.clone())),
        ("to", revision_schema),
    ];
    members.extend(changes(schemas));
    object(&members)
}

/// Returns the schema of the policy of a request.
pub(crate) fn incident(schemas: &mut Schemas) -> Value {
    let revision_schema = or_none(revision(schemas, &[]));
    let mut members = vec![
        ("object", json!({"const": "request.policy"})),
        ("request", json!({"type": "object"})),
        ("revision", revision_schema.clone()),
        ("previous", revision_schema.clone()),
        ("in_force_when_it_began", revision_schema.clone()),
        ("in_force_now", revision_schema),
        ("in_force_for_s?", json!({"type": "integer", "description": "From its coming into force to the request, s."})),
        (
            "met_by_request?",
            json!({"type": "integer", "minimum": 0, "description": "The number of `changes`, from the first, that concern this request."}),
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

/// Returns the schema of a revision with further members.
fn revision(schemas: &mut Schemas, more: &[(&str, Value)]) -> Value {
    let mut members = vec![
        ("object", json!({"const": "policy.revision"})),
        ("number", json!({"type": "integer", "minimum": 1, "description": "Dense: 1, 2, 3 …"})),
        ("config_revision", text()),
        ("effective_at", json!({"type": "integer", "description": "µs since 1970"})),
        ("by", of::<headgate_collector_types::audit::Actor>(schemas)),
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
