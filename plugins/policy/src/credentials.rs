//! Credentials on the wrong way: a client's, which must not reach a provider, and a provider's, which must not reach a client.
//!
//! A client may have a credential of anybody in any header or in the query: of the provider, of another gateway, of a
//! proxy before it. A list of names would miss the next vendor's, so names are also known by how they end.

use memchr::memchr_iter;
use memchr::memmem::Finder;
use std::sync::Arc;

/// Headers that carry a credential, or name the payer for it, without an ending that tells so.
const HEADERS: [&str; 17] = [
    "authentication",
    "cookie",
    "cookie2",
    "openai-organization",
    "openai-project",
    "anthropic-workspace-id",
    "x-goog-user-project",
    "x-goog-iam-authority-selector",
    "x-amz-credential",
    "x-amz-signature",
    "cf-access-client-id",
    "x-portkey-virtual-key",
    "x-portkey-config",
    "x-functions-key",
    "x-goog-key",
    "x-token",
    "token",
];

/// Ends of the names of headers that carry a credential.
const ENDS: [&[u8]; 15] = [
    b"authorization",
    b"api-key",
    b"apikey",
    b"api_key",
    b"-auth",
    b"-token",
    b"-secret",
    b"-password",
    b"-credential",
    b"-credentials",
    b"access-key",
    b"access-key-id",
    b"subscription-key",
    b"-assertion",
    b"-jwt",
];

/// For each byte the bits of those of [`ENDS`] that end with it.
const LAST: [u16; 256] = last_bytes();

#[allow(clippy::indexing_slicing, reason = "evaluated when this is compiled")]
const fn last_bytes() -> [u16; 256] {
    let (mut found, mut index) = ([0; 256], 0);
    while index < ENDS.len() {
        if let Some(last) = ENDS[index].last() {
            found[*last as usize] |= 1 << index;
        }
        index += 1;
    }
    found
}

/// The bit of each length of a name in [`HEADERS`].
const LENGTHS: u64 = lengths();

#[allow(clippy::indexing_slicing, reason = "evaluated when this is compiled")]
const fn lengths() -> u64 {
    let (mut found, mut index) = (0, 0);
    while index < HEADERS.len() {
        found |= 1 << HEADERS[index].len();
        index += 1;
    }
    found
}

/// Parameters of a query that carry a credential; compared without case, `-` and `_`.
const PARAMETERS: [&str; 23] = [
    "key",
    "apikey",
    "xapikey",
    "xgoogapikey",
    "apitoken",
    "accesstoken",
    "authtoken",
    "token",
    "idtoken",
    "oauthtoken",
    "bearer",
    "authorization",
    "auth",
    "subscriptionkey",
    "ocpapimsubscriptionkey",
    "code",
    "sig",
    "signature",
    "secret",
    "clientsecret",
    "password",
    "xamzcredential",
    "xamzsignature",
];

/// Returns whether a request header of this lower-case name may carry a credential.
#[must_use]
pub fn is_credential_header(name: &[u8]) -> bool {
    // Most headers end like none of these, and are as long as none of those.
    let mut ends = name.last().and_then(|last| LAST.get(usize::from(*last))).copied().unwrap_or(0);
    while ends != 0 {
        if ENDS.get(ends.trailing_zeros() as usize).is_some_and(|end| name.ends_with(end)) {
            return true;
        }
        ends &= ends - 1;
    }
    let may_be = name.len() < 64 && LENGTHS & 1 << name.len() != 0;
    may_be && HEADERS.iter().any(|header| header.as_bytes() == name)
}

/// The query of a path, `?` included, without the parameters that carry a credential; the others stay as they are.
pub(crate) fn clean_query(query: &str) -> String {
    let mut kept = String::with_capacity(query.len());
    for part in query.trim_start_matches('?').split_inclusive(['&', ';']) {
        let pair = part.trim_end_matches(['&', ';']);
        let name = pair.split_once('=').map_or(pair, |(name, _)| name);
        if !is_credential_parameter(name) {
            kept.push_str(part);
        }
    }
    if kept.len() < query.len().saturating_sub(1) {
        // The separator before a part that was taken away.
        kept.truncate(kept.trim_end_matches(['&', ';']).len());
    }
    if kept.is_empty() { String::new() } else { format!("?{kept}") }
}

