//! The tries of a request that the filter makes itself: their headers, and the way on.

use headgate_policy::document::provider_of_route;
use headgate_policy::{Attempt, Effect, HeaderView, RETRY_HEADER};

/// Headers between two neighbours only, and those that the host sets by itself.
const HOP: [&str; 14] = [
    "connection",
    "content-length",
    "date",
    "expect",
    "host",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "server",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

type Fields = Vec<(String, String)>;

/// The tries of a request.
#[derive(Debug, Default)]
pub(crate) struct Direct {
    /// The headers of the request, as the next try sends them.
    pub(super) request: Fields,
    /// Those of the answer, as the client gets them.
    pub(super) response: Fields,
    /// The provider of the next try; empty for none.
    pub(super) route: String,
    pub(super) retries: u32,
    pub(super) attempt: Option<Attempt>,
    pub(super) token: Option<u32>,
    /// Whether the last try had no time left.
    pub(super) late: bool,
    pub(crate) body: Option<Vec<u8>>,
}

impl Direct {
    /// An answer with this status.
    pub(crate) fn of_status(status: String) -> Self {
        Self { response: vec![(":status".to_owned(), status)], ..Self::default() }
    }

    pub(super) fn awaits(&self, token: u32) -> bool {
        self.token == Some(token)
    }

    /// Returns the status of the answer, and the headers that go with it.
    pub(crate) fn head(&self) -> (Option<u16>, Vec<(&str, &str)>) {
        let status = self.response.iter().find(|(name, _)| name == ":status").and_then(|(_, text)| text.parse().ok());
        let kept = self.response.iter().filter(|(name, _)| !name.starts_with(':') && name != RETRY_HEADER);
        let kept = kept.filter(|(name, _)| name != "content-length");
        (status, kept.map(|(name, value)| (name.as_str(), value.as_str())).collect())
    }

    /// Takes an effect on headers or the route; returns others.
    pub(crate) fn take(&mut self, effect: Effect) -> Option<Effect> {
        match effect {
            Effect::Route(provider) => self.route = provider_of_route(&provider).to_owned(),
            Effect::SetRequestHeader(name, value) => set(&mut self.request, name, &value),
            Effect::RemoveRequestHeader(name) => self.request.retain(|(one, _)| *one != name),
            Effect::AddResponseHeader(name, value) | Effect::SetResponseHeader(name, value) => {
                set(&mut self.response, name, &value)
            }
            Effect::RemoveResponseHeader(name) => self.response.retain(|(one, _)| *one != name),
            Effect::ReplaceChunk(bytes) => self.body = Some(bytes),
            other => return Some(other),
        }
        None
    }
}

fn set(fields: &mut Fields, name: &str, value: &str) {
    fields.retain(|(one, _)| one != name);
    fields.push((name.to_owned(), value.to_owned()));
}

/// Copies the fields that go on, with text as value.
pub(super) fn copied(head: HeaderView<'_>) -> Fields {
    let text = |bytes: &[u8]| std::str::from_utf8(bytes).ok().map(str::to_owned);
    let fields = head.iter().filter_map(|(name, value)| Some((text(name)?, text(value)?)));
    fields.filter(|(name, _)| !HOP.contains(&name.as_str())).collect()
}
