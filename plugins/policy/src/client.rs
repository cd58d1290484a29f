//! A client's own description in headers, reduced to the values that a record may hold.
//!
//! Headers are free text from outside. Only documented ones are read, only short printable values are kept, and of the
//! user agent only its class.

use crate::header_view::HeaderView;
use headgate_record::ClientContext;

/// Longest value that is kept.
const MAX_VALUE: usize = 128;
/// Headers under this prefix speak to the gateway and go no further.
pub(crate) const GATEWAY_PREFIX: &[u8] = b"x-headgate-";

/// Reads the documented headers; `tags` are the allow-listed names.
pub(crate) fn client_context(head: HeaderView<'_>, tags: &[String]) -> ClientContext {
    let mut context = ClientContext {
        user_agent: head.bytes("user-agent").map(|agent| agent_class(agent).to_owned()),
        ..ClientContext::default()
    };
    for (name, value) in head.iter() {
        let Some(field) = name.strip_prefix(GATEWAY_PREFIX) else { continue };
        let Some(value) = printable(value) else { continue };
        match field {
            b"end-user" => context.end_user = Some(value),
            b"session-id" => context.session_id = Some(value),
            b"agent-id" => context.agent_id = Some(value),
            _ => keep_tag(&mut context, field, value, tags),
        }
    }
    context
}

fn keep_tag(context: &mut ClientContext, field: &[u8], value: String, allowed: &[String]) {
    let Some(tag) = field.strip_prefix(b"tag-") else { return };
    if let Some(name) = allowed.iter().find(|name| name.as_bytes() == tag) {
        context.tags.insert(name.clone(), value);
    }
}

fn printable(value: &[u8]) -> Option<String> {
    let fits = !value.is_empty() && value.len() <= MAX_VALUE;
    let text = std::str::from_utf8(value).ok().filter(|_| fits)?;
    text.bytes().all(|byte| (0x20..0x7f).contains(&byte)).then(|| text.to_owned())
}

/// Known beginnings of user agents, in the order they are tried.
const AGENTS: &[(&str, &str)] = &[
    ("OpenAI/Python", "openai-python"),
    ("AsyncOpenAI/Python", "openai-python"),
    ("OpenAI/JS", "openai-node"),
    ("OpenAI/Go", "openai-go"),
    ("OpenAI/Java", "openai-java"),
    ("Anthropic/Python", "anthropic-python"),
    ("AsyncAnthropic/Python", "anthropic-python"),
    ("Anthropic/JS", "anthropic-node"),
    ("curl/", "curl"),
    ("Mozilla/", "browser"),
    ("python-httpx/", "python-httpx"),
    ("python-requests/", "python-requests"),
    ("Go-http-client/", "go"),
    ("node", "node"),
];

fn agent_class(agent: &[u8]) -> &'static str {
    let known = AGENTS.iter().find(|(beginning, _)| agent.starts_with(beginning.as_bytes()));
    known.map_or("other", |(_, class)| class)
}

/// A provider's request id, if it is short and printable.
pub(crate) fn provider_request_id(head: HeaderView<'_>) -> Option<String> {
    head.bytes("x-request-id").or_else(|| head.bytes("request-id")).and_then(printable)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context(fields: &[(&[u8], &[u8])]) -> ClientContext {
        client_context(HeaderView::new(fields), &["feature".to_owned()])
    }

    #[test]
    fn only_documented_headers_are_kept() {
        let context = context(&[
            (b"x-headgate-session-id", b"s-1"),
            (b"x-headgate-tag-feature", b"summary"),
            (b"x-headgate-tag-secret", b"no"),
            (b"x-other", b"no"),
        ]);
        assert_eq!(context.session_id.as_deref(), Some("s-1"));
        assert_eq!(context.tags.into_iter().collect::<Vec<_>>(), [("feature".to_owned(), "summary".to_owned())]);
    }

    #[test]
    fn unfit_values_are_left_out() {
        let long = [b'x'; 129];
        let context = context(&[
            (b"x-headgate-end-user", b"a\x1b[31m"),
            (b"x-headgate-session-id", &long),
            (b"x-headgate-agent-id", "\u{202e}".as_bytes()),
        ]);
        assert!(context.is_empty());
    }

    #[test]
    fn of_the_user_agent_only_the_class_is_kept() {
        let context = context(&[(b"user-agent", b"OpenAI/Python 2.1 (alice@example.com)")]);
        assert_eq!(context.user_agent.as_deref(), Some("openai-python"));
        assert_eq!(agent_class(b"SecretAgent/007"), "other");
    }
}
