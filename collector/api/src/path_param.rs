//! The extractor of a path's parameter.
//!
//! axum's own extractor answers a path that is not UTF-8 in plain text and in its own words. Here such a path has no name,
//! and each route answers it like any unknown name.

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use std::convert::Infallible;

/// The percent-decoded name; `None` if it is not UTF-8.
#[derive(Debug)]
pub(super) struct PathName(pub(super) Option<String>);

impl<S: Send + Sync> FromRequestParts<S> for PathName {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        Ok(Self(Path::from_request_parts(parts, state).await.ok().map(|Path(name)| name)))
    }
}
