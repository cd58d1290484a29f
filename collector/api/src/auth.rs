//! Authentication of the caller and the check of its role.
//!
//! Tokens are compared by their SHA-256, so neither the store nor the duration of a comparison reveals anything about them.

use super::access::Access;
use super::access_audit::AccessAudit;
use super::caller::{Caller, Holder};
use super::connections::ConnectionSlot;
use super::error::ApiError;
use super::justification;
use super::session::{Origin, Site, origin, secret};
use axum::extract::{Extension, MatchedPath, Request, State};
use axum::http::{HeaderMap, Method, header};
use axum::middleware::Next;
use axum::response::Response;
use headgate_collector_db::Db;
use headgate_collector_store::{
    self as store, KnownToken, Readers, SessionHolder, TokenHash, WriteHandle, find_session, hash_token, known_token,
};
use headgate_collector_types::{Role, clock};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Maximum length of a stored `User-Agent`, characters.
const USER_AGENT_CHARS: usize = 256;
/// Most uses that are remembered; beyond it, those of earlier minutes are forgotten.
const USES: usize = 1024;
/// Resolution of a token's last use: one minute, so that a busy token does not cause a write for each request.
const USE_RESOLUTION_US: i64 = 60_000_000;

/// Knows tokens; clones share it.
#[derive(Debug, Clone)]
pub(super) struct Auth {
    readers: Readers,
    writes: WriteHandle,
    audit: AccessAudit,
    /// Tokens of the environment.
    tokens: Arc<[(TokenHash, Role)]>,
    /// The address of the pages.
    pub(super) site: Site,
    /// The settings that give persons their roles, by hash; `None` if there is no identity provider.
    persons: Option<TokenHash>,
    /// When the use of each token and session was last noted.
    uses: Arc<Mutex<HashMap<String, i64>>>,
}

impl Auth {
    /// Returns an authenticator that accepts `tokens` beside those in the store.
    pub(super) fn new(readers: Readers, writes: WriteHandle, audit: AccessAudit, tokens: &[(TokenHash, Role)]) -> Self {
        let (site, persons) = (Site::default(), None);
        Self { readers, writes, audit, tokens: tokens.into(), site, persons, uses: Arc::default() }
    }

    /// Sets the address of the pages.
    pub(super) fn at(self, site: Site) -> Self {
        Self { site, ..self }
    }

    /// Accepts sessions of persons whose role these settings gave, by their hash.
    pub(super) fn with_persons(self, settings: TokenHash) -> Self {
        Self { persons: Some(settings), ..self }
    }

    /// Returns whether a token of the environment is an owner's.
    pub(super) fn has_owner(&self) -> bool {
        self.tokens.iter().any(|(_, role)| *role == Role::Owner)
    }

    /// Returns the valid token with this hash.
    pub(super) async fn token(&self, hash: TokenHash) -> Result<Option<KnownToken>, ApiError> {
        if let Some(known) = self.of_environment(&hash) {
            return Ok(Some(known));
        }
        let now = clock::now_us();
        let found = self.readers.auth_query(move |db| known_token(db, &hash, now)).await?;
        if let Some(token) = &found {
            self.note_use(token, now);
        }
        Ok(found)
    }

    /// Returns the id of the valid session with this secret, and its holder.
    pub(super) async fn session(&self, secret: &str) -> Result<Option<(String, Holder)>, ApiError> {
        let (now, secret) = (clock::now_us(), secret.to_owned());
        let find = move |db: &Db| {
            let Some(session) = find_session(db, &secret, now)? else { return Ok(None) };
            let token = match &session.holder {
                SessionHolder::Token(hash) => known_token(db, hash, now)?,
                SessionHolder::Person(_) => None,
            };
            Ok(Some((session, token)))
        };
        let Some((session, token)) = self.readers.auth_query(find).await? else { return Ok(None) };
        let Some(holder) = self.valid(session.holder, token, now) else { return Ok(None) };
        if self.is_due(&session.id, Some(session.last_seen), now) {
            let (writes, id) = (self.writes.clone(), session.id.clone());
            // If it cannot be written now, the next minute's use is.
            tokio::spawn(async move { writes.transact(move |tx| store::touch_session(tx, &id, now)).await });
        }
        Ok(Some((session.id, holder)))
    }

