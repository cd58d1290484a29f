//! Values beside a telling word: `password=…`, `"api_key": "…"`, `client_secret => '…'`, "the token is …".
//!
//! Anything can be assigned to such a name, and mostly it is no secret: a variable, a call, a placeholder, a path, a
//! type. What is left must look as if a machine or a careful person had made it up.

use super::{placeholder, randomness};
use crate::kinds::Kind;
use crate::look::{Look, Token};
use crate::text::class::{BARE_VALUE, BASE64, EQUALS, ESCAPED64, SPACE, WORD};
use crate::words::topic::bit as topic;

const LONGEST: usize = 256;
/// Most bytes between the telling word and the sign after it.
const LONGEST_GAP: usize = 12;

/// A value and how it stands there.
struct Value<'t> {
    bytes: &'t [u8],
    start: usize,
    quoted: bool,
    /// What comes after it, if anything.
    after: Option<u8>,
}

/// Looks at `=` and `:`.
pub(crate) fn sign(look: &mut Look<'_, '_>, at: usize) {
    if look.text.before(at) != Some(b'g') && !look.topics.any_near(at, LONGEST_GAP + 1) {
        return;
    }
    let kinds = [
        Kind::GenericSecret,
        Kind::ConnectionString,
        Kind::AzureKey,
        Kind::AzureSasSignature,
        Kind::AwsSecretAccessKey,
        Kind::GithubToken,
        Kind::NpmToken,
    ];
    if !kinds.iter().any(|kind| look.wants(*kind))
        || signature(look, at)
        || !look.near(topic::PASSWORD | topic::KEY, at, LONGEST_GAP + 1)
    {
        return;
    }
    let next = look.text.get(at + 1);
    let doubled =
        matches!(next, Some(b'=' | b':' | b'/')) || matches!(look.text.before(at), Some(b'=' | b'!' | b'<' | b'>'));
    if doubled || !joins(look, at) {
        return;
    }
    let start = if next == Some(b'>') { at + 2 } else { at + 1 };
    judge(look, start);
}

/// Looks at the "is" of "the password is".
pub(crate) fn verb(look: &mut Look<'_, '_>, token: Token) {
    if token.len() > 3 || !look.topics.any_near(token.start, 4) {
        return;
    }
    let word = look.text.slice(token.start, token.end);
    let verb = [&b"is"[..], b"was", b"to", b"ist", b"est", b"es"].iter().any(|verb| word.eq_ignore_ascii_case(verb));
    if verb && look.near(topic::PASSWORD | topic::KEY, token.start, 3) && joins(look, token.start) {
        judge(look, token.end);
    }
}

/// Whether nothing but quotes, brackets and the like stands between the telling word and the sign at `at`.
fn joins(look: &Look<'_, '_>, at: usize) -> bool {
    let ended = look.topics.ended(topic::PASSWORD | topic::KEY);
    let Some(ended) = ended else { return false };
    let gap = look.text.slice(ended, at);
    if is_verdict(look, ended, at) {
        return false;
    }
    let typed = gap.strip_prefix(b":").map(<[u8]>::trim_ascii);
    let plain = |byte: &u8| b" \"'`])_:\\?*".contains(byte) || byte.is_ascii_digit();
    gap.iter().all(plain) || matches!(typed, Some(b"str" | b"string" | b"String" | b"&str" | b"&'static str"))
}

/// `PASS: test-17` reports a test; `DB_PASS: …` and `pass=…` do not.
fn is_verdict(look: &Look<'_, '_>, ended: usize, at: usize) -> bool {
    let name = look.text.behind(ended, 5);
    let word = name.get(name.len().saturating_sub(4)..).unwrap_or_default();
    word.eq_ignore_ascii_case(b"pass") && look.text.arrived(at) != Some(b'=') && name.first() != Some(&b'_')
}

fn judge(look: &mut Look<'_, '_>, start: usize) {
    let Some(value) = value(look, start) else { return };
    let end = value.start + value.bytes.len();
    let kind = match kind(look, &value) {
        Some(kind) => kind,
        None => return,
    };
    look.report(kind, value.start, end);
}

