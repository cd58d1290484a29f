//! Who asks, and whether that role may.
//!
//! A token is compared by its SHA-256, so that neither the store nor the time of a comparison tells anything about it.

use super::App;
use super::connections::Place;
use super::error::ApiError;
use super::routes::Access;
use crate::audit::{Actor, ActorKind, Deliverer};
use crate::clock;
use crate::store::{self, KnownToken, Sender, TokenHash, hash_token, known_token};
use axum::extract::{Extension, MatchedPath, Request, State};
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::Response;
use std::net::IpAddr;
use std::sync::{Arc, PoisonError};

/// Characters of a `User-Agent` that are kept.
const USER_AGENT_CHARS: usize = 256;
/// A token's use is noted to the minute, so that a busy one costs no write for each request.
const USE_NOTED_US: i64 = 60_000_000;

/// Who asks: the holder of a valid token.
#[derive(Debug, Clone)]
pub(super) struct Caller {
    id: String,
    name: Option<String>,
    /// Id of the first token of its line.
    line: String,
    address: IpAddr,
    user_agent: Option<String>,
}

impl Caller {
    /// As the store knows them when they deliver.
    pub(super) fn sender(&self) -> Sender {
        Sender { token: self.id.clone(), name: self.name.clone(), line: self.line.clone() }
    }

    /// As an entry of another system names who delivered it.
    pub(super) fn deliverer(&self) -> Deliverer {
        Deliverer { id: self.id.clone(), name: self.name.clone(), address: Some(self.address.to_string()) }
    }

    /// As the audit log names them.
    pub(super) fn actor(&self) -> Actor {
        Actor {
            id: self.id.clone(),
            kind: ActorKind::Token,
            name: self.name.clone(),
            address: Some(self.address.to_string()),
            user_agent: self.user_agent.clone(),
        }
    }
}

/// Layer of a route: lets a request through if its token's role has this access, and says who asks.
pub(super) async fn require(
    State((app, access)): State<(App, Access)>,
    Extension(place): Extension<Arc<Place>>,
    mut request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let token = bearer(request.headers()).ok_or_else(ApiError::no_token)?;
    let known = known(&app, hash_token(token)).await?.ok_or_else(ApiError::no_token)?;
    let user_agent = user_agent(request.headers());
    let caller = Caller { id: known.id, name: known.name, line: known.line, address: place.peer(), user_agent };
    if !access.roles().contains(&known.role) {
        app.note_denied(&caller, &route(&request)).await;
        return Err(ApiError::wrong_role(known.role, access.roles()));
    }
    place.is_trusted();
    request.extensions_mut().insert(caller);
    Ok(next.run(request).await)
}

async fn known(app: &App, hash: TokenHash) -> Result<Option<KnownToken>, ApiError> {
    if let Some((_, role)) = app.tokens.iter().find(|(known, _)| *known == hash) {
        let id = format!("environment-{}", role.as_str());
        return Ok(Some(KnownToken { line: id.clone(), id, role: *role, name: None, last_used: None }));
    }
    let now = clock::now_us();
    let found = app.readers.at_the_door(move |db| known_token(db, &hash, now)).await?;
    if let Some(token) = &found {
        note_use(app, token, now);
    }
    Ok(found)
}

/// Notes the use of a token at most once a minute, beside the request that it came with.
fn note_use(app: &App, token: &KnownToken, now: i64) {
    let fresh = |at: i64| now.saturating_sub(at) < USE_NOTED_US;
    if token.last_used.is_some_and(fresh) {
        return;
    }
    let mut noted = app.uses.lock().unwrap_or_else(PoisonError::into_inner);
    if noted.get(&token.id).copied().is_some_and(fresh) {
        return;
    }
    noted.insert(token.id.clone(), now);
    let (writes, id) = (app.writes.clone(), token.id.clone());
    // If it cannot be written now, the next minute's use is.
    tokio::spawn(async move { writes.transact(move |tx| store::note_use(tx, &id, now)).await });
}

/// Method and pattern of the route, as in the table.
fn route(request: &Request) -> String {
    let path = request.extensions().get::<MatchedPath>().map_or("", MatchedPath::as_str);
    format!("{} {path}", request.method())
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim()).filter(|token| !token.is_empty())
}

fn user_agent(headers: &HeaderMap) -> Option<String> {
    let text = headers.get(header::USER_AGENT)?.to_str().ok()?;
    Some(text.chars().take(USER_AGENT_CHARS).collect())
}