    /// Returns the holder of a session, if that has its rights still: a token of the environment, a token of the store, or a person
    /// with a role by the present settings.
    fn valid(&self, holder: SessionHolder, token: Option<KnownToken>, now: i64) -> Option<Holder> {
        match holder {
            SessionHolder::Token(hash) => {
                let token = self.of_environment(&hash).or(token)?;
                self.note_use(&token, now);
                Some(token.into())
            }
            SessionHolder::Person(person) => (self.persons == Some(person.settings)).then(|| person.into()),
        }
    }

    fn of_environment(&self, hash: &TokenHash) -> Option<KnownToken> {
        let (_, role) = self.tokens.iter().find(|(known, _)| known == hash)?;
        let id = format!("environment-{}", role.as_str());
        Some(KnownToken { line: id.clone(), id, role: *role, name: None, last_used: None })
    }

    /// Notes the use of a token of the store at most once a minute, beside the request that it came with.
    fn note_use(&self, token: &KnownToken, now: i64) {
        if !token.id.starts_with("environment-") && self.is_due(&token.id, token.last_used, now) {
            let (writes, id) = (self.writes.clone(), token.id.clone());
            // If it cannot be written now, the next minute's use is.
            tokio::spawn(async move { writes.transact(move |tx| store::note_use(tx, &id, now)).await });
        }
    }

    /// Returns whether a use is to be noted: once a minute.
    fn is_due(&self, id: &str, last: Option<i64>, now: i64) -> bool {
        let fresh = |at: i64| now.saturating_sub(at) < USE_RESOLUTION_US;
        if last.is_some_and(fresh) {
            return false;
        }
        let mut noted = self.uses.lock().unwrap_or_else(PoisonError::into_inner);
        if noted.get(id).copied().is_some_and(fresh) {
            return false;
        }
        if noted.len() >= USES {
            noted.retain(|_, at| fresh(*at));
        }
        noted.insert(id.to_owned(), now);
        true
    }
}

/// Authenticates a request as the layer of a route: it needs a token of a role with this access. Adds the [`Caller`] to it.
pub(super) async fn require(
    State((auth, access)): State<(Auth, Access)>,
    Extension(slot): Extension<Arc<ConnectionSlot>>,
    mut request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let holder = admitted(&auth, request.method(), request.headers()).await?.ok_or_else(ApiError::no_token)?;
    let role = holder.role;
    let mut caller = caller(holder, &slot, request.headers());
    caller.justification = justification::of_headers(request.headers())?;
    if !access.roles().contains(&role) {
        auth.audit.denied(&caller, &route(&request)).await;
        return Err(ApiError::wrong_role(role, access.roles()));
    }
    slot.mark_trusted();
    request.extensions_mut().insert(caller);
    Ok(next.run(request).await)
}

/// Returns the holder of a request: by its `Authorization` header, or without one, to read, by the session's cookie.
///
/// No page of another site can read by the cookie, not even by a link; and nothing is changed by it here, because only forms
/// have the text that protects them.
async fn admitted(auth: &Auth, method: &Method, headers: &HeaderMap) -> Result<Option<Holder>, ApiError> {
    if headers.contains_key(header::AUTHORIZATION) {
        let Some(token) = bearer(headers) else { return Ok(None) };
        return Ok(auth.token(hash_token(token)).await?.map(Holder::from));
    }
    let reads = matches!(*method, Method::GET | Method::HEAD);
    match secret(&auth.site, headers).filter(|_| reads && origin(&auth.site, headers) != Origin::Other) {
        Some(secret) => Ok(auth.session(secret).await?.map(|(_, holder)| holder)),
        None => Ok(None),
    }
}

/// Returns the caller that a holder and a request name.
pub(super) fn caller(holder: impl Into<Holder>, place: &ConnectionSlot, headers: &HeaderMap) -> Caller {
    let Holder { kind, id, name, line, .. } = holder.into();
    Caller { kind, id, name, line, address: place.peer(), user_agent: user_agent(headers), justification: None }
}

/// Returns the method and the pattern of the route, as in the table of routes.
pub(super) fn route(request: &Request) -> String {
    let path = request.extensions().get::<MatchedPath>().map_or("", MatchedPath::as_str);
    format!("{} {path}", request.method())
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim()).filter(|token| !token.is_empty())
}

pub(super) fn user_agent(headers: &HeaderMap) -> Option<String> {
    let text = headers.get(header::USER_AGENT)?.to_str().ok()?;
    Some(text.chars().take(USER_AGENT_CHARS).collect())
}
