//! A refused try to sign in: the answer, in words for the person.

use super::identity_provider::IdentityProvider;
use crate::error::ApiError;
use crate::pages::html;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use headgate_collector_pages::login::Login;

/// The answer.
pub(crate) struct Refusal {
    status: StatusCode,
    problem: String,
    /// Seconds to wait.
    wait: Option<i64>,
}

impl Refusal {
    pub(crate) fn of(status: StatusCode, problem: impl Into<String>) -> Self {
        Self { status, problem: problem.into(), wait: None }
    }

    /// Returns the refusal of an address that has to wait for some seconds.
    pub(crate) fn too_many(wait: i64) -> Self {
        let problem = format!("Too many tries from this address were refused. Try again in {wait} seconds.");
        Self { wait: Some(wait), ..Self::of(StatusCode::TOO_MANY_REQUESTS, problem) }
    }

    /// Returns the refusal of somebody who has left too many entries in the audit log.
    pub(crate) fn too_busy() -> Self {
        let problem = "Too many sign-ins with this token or account in this minute: each is an entry in the audit log. Sign in \
            again in a minute.";
        Self { wait: Some(60), ..Self::of(StatusCode::TOO_MANY_REQUESTS, problem) }
    }

    /// Returns the page to sign in on, with the reason.
    pub(crate) fn page(self, provider: Option<&IdentityProvider>, return_to: &str) -> Response {
        let provider = provider.map(IdentityProvider::choice);
        let login = Login { return_to: return_to.to_owned(), problem: Some(self.problem), provider };
        let mut response = html(self.status, login.render());
        let headers = response.headers_mut();
        if let Some(wait) = self.wait {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(wait));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl From<ApiError> for Refusal {
    fn from(error: ApiError) -> Self {
        let (status, problem) = error.into_parts();
        let wait = (status == StatusCode::SERVICE_UNAVAILABLE).then_some(1);
        Self { status, problem, wait }
    }
}
