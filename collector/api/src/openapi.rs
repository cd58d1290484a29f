//! `/openapi.json`: the OpenAPI 3.1 description of the API, generated from the table of routes, so no route is missing.

mod docs;
mod schemas;

pub use docs::Docs;
pub use schemas::{SchemaOf, Schemas};
pub(super) use schemas::{cursor, individually_checked, inline, list_of, object, of, read_as, set_member};

use super::access::Access;
use super::error::json_response;
use super::justification::HEADERS;
use super::route::Route;
use axum::Extension;
use axum::http::StatusCode;
use axum::response::Response;
use headgate_collector_types::audit::Justification;
use serde_json::{Map, Value, json};
use std::sync::OnceLock;

static DOCUMENT: OnceLock<Vec<u8>> = OnceLock::new();

/// Makes the table of routes, which the document is made from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Table(pub(super) fn() -> Vec<Route>);

/// Handles `GET /openapi.json`. It needs no token, because the document holds nothing that the source does not.
pub(super) async fn page(Extension(Table(routes)): Extension<Table>) -> Response {
    let document = DOCUMENT.get_or_init(|| document(&routes()).to_string().into_bytes());
    json_response(StatusCode::OK, document.clone())
}

/// Returns the schema of `/openapi.json` itself.
pub(super) fn itself(_: &mut Schemas) -> Value {
    json!({"type": "object", "required": ["openapi", "info", "paths", "components"]})
}

fn document(routes: &[Route]) -> Value {
    let mut schemas = Schemas::default();
    let mut paths: Map<String, Value> = Map::new();
    for route in routes {
        let operation = operation(route, &mut schemas);
        set_member(
            paths.entry(route.path.replace("{*", "{")).or_insert_with(|| json!({})),
            &route.method.to_ascii_lowercase(),
            operation,
        );
    }
    let mut known = schemas.take();
    known.insert("Error".to_owned(), error());
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Headgate collector",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Request log and audit log of Headgate's data planes, usage, limits and policy.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {
            "schemas": known,
            "securitySchemes": {"token": {
                "type": "http", "scheme": "bearer", "description": "`headgate-collector token new` makes one.",
            }},
        },
    })
}

fn operation(route: &Route, schemas: &mut Schemas) -> Value {
    let docs = &route.docs;
    let open = route.access == Access::Open;
    let mut operation = json!({
        "operationId": operation_id(route),
        "summary": route.about,
        "security": if open { json!([]) } else { json!([{"token": []}]) },
        "responses": responses(route, schemas),
    });
    if !open {
        let roles: Vec<_> = route.access.roles().iter().map(|role| role.as_str()).collect();
        set_member(&mut operation, "description", json!(format!("For tokens of role {}.", roles.join(", "))));
    }
    let headers = docs
        .headers
        .iter()
        .map(|(name, about)| json!({"name": name, "in": "header", "description": about, "schema": {"type": "string"}}))
        .chain(justification(route));
    let parameters: Vec<_> =
        in_path(route).chain(docs.parameters.iter().map(|parameter| parameter.to_openapi())).chain(headers).collect();
    if !parameters.is_empty() {
        set_member(&mut operation, "parameters", json!(parameters));
    }
    if let Some((media_type, schema)) = docs.body {
        let schema = schema.map_or_else(|| json!({"type": "string"}), |schema| schema(schemas));
        let body = json!({"required": true, "content": {media_type: {"schema": schema}}});
        set_member(&mut operation, "requestBody", body);
    }
    operation
}

/// Returns the headers in which a write may state its reason.
fn justification(route: &Route) -> Vec<Value> {
    if route.method == "GET" || route.access == Access::Open || route.access == Access::Deliver {
        return Vec::new();
    }
    let about = ["The reason for this change, for the audit log.", "Its ticket.", "The person who approved it."];
    let text = json!({"type": "string", "maxLength": Justification::MAX_CHARS, "pattern": "^[ -~]*$"});
    let header = |(name, about)| json!({"name": name, "in": "header", "description": about, "schema": text});
    HEADERS.into_iter().zip(about).map(header).collect()
}