fn is_credential_parameter(name: &str) -> bool {
    const LONGEST: usize = 24;
    // Each character may be written as `%` and two digits.
    if name.len() > 3 * 2 * LONGEST {
        return false;
    }
    let mut bytes = name.bytes();
    let mut plain = String::new();
    while let Some(byte) = bytes.next() {
        let byte = match byte {
            b'%' => match (bytes.next().and_then(hex), bytes.next().and_then(hex)) {
                (Some(high), Some(low)) => high << 4 | low,
                _ => return false,
            },
            byte => byte,
        };
        if !matches!(byte, b'-' | b'_' | b'+' | b' ' | b'.') {
            plain.push(char::from(byte.to_ascii_lowercase()));
        }
    }
    PARAMETERS.contains(&plain.as_str())
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

/// Shortest credential that is looked for in an answer: a shorter one would stand in any text.
const SHORTEST: usize = 8;
/// Longest one.
const LONGEST: usize = 4096;

/// A provider's credential as it may stand in its own answer.
#[derive(Clone, Default)]
pub(crate) struct Echo {
    /// As it is sent, and as some JSON writers put it.
    spellings: Arc<[Finder<'static>]>,
}

// It is the credential.
impl std::fmt::Debug for Echo {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Echo")
    }
}

impl Echo {
    /// Of a credential as an environment variable has it.
    pub(crate) fn of(credential: &str) -> Self {
        let credential = credential.trim();
        if !(SHORTEST..=LONGEST).contains(&credential.len()) {
            return Self::default();
        }
        let mut spellings = vec![credential.as_bytes().to_vec()];
        if credential.contains('/') {
            spellings.push(credential.replace('/', "\\/").into_bytes());
        }
        Self { spellings: spellings.iter().map(|spelling| Finder::new(spelling).into_owned()).collect() }
    }

    /// Whether it stands in the value of a header. Most values are shorter than a credential.
    pub(crate) fn is_in(&self, value: &[u8]) -> bool {
        self.spellings.iter().any(|spelling| value.len() >= spelling.needle().len() && spelling.find(value).is_some())
    }

    /// Masks a body that comes in chunks; none if there is nothing to look for.
    pub(crate) fn masking(&self) -> Option<Masking> {
        (!self.spellings.is_empty()).then(|| Masking { echo: self.clone(), held: Vec::new() })
    }
}

/// Replaces a credential by stars. The length of the body does not change, so `content-length` stays true.
#[derive(Debug)]
pub(crate) struct Masking {
    echo: Echo,
    /// Bytes that could begin the credential. They are fewer than it has.
    held: Vec<u8>,
}

impl Masking {
    /// Returns the bytes that may pass after this chunk; none if they are the chunk itself.
    pub(crate) fn push(&mut self, chunk: &[u8], last: bool) -> Option<Vec<u8>> {
        if self.held.is_empty() && !self.echo.is_in(chunk) && (last || self.unfinished(chunk) == 0) {
            return None;
        }
        let was_held = !self.held.is_empty();
        let mut bytes = std::mem::take(&mut self.held);
        bytes.extend_from_slice(chunk);
        let mut masked = false;
        for spelling in self.echo.spellings.iter() {
            let mut from = 0;
            while let Some(at) = bytes.get(from..).and_then(|rest| spelling.find(rest)) {
                let start = from.saturating_add(at);
                let end = start.saturating_add(spelling.needle().len());
                bytes.get_mut(start..end)?.fill(b'*');
                (from, masked) = (end, true);
            }
        }
        let keep = if last { 0 } else { self.unfinished(&bytes) };
        self.held = bytes.split_off(bytes.len().saturating_sub(keep));
        (was_held || masked || keep > 0).then_some(bytes)
    }

    /// Bytes at the end that could be the beginning of the credential.
    fn unfinished(&self, bytes: &[u8]) -> usize {
        let longest = |spelling: &Finder<'static>| {
            let spelling = spelling.needle();
            let tail = bytes.get(bytes.len().saturating_sub(spelling.len().saturating_sub(1))..).unwrap_or_default();
            let begins = spelling.first().into_iter().flat_map(|first| memchr_iter(*first, tail));
            let mut tails = begins.filter_map(|start| tail.get(start..));
            tails.find(|tail| spelling.starts_with(tail)).map_or(0, <[u8]>::len)
        };
        self.echo.spellings.iter().map(longest).max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credential_headers_are_known() {
        for name in [
            "authorization",
            "proxy-authorization",
            "cf-aig-authorization",
            "x-serverless-authorization",
            "x-api-key",
            "api-key",
            "x-goog-api-key",
            "x-portkey-api-key",
            "x-litellm-api-key",
            "apikey",
            "helicone-auth",
            "ocp-apim-subscription-key",
            "x-amz-security-token",
            "x-auth-token",
            "cf-access-client-secret",
            "cf-access-jwt-assertion",
            "x-goog-user-project",
            "cookie",
        ] {
            assert!(is_credential_header(name.as_bytes()), "{name}");
        }
        for name in
            ["content-type", "anthropic-version", "anthropic-beta", "idempotency-key", "x-stainless-lang", "max-tokens"]
        {
            assert!(!is_credential_header(name.as_bytes()), "{name}");
        }
    }

    #[test]
    fn query_loses_only_credentials() {
        for (query, clean) in [
            ("", ""),
            ("?beta=true", "?beta=true"),
            ("?key=AIza", ""),
            ("?beta=true&key=AIza", "?beta=true"),
            ("?key=AIza&beta=true", "?beta=true"),
            ("?a=1&key=x&b=2", "?a=1&b=2"),
            ("?API-Key=x&api_key=y&a", "?a"),
            ("?%6bey=x&a=1", "?a=1"),
            ("?a=1;key=x", "?a=1"),
            ("?subscription-key=x&access_token=y&X-Amz-Signature=z", ""),
            ("?a=key&monkey=1&keys=2", "?a=key&monkey=1&keys=2"),
            ("?%k=1&a=%zz", "?%k=1&a=%zz"),
            ("?a=1&", "?a=1&"),
        ] {
            assert_eq!(clean_query(query), clean, "{query}");
        }
    }

    fn masked(credential: &str, chunks: &[&[u8]]) -> (String, usize) {
        let mut masking = Echo::of(credential).masking().unwrap();
        let (mut out, mut held) = (Vec::new(), 0);
        for (at, chunk) in chunks.iter().enumerate() {
            let passed = masking.push(chunk, at + 1 == chunks.len());
            out.extend_from_slice(passed.as_deref().unwrap_or(chunk));
            held = held.max(masking.held.len());
        }
        (String::from_utf8(out).unwrap(), held)
    }

    #[test]
    fn echo_is_masked_across_chunks() {
        let text = "wrong key sk-secret-1 and sk-secret-1, not sk-secret-2 sk-s";
        let clean = "wrong key *********** and ***********, not sk-secret-2 sk-s";
        for first in 0..=text.len() {
            for second in first..=text.len() {
                let bytes = text.as_bytes();
                let (said, held) = masked("sk-secret-1", &[&bytes[..first], &bytes[first..second], &bytes[second..]]);
                assert_eq!(said, clean, "cut at {first} and {second}");
                assert!(held < "sk-secret-1".len());
            }
        }
    }

    #[test]
    fn an_echo_that_json_escapes_is_masked_too() {
        assert_eq!(
            masked("abc/def/ghi", &[br#"{"e":"abc\/def\/ghi abc/def/ghi"}"#]).0,
            r#"{"e":"************* ***********"}"#
        );
    }

    #[test]
    fn short_credential_is_not_searched() {
        assert!(Echo::of("short").masking().is_none() && !Echo::of("short").is_in(b"short"));
        assert!(Echo::of(" a-longer-one\n").is_in(b"Bearer a-longer-one"));
        assert_eq!(format!("{:?}", Echo::of("sk-secret-1")), "Echo");
    }
}
