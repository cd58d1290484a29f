//! ID tokens: the signature, and the claims that tie them to this client and this sign-in (OpenID Connect Core 1.0, 3.1.3.7).

use crate::client::Members;
use crate::fault::Fault;
use crate::jwk::KeySet;
use crate::signature::Algorithm;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

/// The difference of two clocks that is tolerated, seconds.
const SKEW_S: i64 = 60;
/// Longest subject, bytes (OpenID Connect Core 1.0, 2).
const MAX_SUBJECT_BYTES: usize = 255;

/// An ID token that is taken apart, and not yet believed.
pub(crate) struct IdToken<'t> {
    pub(crate) algorithm: Algorithm,
    /// The id of the key.
    pub(crate) key: Option<String>,
    signed: &'t str,
    signature: Vec<u8>,
    claims: Members,
}

/// The claims that a token must have.
pub(crate) struct Expected<'e> {
    pub(crate) issuer: &'e str,
    pub(crate) client: &'e str,
    pub(crate) nonce: &'e str,
    pub(crate) now_s: i64,
}

impl<'t> IdToken<'t> {
    /// Takes a token apart.
    pub(crate) fn read(text: &'t str) -> Result<Self, Fault> {
        let (signed, signature) = text.rsplit_once('.').ok_or(Fault::Token)?;
        let (head, claims) = signed.split_once('.').ok_or(Fault::Token)?;
        let head = members(head)?;
        let word = head.get("alg").and_then(Value::as_str).unwrap_or_default();
        let algorithm = Algorithm::from_word(word).ok_or(Fault::TokenAlgorithm)?;
        // An extension that must be understood and is not.
        if head.contains_key("crit") {
            return Err(Fault::Token);
        }
        Ok(Self {
            algorithm,
            key: head.get("kid").and_then(Value::as_str).map(str::to_owned),
            signed,
            signature: URL_SAFE_NO_PAD.decode(signature).map_err(|_| Fault::Token)?,
            claims: members(claims)?,
        })
    }

    /// Returns whether none of the keys can have signed it.
    pub(crate) fn has_unknown_key(&self, keys: &KeySet) -> bool {
        keys.candidates(self.key.as_deref(), self.algorithm).next().is_none()
    }

    /// Returns the claims if the token is signed with one of the keys and as expected.
    pub(crate) fn verified(self, keys: &KeySet, expected: &Expected<'_>) -> Result<Members, Fault> {
        let mut candidates = keys.candidates(self.key.as_deref(), self.algorithm).peekable();
        candidates.peek().ok_or(Fault::TokenKey)?;
        if !candidates.any(|key| key.verifies(self.algorithm, self.signed.as_bytes(), &self.signature)) {
            return Err(Fault::TokenSignature);
        }
        check(&self.claims, expected)?;
        Ok(self.claims)
    }
}

fn members(part: &str) -> Result<Members, Fault> {
    let bytes = URL_SAFE_NO_PAD.decode(part).map_err(|_| Fault::Token)?;
    serde_json::from_slice(&bytes).map_err(|_| Fault::Token)
}

fn check(claims: &Members, expected: &Expected<'_>) -> Result<(), Fault> {
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    if text("iss") != Some(expected.issuer) {
        return Err(Fault::TokenIssuer);
    }
    check_audience(claims, expected.client)?;
    let [expires, issued, begins] = ["exp", "iat", "nbf"].map(|name| seconds(claims, name));
    if expires.ok_or(Fault::Token)?.saturating_add(SKEW_S) <= expected.now_s {
        return Err(Fault::TokenExpired);
    }
    let latest = expected.now_s.saturating_add(SKEW_S);
    if issued.ok_or(Fault::Token)? > latest || begins.is_some_and(|begins| begins > latest) {
        return Err(Fault::TokenFuture);
    }
    if text("nonce") != Some(expected.nonce) {
        return Err(Fault::TokenNonce);
    }
    let is_subject = |text: &str| {
        (1..=MAX_SUBJECT_BYTES).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ')
    };
    if text("sub").is_some_and(is_subject) { Ok(()) } else { Err(Fault::TokenSubject) }
}

/// Checks that the token is for this client. With further audiences, or if the party that asked for it is named, that must be
/// this client too.
fn check_audience(claims: &Members, client: &str) -> Result<(), Fault> {
    let (is_for_us, others) = match claims.get("aud") {
        Some(Value::String(one)) => (one == client, false),
        Some(Value::Array(all)) => (all.iter().any(|one| one == client), all.len() > 1),
        _ => (false, false),
    };
    let by_us = match claims.get("azp") {
        None => !others,
        Some(party) => party == client,
    };
    if is_for_us && by_us { Ok(()) } else { Err(Fault::TokenAudience) }
}

/// Returns a time in whole seconds. A number beyond all times is the last one.
#[allow(clippy::cast_possible_truncation, reason = "a cast from a float saturates")]
fn seconds(claims: &Members, name: &str) -> Option<i64> {
    let value = claims.get(name)?;
    value.as_i64().or_else(|| value.as_f64().map(|number| number as i64))
}
