//! The headers of a try: those sent to this provider, and those that a provider may not send in the gateway's name.

use crate::call::Call;
use crate::client::GATEWAY_PREFIX;
use crate::credentials::Echo;
use crate::effect::{Effect, Effects};
use crate::header_view::HeaderView;
use crate::policy::LoadedProvider;
use crate::trace::{SpanId, TRACEPARENT};
use headgate_exchange::{Dialect, Splices, Surface};
use std::borrow::Cow;

/// Headers of a try. The proxy keeps one header map for all tries, so each try sets all headers that an earlier one may set.
pub(super) fn prepare(call: &Call, target: &LoadedProvider, splices: &Splices, again: bool, out: &mut Effects) {
    credential(target, again, out);
    out.push(Effect::SetRequestHeader(":authority", Cow::Owned(target.authority.clone())));
    if again || call.query_cleaned || target.path_prefix != call.surface.map_or("", Surface::own_prefix) {
        let suffix = call.surface.map_or("", Surface::provider_suffix);
        let path = format!("{}{suffix}{}", target.path_prefix, call.query);
        out.push(Effect::SetRequestHeader(":path", Cow::Owned(path)));
    }
    if again || !splices.is_empty() {
        let length = splices.len_after(call.body.len()).to_string();
        out.push(Effect::SetRequestHeader("content-length", Cow::Owned(length)));
    }
    if call.accepts_encoding && !again {
        out.push(Effect::RemoveRequestHeader(Cow::Borrowed("accept-encoding")));
    }
}

/// Names the span of this try to its provider, if the caller named its own. Returns that span.
pub(super) fn pass_trace(call: &Call, index: usize, out: &mut Effects) -> Option<SpanId> {
    let span = SpanId::of_try(call.id, index);
    let text = call.trace.as_ref()?.below(span)?;
    out.push(Effect::SetRequestHeader(TRACEPARENT, Cow::Owned(text)));
    Some(span)
}

/// This provider's credential, and nobody else's: an earlier try may have set one, in the same header or the other.
fn credential(target: &LoadedProvider, again: bool, out: &mut Effects) {
    let (own, other) = match target.dialect {
        Dialect::Openai => ("authorization", "x-api-key"),
        Dialect::Anthropic => ("x-api-key", "authorization"),
    };
    match &target.credential {
        Some(secret) => out.push(Effect::SetRequestHeader(own, Cow::Owned(secret.0.clone()))),
        None if again => out.push(Effect::RemoveRequestHeader(Cow::Borrowed(own))),
        None => {}
    }
    if again {
        out.push(Effect::RemoveRequestHeader(Cow::Borrowed(other)));
    }
}

/// Removes headers that a provider sends in the gateway's name: they could ask for other tries, blame the gateway for a refusal, or
/// tell browsers how to reach the gateway. Also removes headers that repeat the operator's credential.
pub(crate) fn silence(head: HeaderView<'_>, echo: Option<&Echo>, out: &mut Effects) {
    for (name, value) in head.iter() {
        if !is_for_gateway(name) && !echo.is_some_and(|echo| echo.is_in(value)) {
            continue;
        }
        if let Ok(name) = std::str::from_utf8(name) {
            out.push(Effect::RemoveResponseHeader(Cow::Owned(name.to_owned())));
        }
    }
}

/// Whether a response header is about the host that the client speaks to: that is the gateway, of which no provider knows.
fn is_for_gateway(name: &[u8]) -> bool {
    const NAMES: [&[u8]; 8] = [
        b"alt-svc",
        b"strict-transport-security",
        b"set-cookie",
        b"set-cookie2",
        b"clear-site-data",
        b"nel",
        b"report-to",
        b"reporting-endpoints",
    ];
    name.starts_with(GATEWAY_PREFIX) || name.starts_with(b"access-control-") || NAMES.contains(&name)
}

pub(super) fn remove_headers(head: HeaderView<'_>, which: impl Fn(&[u8]) -> bool, out: &mut Effects) {
    for (name, _) in head.iter().filter(|(name, _)| which(name)) {
        if let Ok(name) = std::str::from_utf8(name) {
            out.push(Effect::RemoveResponseHeader(Cow::Owned(name.to_owned())));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    fn provider(dialect: Dialect, credential: Option<&str>) -> LoadedProvider {
        LoadedProvider {
            name: "p".into(),
            authority: String::new(),
            path_prefix: String::new(),
            dialect,
            fresh: "p#fresh".into(),
            credential: credential.map(|credential| Secret(credential.to_owned())),
            model_prices: std::collections::BTreeMap::new(),
            price_globs: Vec::new(),
            stream_usage: true,
            origin: None,
            echo: Echo::default(),
        }
    }

    /// The credentials that a try sends, after one that left these two behind.
    fn sent(target: &LoadedProvider, again: bool) -> (Option<String>, Option<String>) {
        let (mut authorization, mut x_api_key) = match again {
            true => (Some("Bearer of another".to_owned()), Some("another's".to_owned())),
            false => (None, None),
        };
        let mut out = Effects::new();
        credential(target, again, &mut out);
        for effect in out {
            let (name, value) = match effect {
                Effect::SetRequestHeader(name, value) => (name.to_owned(), Some(value.into_owned())),
                Effect::RemoveRequestHeader(name) => (name.into_owned(), None),
                other => panic!("{other:?} is about no credential"),
            };
            if name == "authorization" { authorization = value } else { x_api_key = value }
        }
        (authorization, x_api_key)
    }

    #[test]
    fn try_has_only_its_own_credential() {
        for again in [false, true] {
            let own = Some("own".to_owned());
            assert_eq!(sent(&provider(Dialect::Openai, Some("own")), again), (own.clone(), None));
            assert_eq!(sent(&provider(Dialect::Anthropic, Some("own")), again), (None, own));
            assert_eq!(sent(&provider(Dialect::Openai, None), again), (None, None));
            assert_eq!(sent(&provider(Dialect::Anthropic, None), again), (None, None));
        }
    }
}
