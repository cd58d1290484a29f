//! What a path names in its braces.
//!
//! axum's own extractor answers a path that is no UTF-8 in plain text and in its own words. Here it names nothing, which each
//! route answers as it answers any name that is unknown.

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use std::convert::Infallible;

/// The name, undone of its percent signs; `None` if it is no UTF-8.
#[derive(Debug)]
pub(super) struct Named(pub(super) Option<String>);

impl<S: Send + Sync> FromRequestParts<S> for Named {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        Ok(Self(Path::from_request_parts(parts, state).await.ok().map(|Path(name)| name)))
    }
}
