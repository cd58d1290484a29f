//! A request to a page: who reads, in which zone, with which parameters.

use super::answer::{PageError, html};
use super::frame::{frame, shown, zone};
use crate::app::App;
use crate::caller::Caller;
use crate::error::ApiError;
use crate::session::SessionId;
use crate::values::invalid;
use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::Response;
use headgate_collector_pages::frame::{Frame, Page, Person};
use headgate_collector_pages::text::Zone;

/// The facts that the guard and the browser tell a handler.
#[derive(Debug)]
pub(super) struct Visit {
    pub(super) app: App,
    pub(super) caller: Caller,
    pub(super) person: Person,
    /// Id of the session.
    pub(super) session: String,
    /// The query string.
    pub(super) query: String,
    pub(super) zone: Zone,
}

impl FromRequestParts<App> for Visit {
    type Rejection = PageError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, PageError> {
        let extensions = &parts.extensions;
        let found = (extensions.get::<Caller>(), extensions.get::<Person>(), extensions.get::<SessionId>());
        // The guard puts all of them there.
        let (Some(caller), Some(person), Some(SessionId(session))) = found else {
            return Err(ApiError::internal().into());
        };
        Ok(Self {
            app: app.clone(),
            caller: caller.clone(),
            person: person.clone(),
            session: session.clone(),
            query: parts.uri.query().unwrap_or_default().to_owned(),
            zone: zone(&parts.headers),
        })
    }
}

impl Visit {
    /// Returns the parameters of the page, read by `read`.
    pub(super) fn state<T>(&self, read: impl FnOnce(&str) -> Result<T, String>) -> Result<T, ApiError> {
        read(&self.query).map_err(|message| invalid(message, "invalid_parameter"))
    }

    /// Returns one parameter of the page; all others are refused.
    pub(super) fn only(&self, name: &str) -> Result<Option<String>, ApiError> {
        self.among([name]).map(|[value]| value)
    }

    /// Returns the parameters of the page with these names; all others, and a second one of a name, are refused.
    pub(super) fn among<const N: usize>(&self, names: [&str; N]) -> Result<[Option<String>; N], ApiError> {
        let mut found = [const { None }; N];
        for (known, value) in form_urlencoded::parse(self.query.as_bytes()) {
            let place = names.iter().position(|name| *name == known).and_then(|at| found.get_mut(at));
            match place.filter(|place| place.is_none()) {
                Some(place) => *place = Some(value.into_owned()),
                None => {
                    let message =
                        format!("The address of this page has no parameters but `{}`, each once.", names.join("`, `"));
                    return Err(invalid(message, "invalid_parameter"));
                }
            }
        }
        Ok(found)
    }

    /// Returns whether the reader's role has this access.
    pub(super) fn may(&self, access: crate::access::Access) -> bool {
        access.roles().contains(&self.person.role)
    }

    /// Returns a page that `render` makes in its frame.
    pub(super) async fn page(&self, page: Page, render: impl FnOnce(&Frame) -> String) -> Result<Response, ApiError> {
        self.page_with(StatusCode::OK, page, render).await
    }

    /// Returns a page that is loaded again after this many seconds, if it is.
    pub(super) async fn page_every(
        &self,
        seconds: Option<u32>,
        page: Page,
        render: impl FnOnce(&Frame) -> String,
    ) -> Result<Response, ApiError> {
        let frame = Frame { refresh: seconds, ..frame(&self.app, page, self.person.clone()).await? };
        Ok(html(StatusCode::OK, render(&frame)))
    }

    /// Returns a page with a status.
    pub(super) async fn page_with(
        &self,
        status: StatusCode,
        page: Page,
        render: impl FnOnce(&Frame) -> String,
    ) -> Result<Response, ApiError> {
        let frame = frame(&self.app, page, self.person.clone()).await?;
        Ok(html(status, render(&frame)))
    }

    /// Returns a page, or its refusal as one.
    pub(super) async fn shown(self, page: Page, result: Result<Response, ApiError>) -> Response {
        shown(&self.app, page, self.person, result).await
    }
}