fn kind(look: &Look<'_, '_>, value: &Value<'_>) -> Option<Kind> {
    if value.bytes.len() < 6 || is_no_value(value) {
        return None;
    }
    if let Some(kind) = known(look, value.bytes, value.start) {
        return Some(kind);
    }
    let password = look.near(topic::PASSWORD, value.start, LONGEST_GAP + 12);
    if password && in_settings(look, value) && randomness::looks_chosen(value.bytes, true) {
        return Some(Kind::ConnectionString);
    }
    let weak = value.bytes.len() < 20 && names_itself(value.bytes);
    let random = randomness::looks_random(value.bytes, 16);
    let chosen = || password && stands_alone(value) && randomness::looks_chosen(value.bytes, value.quoted);
    (!weak && (random || chosen())).then_some(Kind::GenericSecret)
}

/// Values whose form tells more than the word beside them.
fn known(look: &Look<'_, '_>, value: &[u8], start: usize) -> Option<Kind> {
    let base64 = |body: &[u8]| body.iter().all(|&byte| crate::text::class_of(byte) & (WORD | BASE64 | EQUALS) != 0);
    let after = |prefix: &[u8]| {
        value.strip_prefix(prefix).is_some_and(|body| body.len() == 36 && body.iter().all(u8::is_ascii_alphanumeric))
    };
    let github = [&b"ghp_"[..], b"gho_", b"ghu_", b"ghs_", b"ghr_"].iter().any(|prefix| after(prefix));
    match value.len() {
        // Next to a telling word a wrong check sum is no excuse.
        40 if github => Some(Kind::GithubToken),
        40 if after(b"npm_") => Some(Kind::NpmToken),
        40 if base64(value)
            && look.near(topic::AWS, start, LONGEST_GAP + 12)
            && randomness::looks_random(value, 40) =>
        {
            Some(Kind::AwsSecretAccessKey)
        }
        88 if base64(value) && value.ends_with(b"==") => Some(Kind::AzureKey),
        44 if base64(value) && value.ends_with(b"=") && look.near(topic::AZURE, start, 4) => Some(Kind::AzureKey),
        _ => None,
    }
}

/// `Server=…;User Id=…;Password=…`
fn in_settings(look: &Look<'_, '_>, value: &Value<'_>) -> bool {
    let behind = look.text.behind(value.start, 200);
    let names: [&[u8]; 8] =
        [b"server", b"data source", b"host", b"user id", b"uid", b"initial catalog", b"database", b"dsn"];
    let is_named = |at: usize| {
        let before = behind.get(..at).unwrap_or_default();
        let ends = |name: &&&[u8]| {
            before.get(at.saturating_sub(name.len())..).is_some_and(|end| end.eq_ignore_ascii_case(name))
        };
        names.iter().any(|name| ends(&name))
    };
    behind.contains(&b';') && (0..behind.len()).any(|at| behind.get(at) == Some(&b'=') && is_named(at))
}

/// The value that begins after a sign.
fn value<'t>(look: &Look<'_, 't>, from: usize) -> Option<Value<'t>> {
    let text = look.text;
    let mut start = text.run(from, SPACE, 3);
    let escaped = text.is(start, b'\\');
    start += usize::from(escaped);
    let quote = text.get(start).filter(|byte| matches!(byte, b'"' | b'\'' | b'`'));
    start += usize::from(quote.is_some());
    let end = match quote {
        Some(quote) => {
            let ends = |byte: u8| byte == quote || byte == b'\n' || escaped && byte == b'\\';
            let inside = (start..start + LONGEST).take_while(|at| text.get(*at).is_some_and(|byte| !ends(byte)));
            start + inside.count()
        }
        None => text.run(start, BARE_VALUE, LONGEST),
    };
    let after = text.get(end);
    let whole =
        end - start < LONGEST && (quote.is_none() || after.is_some_and(|byte| Some(byte) == quote || byte == b'\\'));
    let mut bytes = text.slice(start, end);
    if let (None, [rest @ .., b'.' | b':']) = (quote, bytes) {
        bytes = rest;
    }
    whole.then_some(Value { bytes, start, quoted: quote.is_some(), after })
}

