//! Who asks, and whether that role may.
//!
//! A token is compared by its SHA-256, so that neither the store nor the time of a comparison tells anything about it.

use super::App;
use super::connections::Place;
use super::error::ApiError;
use crate::store::{Role, TokenHash, role_of};
use axum::extract::{Extension, Request, State};
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::Response;
use std::sync::Arc;

/// What a route asks of a token.
#[derive(Debug, Clone, Copy)]
pub(super) enum Access {
    /// Deliver batches.
    Ingest,
    /// Read the log.
    Read,
}

impl Access {
    fn allows(self, role: Role) -> bool {
        match self {
            Self::Ingest => role == Role::Ingest,
            Self::Read => matches!(role, Role::Viewer | Role::Owner),
        }
    }

    const fn needed(self) -> &'static str {
        match self {
            Self::Ingest => "ingest",
            Self::Read => "viewer or owner",
        }
    }
}

/// Layer of a group of routes: lets a request through if its token's role has this access.
pub(super) async fn require(
    State((app, access)): State<(App, Access)>,
    Extension(place): Extension<Arc<Place>>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let token = bearer(request.headers()).ok_or_else(ApiError::no_token)?;
    let hash = crate::store::hash_token(token);
    let role = role(&app, hash).await?.ok_or_else(ApiError::no_token)?;
    if !access.allows(role) {
        return Err(ApiError::wrong_role(role.as_str(), access.needed()));
    }
    place.is_trusted();
    Ok(next.run(request).await)
}

async fn role(app: &App, hash: TokenHash) -> Result<Option<Role>, ApiError> {
    if let Some((_, role)) = app.tokens.iter().find(|(known, _)| *known == hash) {
        return Ok(Some(*role));
    }
    let found = app.readers.at_the_door(move |db| role_of(db, &hash)).await?;
    Ok(found)
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim()).filter(|token| !token.is_empty())
}
