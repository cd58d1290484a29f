//! `GET /assets/{name}`: style sheet and scripts. Their names have a hash, so browsers keep them.

use super::answer::COMPILES;
use crate::error::ApiError;
use crate::path_param::PathName;
use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use headgate_collector_pages::assets::find;

const FOREVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

/// Handles `GET /assets/{name}`.
pub(crate) async fn one(PathName(name): PathName) -> Result<Response, ApiError> {
    let asset = name.and_then(|name| find(&name)).ok_or_else(|| {
        let message = "There is no such file. A page that names it is older than this collector: load it again.";
        ApiError::invalid(StatusCode::NOT_FOUND, "not_found", message)
    })?;
    let mut response = Response::new(Body::from(Bytes::from_static(asset.bytes)));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(asset.content_type));
    headers.insert(header::CACHE_CONTROL, FOREVER);
    if asset.gzip {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    if asset.compiles {
        headers.insert(header::CONTENT_SECURITY_POLICY, COMPILES);
    }
    Ok(response)
}
