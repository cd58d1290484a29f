//! `GET /v1/tokens`, `POST /v1/tokens` and `DELETE /v1/tokens/{id}`, for owners. The secret text of a token is returned once,
//! by the request that creates it; later answers show its id.

use super::app::App;
use super::caller::Caller;
use super::error::{ApiError, json_response};
use super::path_param::PathName;
use super::values::{bad, invalid, time};
use axum::extract::{Extension, Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use headgate_collector_db::Db;
use headgate_collector_store::{self as store, Revoked, TokenInfo, TokenRequest};
use headgate_collector_types::audit::Resource;
use headgate_collector_types::validate::{is_name, reason_of};
use headgate_collector_types::{Role, clock};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// Maximum size of the body of `POST /v1/tokens`, bytes.
const MAX_BODY_BYTES: usize = 16 << 10;

/// The body of `POST /v1/tokens`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewToken {
    role: Role,
    /// The purpose.
    #[serde(default)]
    #[schemars(length(min = 1, max = 256))]
    name: Option<String>,
    /// From when on it is no longer valid, RFC 3339; must lie ahead.
    #[serde(default)]
    #[schemars(extend("format" = "date-time"))]
    expires_at: Option<String>,
    /// Id of the ingest token that it replaces: it may go on with the boots that this one opened.
    #[serde(default)]
    #[schemars(length(min = 1, max = 256))]
    replaces: Option<String>,
}

/// The answer of `POST /v1/tokens`.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct MadeToken {
    pub(super) id: String,
    /// The token's text, this once.
    pub(super) token: String,
    pub(super) role: Role,
    pub(super) name: Option<String>,
    /// µs since the Unix epoch.
    pub(super) expires_at: Option<i64>,
}

/// Handles `GET /v1/tokens`.
pub(super) async fn list(State(app): State<App>, Extension(caller): Extension<Caller>) -> Result<Response, ApiError> {
    let tokens = listed(&app, &caller).await?;
    let body = json!({"object": "list", "data": tokens}).to_string();
    Ok(json_response(StatusCode::OK, body.into_bytes()))
}

/// Returns all tokens, and notes that they were listed.
pub(super) async fn listed(app: &App, caller: &Caller) -> Result<Vec<TokenInfo>, ApiError> {
    app.audit.search(caller, "tokens.searched", Resource::new("list", "tokens"), None).await?;
    Ok(app.readers.query(store::tokens).await?)
}

/// Handles `POST /v1/tokens`.
pub(super) async fn create(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Result<Response, ApiError> {
    let (_permit, body) = app.bodies.read(request, MAX_BODY_BYTES).await?;
    let made = make(&app, &caller, &body).await?;
    let body = serde_json::to_vec(&made).map_err(|_| ApiError::internal())?;
    Ok(json_response(StatusCode::CREATED, body))
}

/// Makes the token that a body describes.
pub(super) async fn make(app: &App, caller: &Caller, body: &[u8]) -> Result<MadeToken, ApiError> {
    let (mut new, replaces) = parse(body)?;
    if let Some(id) = replaces {
        new.sender = Some(line(app, new.role, id).await?);
    }
    let token = store::new_token()?;
    let hash = store::hash_token(&token);
    let TokenRequest { role, name, expires_at, .. } = new.clone();
    let made = MadeToken { id: store::token_id(&hash), token, role, name, expires_at };
    let actor = caller.actor();
    crate::write_timeout::commit(&app.writes, "the token", move |tx| store::add_token(tx, &hash, &new, actor)).await?;
    Ok(made)
}

/// Returns the line of the replaced token, which the new one continues.
async fn line(app: &App, role: Role, replaces: String) -> Result<String, ApiError> {
    let wrong =
        || bad("replaces", "must be the id of an ingest token, as GET /v1/tokens lists them, and `role` be ingest");
    if role != Role::Ingest {
        return Err(wrong());
    }
    let from_environment = replaces == "environment-ingest";
    let known =
        app.readers.query(move |db| if from_environment { Ok(Some(replaces)) } else { store::line_of(db, &replaces) });
    known.await?.ok_or_else(wrong)
}

fn parse(body: &[u8]) -> Result<(TokenRequest, Option<String>), ApiError> {
    let new: NewToken = serde_json::from_slice(body)
        .map_err(|error| invalid(format!("The body is no token request: {}.", reason_of(&error)), "invalid_body"))?;
    if new.name.as_deref().is_some_and(|name| !is_name(name)) {
        return Err(bad("name", "must be 1 to 256 characters long"));
    }
    let expires_at = new.expires_at.map(|text| time("expires_at", &text)).transpose()?;
    if expires_at.is_some_and(|at| at <= clock::now_us()) {
        return Err(bad("expires_at", "is over already"));
    }
    Ok((TokenRequest { role: new.role, name: new.name, expires_at, sender: None }, new.replaces))
}

/// Handles `DELETE /v1/tokens/{id}`.
pub(super) async fn revoke(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    PathName(name): PathName,
) -> Result<Response, ApiError> {
    let token = revoke_named(&app, &caller, name).await?;
    let body = serde_json::to_vec(&token).map_err(|_| ApiError::internal())?;
    Ok(json_response(StatusCode::OK, body))
}

/// Revokes the token of this id.
pub(super) async fn revoke_named(app: &App, caller: &Caller, name: Option<String>) -> Result<TokenInfo, ApiError> {
    let id = name.ok_or_else(not_found)?;
    let (other_owner, actor) = (app.auth.has_owner(), caller.actor());
    let revoke = move |tx: &Db| store::revoke_token(tx, &id, other_owner, actor);
    match crate::write_timeout::commit(&app.writes, "the revocation", revoke).await? {
        Revoked::Done(token) => Ok(token),
        Revoked::Unknown => Err(not_found()),
        Revoked::LastOwner => Err(ApiError::invalid(
            StatusCode::CONFLICT,
            "last_owner",
            "This is the last owner's token: nobody could manage tokens any more. Make another one first.",
        )),
    }
}

pub(super) fn not_found() -> ApiError {
    ApiError::invalid(
        StatusCode::NOT_FOUND,
        "token_not_found",
        "No token has this id. Ids begin with `tok_`; GET /v1/tokens lists them.",
    )
    .param("id")
}
