//! `GET /playground`: a chat that the browser has with the gateway itself.

use super::visit::Visit;
use crate::error::ApiError;
use crate::policy;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use headgate_collector_pages::frame::Page;
use headgate_collector_pages::playground::PlaygroundPage;
use sha2::{Digest, Sha256};

/// Handles `GET /playground`.
pub(super) async fn show(visit: Visit) -> Response {
    let gateway = match visit.app.gateway_url.clone() {
        Some(url) => Ok(Some(url)),
        None => policy::gateway_base(&visit.app).await.map(|base| base.filter(|base| is_an_address(base))),
    };
    let allows = gateway.as_ref().ok().and_then(Option::as_deref).and_then(security_policy);
    let result = match gateway {
        Ok(gateway) => page(&visit, gateway).await,
        Err(error) => Err(error),
    };
    let mut response = visit.shown(Page::Playground, result).await;
    if let Some(allows) = allows {
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, allows);
    }
    response
}

async fn page(visit: &Visit, gateway: Option<String>) -> Result<Response, ApiError> {
    visit.state(|query| match query.is_empty() {
        true => Ok(()),
        false => Err("The address of this page has no parameter.".to_owned()),
    })?;
    let view = PlaygroundPage { gateway, end_user: end_user(&visit.person.name) };
    visit.page(Page::Playground, |frame| view.render(frame)).await
}

/// Returns the stand-in for a person in records. The name itself would go to every provider that logs headers.
fn end_user(name: &str) -> String {
    let digest = Sha256::digest(format!("playground {name}"));
    digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// Whether browsers can reach an address that the policy listens on.
fn is_an_address(base: &str) -> bool {
    let address = base.split_once("://").map_or(base, |(_, address)| address);
    !address.starts_with("0.0.0.0:") && !address.starts_with("[::]:") && !address.starts_with(':')
}

/// Returns the policy of a page that may also connect to this address; none if it is no origin.
fn security_policy(gateway: &str) -> Option<HeaderValue> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:/[]".contains(&byte);
    let policy = format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self' {gateway}; \
        form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    );
    gateway.bytes().all(is_plain).then(|| HeaderValue::try_from(policy).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::{is_an_address, security_policy};

    #[test]
    fn only_an_origin_enters_the_policy() {
        assert!(security_policy("https://ai.example.com").is_some());
        assert!(security_policy("https://a.example; script-src *").is_none());
        assert!(is_an_address("http://127.0.0.1:8080") && !is_an_address("http://0.0.0.0:8080"));
    }
}