/// Variables, calls, paths, URLs, UUIDs, hashes, placeholders.
fn is_no_value(value: &Value<'_>) -> bool {
    let bytes = value.bytes;
    let has = |what: &[u8]| bytes.windows(what.len()).any(|window| window == what);
    let variable = bytes.iter().any(|byte| byte.is_ascii_whitespace())
        || matches!(bytes.first(), Some(b'$' | b'<' | b'{' | b'[' | b'(' | b'&' | b'/' | b'.' | b'%' | b'@'))
        || has(b"${")
        || has(b"{{")
        || has(b"://")
        || has(b"%(")
        || has(b"...")
        || has(b"::")
        || has(b"->");
    let call = !value.quoted && (has(b"(") || has(b"[") || has(b"{") || value.after == Some(b'('));
    variable
        || call
        || bytes.ends_with(b")") && has(b"(")
        || is_path(value)
        || is_uuid(bytes)
        || is_digest(bytes)
        || placeholder::is_one(bytes)
}

/// `config.key1`, `a/b/c.pem`
fn is_path(value: &Value<'_>) -> bool {
    let name =
        |part: &[u8]| part.first().is_some_and(|byte| byte.is_ascii_alphabetic() || *byte == b'_') && part.len() < 24;
    let of = |sign: u8| value.bytes.contains(&sign) && value.bytes.split(|&byte| byte == sign).all(name);
    let kebab = |sign: u8| value.bytes.contains(&sign) && value.bytes.split(|&byte| byte == sign).all(plain_word);
    !value.quoted && of(b'.') || of(b'/') || kebab(b'-') || kebab(b'_')
}

/// Letters alone, or digits alone.
fn plain_word(part: &[u8]) -> bool {
    part.iter().all(u8::is_ascii_alphabetic) || part.len() <= 4 && part.iter().all(u8::is_ascii_digit)
}

fn is_uuid(bytes: &[u8]) -> bool {
    let groups: Vec<usize> = bytes.split(|&byte| byte == b'-').map(<[u8]>::len).collect();
    groups == [8, 4, 4, 4, 12] && bytes.iter().all(|byte| byte.is_ascii_hexdigit() || *byte == b'-')
}

/// Digests say how they were made.
fn is_digest(bytes: &[u8]) -> bool {
    let prefixes: [&[u8]; 11] =
        [b"sha1", b"sha256", b"sha384", b"sha512", b"md5", b"$2a$", b"$2b$", b"$2y$", b"$argon2", b"$6$", b"h1:"];
    prefixes.iter().any(|prefix| bytes.starts_with(prefix))
}

/// A value made of the words that one uses when one needs some value.
fn names_itself(bytes: &[u8]) -> bool {
    let folded = bytes.to_ascii_lowercase();
    let words: [&[u8]; 14] = [
        b"pass", b"secret", b"token", b"test", b"user", b"admin", b"demo", b"default", b"none", b"null", b"true",
        b"false", b"value", b"string",
    ];
    words.iter().any(|word| folded.windows(word.len()).any(|window| window == *word))
}

/// Without quotes a value that somebody chose stands at the end of a line or of a sentence; a name goes on.
fn stands_alone(value: &Value<'_>) -> bool {
    value.quoted
        || value.after.is_none_or(|byte| byte.is_ascii_whitespace() || byte == b'&' || byte == b'"' || byte == b'\'')
}

/// `sig=` of a shared access URL of Azure; whether this was one.
fn signature(look: &mut Look<'_, '_>, at: usize) -> bool {
    let text = look.text;
    if !text.behind(at, 4).ends_with(b"sig") || !text.is(at, b'=') {
        return false;
    }
    let start = at + 1;
    let end = text.run(start, ESCAPED64, 80);
    let value = text.slice(start, end);
    let padded = value.ends_with(b"=")
        || value.len() > 3 && value.get(value.len() - 3..).is_some_and(|tail| tail.eq_ignore_ascii_case(b"%3d"));
    let shared = || text.behind(at, 256).windows(3).any(|name| matches!(name, b"sv=" | b"se=" | b"sr="));
    if padded && (43..=75).contains(&value.len()) && shared() {
        look.report(Kind::AzureSasSignature, start, end);
    }
    true
}