/// Returns an id such as `get_v1_requests_id`.
fn operation_id(route: &Route) -> String {
    let words = route.path.split(|char: char| !char.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    std::iter::once(route.method.to_ascii_lowercase().as_str()).chain(words).collect::<Vec<_>>().join("_")
}

fn in_path(route: &Route) -> impl Iterator<Item = Value> {
    let names = route
        .path
        .split('/')
        .filter_map(|part| Some(part.strip_prefix('{')?.strip_suffix('}')?.trim_start_matches('*')));
    names.map(|name| {
        let (schema, about) = match &route.docs.path {
            Some((schema, about)) => (schema.clone(), *about),
            None => (json!({"type": "string", "minLength": 1}), ""),
        };
        json!({"name": name, "in": "path", "required": true, "description": about, "schema": schema})
    })
}

fn responses(route: &Route, schemas: &mut Schemas) -> Value {
    let answer = &route.docs.answer;
    let mut good = json!({"description": route.about});
    if let Some((media_type, schema)) = answer.content {
        let content = schema.map_or(json!({}), |schema| json!({"schema": schema(schemas)}));
        set_member(&mut good, "content", json!({media_type: content}));
    }
    if !route.docs.links.is_empty() {
        let links: Map<_, _> = route.docs.links.iter().map(|(to, at)| ((*to).to_owned(), link(to, at))).collect();
        set_member(&mut good, "links", Value::Object(links));
    }
    let mut all = json!({answer.status.to_string(): good});
    for (status, why) in refusals(route) {
        set_member(&mut all, &status.to_string(), refusal(status, why));
    }
    all
}

fn link(operation: &str, pointer: &str) -> Value {
    json!({"operationId": operation, "parameters": {"path.id": format!("$response.body#{pointer}")}})
}

/// Returns the refusals that a request to this route may get.
fn refusals(route: &Route) -> Vec<(u16, &'static str)> {
    let mut all = Vec::new();
    if route.access != Access::Open {
        all.extend([
            (400, "A parameter or the body cannot be understood."),
            (401, "No valid token."),
            (403, "The token's role may not do this."),
            (431, "Path, query string and headers are larger than 64 KiB together."),
            (503, "The store cannot do it now; come again."),
        ]);
    }
    if route.method == "GET" && route.access != Access::Open {
        all.push((429, "The token has brought too many different searches in this minute: each is noted."));
    }
    if route.path.contains('{') {
        all.push((404, "There is nothing of this name."));
    }
    if route.docs.body.is_some() {
        all.extend([
            (408, "The body did not arrive in time."),
            (413, "The body is too large."),
            (415, "The body is compressed."),
        ]);
    }
    all.extend(&route.docs.refusals);
    all
}

fn refusal(status: u16, why: &str) -> Value {
    // The HTTP server sends this status itself, without a body.
    if status == 431 {
        return json!({"description": why});
    }
    let schema = json!({"$ref": "#/components/schemas/Error"});
    let mut refusal = json!({"description": why, "content": {"application/json": {"schema": schema}}});
    let header = match status {
        401 => ("WWW-Authenticate", json!({"const": "Bearer"})),
        429 | 503 => ("Retry-After", json!({"type": "integer", "description": "s"})),
        _ => return refusal,
    };
    set_member(&mut refusal, "headers", json!({header.0: {"required": true, "schema": header.1}}));
    refusal
}

fn error() -> Value {
    let text = json!({"type": "string"});
    let members = [
        ("message", json!({"type": "string", "description": "The fault and the remedy."})),
        ("type", text.clone()),
        ("param", json!({"type": ["string", "null"], "description": "The parameter that is wrong."})),
        ("code", text),
    ];
    let in_force = json!({"type": ["object", "null"], "description": "The policy revision in force, where another one was meant."});
    let problems = json!({"type": "array", "items": {"type": "object"}, "description": "Of a gateway.yaml, as `headgate check` tells them."});
    object(&[("error", object(&members)), ("in_force?", in_force), ("problems?", problems)])
}
