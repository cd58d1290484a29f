//! `GET /try`: a policy, tried in the browser. The page is sent with the text of a policy; nothing comes back from it.

mod masked_yaml;

use super::answer::COMPILES;
use super::logs::read_record;
use super::visit::Visit;
use crate::access::Access;
use crate::error::ApiError;
use crate::policy::{self, TryPolicy};
use crate::values::invalid;
use axum::http::header;
use axum::response::Response;
use headgate_collector_pages::frame::Page;
use headgate_collector_pages::try_out::{Text, TryPage};
use headgate_collector_types::clock;
use masked_yaml::masked_yaml;

/// Largest text that the page is sent with, bytes. A larger one is opened as a file.
const MAX_TEXT: usize = 2 << 20;

/// Handles `GET /try`.
pub(super) async fn show(visit: Visit) -> Response {
    let result = page(&visit).await;
    let mut response = visit.shown(Page::Try, result).await;
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, COMPILES);
    response
}

async fn page(visit: &Visit) -> Result<Response, ApiError> {
    let [revision, from] = visit.among(["revision", "from"])?;
    let revision = revision.filter(|text| !text.trim().is_empty());
    if revision.is_some() && !visit.may(Access::Audit) {
        let message = "Your role reads the policy in force, and no earlier one. An auditor, admin or owner may.";
        return Err(invalid(message.to_owned(), "invalid_parameter"));
    }
    let name = revision.map(|text| policy::revision_named(Some(text.trim().to_owned()))).transpose()?;
    let as_written = visit.may(Access::Change);
    let found = policy::to_try(&visit.app, &visit.caller, name, as_written).await?;
    let shows_contents = visit.may(Access::Audit);
    let text = |found: TryPolicy| Text {
        number: found.revision.number,
        in_force: found.in_force,
        masked: !as_written,
        yaml: found.text.unwrap_or_else(|resources| masked_yaml(&resources, shows_contents)),
    };
    let text = found.map(text);
    let too_large = text.as_ref().is_some_and(|text| text.yaml.len() > MAX_TEXT);
    let record = match from {
        Some(id) => Some(read_record(visit, &id).await?),
        None => None,
    };
    let view = TryPage { text: text.filter(|_| !too_large), too_large, record, now_s: clock::now_us() / 1_000_000 };
    visit.page(Page::Try, |frame| view.render(frame)).await
}
