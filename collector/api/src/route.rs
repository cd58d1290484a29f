//! One route of the table.

use super::access::Access;
use super::app::App;
use super::openapi::Docs;
use axum::routing::MethodRouter;

/// One route.
#[derive(Debug)]
pub struct Route {
    /// `GET`, `POST` …
    pub method: &'static str,
    /// Path; parameters in braces.
    pub path: &'static str,
    /// The access that a token needs.
    pub access: Access,
    /// The summary, one line.
    pub about: &'static str,
    /// The parameters, the body and the answers.
    pub docs: Docs,
    pub(super) handler: MethodRouter<App>,
}
