//! A guardrail that asks somebody else: how it asks over HTTP, and how it reads the answer.
//!
//! Two shapes: OpenAI's moderations, which several vendors and open servers speak, and a plain webhook. The answer
//! is hostile like all input: a word of it enters the record only if it has the form of one.

use crate::document::{self, ExternalKind};
use crate::effect::HttpCall;
use crate::secret::Secret;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Longest kind that is kept.
const MAX_KIND: usize = 64;

/// See the module's text.
#[derive(Debug)]
pub(crate) struct External {
    check: document::ExternalCheck,
    authorization: Option<Secret>,
    /// Its credential is missing: nobody can be asked.
    pub(crate) unusable: bool,
}

/// The answer of a check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answered {
    /// Nothing is wrong.
    Clean,
    /// This is.
    Flagged(String),
    /// Nothing that could be understood, or nothing at all.
    Nothing,
}

#[derive(Serialize)]
struct Moderation<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<&'a str>,
    input: &'a [String],
}

#[derive(Serialize)]
struct Webhook<'a> {
    guardrail: &'a str,
    request_id: &'a str,
    model: &'a str,
    texts: &'a [String],
}

#[derive(Deserialize)]
struct ModerationAnswer {
    results: Vec<ModerationResult>,
}

#[derive(Deserialize)]
struct ModerationResult {
    flagged: bool,
    #[serde(default)]
    categories: BTreeMap<String, Option<bool>>,
}

#[derive(Deserialize)]
struct WebhookAnswer {
    verdict: WebhookVerdict,
    #[serde(default)]
    kind: Option<String>,
}

#[derive(Deserialize, PartialEq)]
#[serde(rename_all = "snake_case")]
enum WebhookVerdict {
    Allow,
    Block,
}

/// The content of a check.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Question<'a> {
    pub(crate) guardrail: &'a str,
    pub(crate) request_id: &'a str,
    pub(crate) model: &'a str,
    pub(crate) texts: &'a [String],
}

impl External {
    pub(crate) fn new(check: &document::ExternalCheck, mut read: impl FnMut(&str) -> Option<String>) -> Self {
        let credential = check.credential_env.as_deref().map(&mut read);
        Self {
            unusable: matches!(credential, Some(None)),
            authorization: credential.flatten().map(|credential| Secret(format!("Bearer {credential}"))),
            check: check.clone(),
        }
    }

    /// Whether this request is one of those that are checked.
    pub(crate) fn samples(&self, draw: u32) -> bool {
        u64::from(draw) * 1_000_000 < u64::from(self.check.sample_ppm) << 32
    }

    /// Whether a request passes without an answer.
    pub(crate) fn allows_unreachable(&self) -> bool {
        self.check.allow_unreachable
    }

    /// The call, under this number.
    pub(crate) fn ask(&self, number: u32, question: Question<'_>) -> HttpCall {
        let Question { guardrail, request_id, model, texts } = question;
        let body = match self.check.kind {
            ExternalKind::Moderation => {
                serde_json::to_vec(&Moderation { model: self.check.model.as_deref(), input: texts })
            }
            ExternalKind::Webhook => serde_json::to_vec(&Webhook { guardrail, request_id, model, texts }),
        };
        let mut headers = vec![
            (":method", "POST".to_owned()),
            (":path", self.check.path.clone()),
            (":authority", self.check.authority.clone()),
            ("content-type", "application/json".to_owned()),
        ];
        headers.extend(self.authorization.iter().map(|Secret(value)| ("authorization", value.clone())));
        HttpCall {
            number,
            cluster: self.check.cluster.clone(),
            headers,
            // Strings are always written.
            body: body.unwrap_or_default(),
            timeout_ms: self.check.timeout_ms,
        }
    }

    /// Reads the answer; `None` is none.
    pub(crate) fn read(&self, answer: Option<(u16, &[u8])>) -> Answered {
        let Some((_, body)) = answer.filter(|(status, _)| (200..300).contains(status)) else {
            return Answered::Nothing;
        };
        match self.check.kind {
            ExternalKind::Moderation => moderation(body),
            ExternalKind::Webhook => webhook(body),
        }
    }
}

fn moderation(body: &[u8]) -> Answered {
    let Ok(answer) = serde_json::from_slice::<ModerationAnswer>(body) else { return Answered::Nothing };
    if answer.results.is_empty() {
        return Answered::Nothing;
    }
    let Some(flagged) = answer.results.iter().find(|result| result.flagged) else { return Answered::Clean };
    let category = flagged.categories.iter().find(|(_, holds)| **holds == Some(true));
    Answered::Flagged(kind(category.map(|(name, _)| name.as_str())))
}

fn webhook(body: &[u8]) -> Answered {
    match serde_json::from_slice::<WebhookAnswer>(body) {
        Ok(answer) if answer.verdict == WebhookVerdict::Block => Answered::Flagged(kind(answer.kind.as_deref())),
        Ok(_) => Answered::Clean,
        Err(_) => Answered::Nothing,
    }
}

fn kind(word: Option<&str>) -> String {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-/".contains(&byte);
    let usable = word.filter(|word| (1..=MAX_KIND).contains(&word.len()) && word.bytes().all(plain));
    usable.unwrap_or("flagged").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moderation_names_the_first_category() {
        let flagged =
            br#"{"results":[{"flagged":false},{"flagged":true,"categories":{"hate":false,"self-harm/intent":true}}]}"#;
        assert_eq!(moderation(flagged), Answered::Flagged("self-harm/intent".into()));
        assert_eq!(moderation(br#"{"results":[{"flagged":false,"categories":{"x":null}}]}"#), Answered::Clean);
        for nothing in ["", "{}", r#"{"results":[]}"#, r#"{"results":[{"flagged":1}]}"#, "[[[["] {
            assert_eq!(moderation(nothing.as_bytes()), Answered::Nothing, "{nothing}");
        }
    }

    #[test]
    fn webhook_words_are_not_trusted() {
        assert_eq!(webhook(br#"{"verdict":"allow","more":1}"#), Answered::Clean);
        assert_eq!(webhook(br#"{"verdict":"block","kind":"toxic_text"}"#), Answered::Flagged("toxic_text".into()));
        assert_eq!(webhook(br#"{"verdict":"block","kind":"the secret is 42"}"#), Answered::Flagged("flagged".into()));
        assert_eq!(webhook(br#"{"verdict":"maybe"}"#), Answered::Nothing);
    }
}
