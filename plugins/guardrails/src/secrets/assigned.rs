//! Values beside a telling word: `password=…`, `"api_key": "…"`, `client_secret => '…'`, "the token is …".
//!
//! Anything can be assigned to such a name, and mostly it is no secret: a variable, a call, a placeholder, a path, a
//! type. A finding must look random, or like a chosen password.

use super::entropy::{Composition, signs};
use super::placeholder;
use crate::context::{ScanContext, Token};
use crate::kinds::Kind;
use crate::text::class::{BARE_VALUE, BASE64, EQUALS, ESCAPED64, SPACE, WORD};
use crate::text::{Nested, Text};
use crate::words::topic::bit as topic;

const LONGEST: usize = 256;
/// Most bytes between the telling word and the sign after it.
const LONGEST_GAP: usize = 12;
/// Distance before a value within which other settings are looked for, bytes.
const SETTINGS: usize = 200;

/// A value and how it stands there.
struct Value<'t> {
    bytes: &'t [u8],
    start: usize,
    quoted: bool,
    /// The byte after it, if any.
    after: Option<u8>,
}

/// Examines `=` and `:`.
pub(crate) fn sign(context: &mut ScanContext<'_, '_>, at: usize) {
    if context.text.before(at) != Some(b'g') && !context.topics.any_near(at, LONGEST_GAP + 1) {
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
    if !kinds.iter().any(|kind| context.wants(*kind))
        || signature(context, at)
        || !context.near(topic::PASSWORD | topic::KEY, at, LONGEST_GAP + 1)
    {
        return;
    }
    let next = context.text.get(at + 1);
    let doubled =
        matches!(next, Some(b'=' | b':' | b'/')) || matches!(context.text.before(at), Some(b'=' | b'!' | b'<' | b'>'));
    if doubled || !joins(context, at) {
        return;
    }
    let start = if next == Some(b'>') { at + 2 } else { at + 1 };
    judge(context, start);
}

/// Examines the "is" of "the password is".
pub(crate) fn verb(context: &mut ScanContext<'_, '_>, token: Token) {
    if token.len() > 3 || !context.topics.any_near(token.start, 4) {
        return;
    }
    let word = context.text.slice(token.start, token.end);
    let verb = [&b"is"[..], b"was", b"to", b"ist", b"est", b"es"].iter().any(|verb| word.eq_ignore_ascii_case(verb));
    if verb && context.near(topic::PASSWORD | topic::KEY, token.start, 3) && joins(context, token.start) {
        judge(context, token.end);
    }
}

/// Returns whether nothing but quotes, brackets and the like stands between the telling word and the sign at `at`.
fn joins(context: &ScanContext<'_, '_>, at: usize) -> bool {
    let ended = context.topics.ended(topic::PASSWORD | topic::KEY);
    let Some(ended) = ended else { return false };
    let gap = context.text.slice(ended, at);
    if is_verdict(context, ended, at) {
        return false;
    }
    let typed = gap.strip_prefix(b":").map(<[u8]>::trim_ascii);
    let plain = |byte: &u8| b" \"'`])_:\\?*".contains(byte) || byte.is_ascii_digit();
    gap.iter().all(plain) || matches!(typed, Some(b"str" | b"string" | b"String" | b"&str" | b"&'static str"))
}

/// `PASS: test-17` reports a test; `DB_PASS: …` and `pass=…` do not.
fn is_verdict(context: &ScanContext<'_, '_>, ended: usize, at: usize) -> bool {
    let name = context.text.behind(ended, 5);
    let word = name.get(name.len().saturating_sub(4)..).unwrap_or_default();
    word.eq_ignore_ascii_case(b"pass") && context.text.arrived(at) != Some(b'=') && name.first() != Some(&b'_')
}

fn judge(context: &mut ScanContext<'_, '_>, start: usize) {
    let Some(value) = value(context, start) else { return };
    // More may follow.
    if context.text.is_short() || value.bytes.len() < 6 || is_deep(context.text, &value) {
        return;
    }
    let end = value.start + value.bytes.len();
    if let Some(kind) = kind(context, &value) {
        context.report(kind, value.start, end);
    }
}

/// Returns whether the value is a long one within several others: `key=key=key=…`. Of these only the first are judged, so
/// that a value is not read again for each of its bytes.
fn is_deep(text: &Text<'_>, value: &Value<'_>) -> bool {
    const MOST: usize = 2;
    const LONG: usize = 32;
    let memory = &text.memories().nested;
    let (start, end) = (value.start, value.start + value.bytes.len());
    let known = Some(memory.get()).filter(|known| known.end == end);
    // The same value is judged twice where the text after it had not arrived.
    let count = known.map_or(1, |known| known.count + usize::from(known.start != start));
    memory.set(Nested { start, end, count });
    count > MOST && end - start > LONG
}

fn kind(context: &ScanContext<'_, '_>, value: &Value<'_>) -> Option<Kind> {
    let counted = Composition::of(value.bytes);
    let random = counted.looks_random(16);
    let password = counted.looks_chosen(true) && context.near(topic::PASSWORD, value.start, LONGEST_GAP + 12);
    // Most values are nothing by their bytes alone, so what they stand for need not be asked.
    if !(random || password || has_known_length(value.bytes)) || is_no_value(context.text, value, &counted) {
        return None;
    }
    if let Some(kind) = known(context, value, &counted) {
        return Some(kind);
    }
    if password && in_settings(context.text, value.start) {
        return Some(Kind::ConnectionString);
    }
    let weak = || value.bytes.len() < 20 && names_itself(value.bytes);
    let chosen = || password && stands_alone(value) && (value.quoted || counted.looks_chosen(false));
    ((random || chosen()) && !weak()).then_some(Kind::GenericSecret)
}

/// Returns whether the value has the length of one that [`known`] knows.
fn has_known_length(value: &[u8]) -> bool {
    matches!(value.len(), 40 | 44 | 88)
}

/// Values with a form that tells more than the word beside them.
fn known(context: &ScanContext<'_, '_>, value: &Value<'_>, counted: &Composition<'_>) -> Option<Kind> {
    let (value, start) = (value.bytes, value.start);
    let base64 = |body: &[u8]| body.iter().all(|&byte| crate::text::class_of(byte) & (WORD | BASE64 | EQUALS) != 0);
    let after = |prefix: &[u8]| {
        value.strip_prefix(prefix).is_some_and(|body| body.len() == 36 && body.iter().all(u8::is_ascii_alphanumeric))
    };
    let github = || [&b"ghp_"[..], b"gho_", b"ghu_", b"ghs_", b"ghr_"].iter().any(|prefix| after(prefix));
    match value.len() {
        // Beside a telling word a wrong checksum still counts.
        40 if github() => Some(Kind::GithubToken),
        40 if after(b"npm_") => Some(Kind::NpmToken),
        40 if base64(value) && context.near(topic::AWS, start, LONGEST_GAP + 12) && counted.looks_random(40) => {
            Some(Kind::AwsSecretAccessKey)
        }
        88 if base64(value) && value.ends_with(b"==") => Some(Kind::AzureKey),
        44 if base64(value) && value.ends_with(b"=") && context.near(topic::AZURE, start, 4) => Some(Kind::AzureKey),
        _ => None,
    }
}

/// `Server=…;User Id=…;Password=…`
fn in_settings(text: &Text<'_>, start: usize) -> bool {
    let memories = text.memories();
    let is_semicolon = |at: usize| text.arrived(at) == Some(b';');
    let ends_name = |at: usize| text.arrived(at) == Some(b'=') && setting(text, at).is_some();
    // Most texts have no semicolon, and names take longer to find.
    if text.last_before(&memories.semicolon, start, SETTINGS, is_semicolon).is_none() {
        return false;
    }
    let named = text.last_before(&memories.setting, start, SETTINGS, ends_name);
    let named = named.and_then(|at| Some(at - setting(text, at)?.len()));
    named.is_some_and(|begin| begin + SETTINGS >= start)
}

/// Returns the name of a setting that ends at `at`.
fn setting(text: &Text<'_>, at: usize) -> Option<&'static [u8]> {
    const NAMES: [&[u8]; 8] =
        [b"server", b"data source", b"host", b"user id", b"uid", b"initial catalog", b"database", b"dsn"];
    let last = text.before(at)?.to_ascii_lowercase();
    let ends = |name: &&&[u8]| {
        name.last() == Some(&last)
            && at.checked_sub(name.len()).is_some_and(|from| text.seen(from, at).eq_ignore_ascii_case(name))
    };
    NAMES.iter().find(ends).copied()
}

/// Returns the value that begins after a sign.
fn value<'t>(context: &ScanContext<'_, 't>, from: usize) -> Option<Value<'t>> {
    let text = context.text;
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
    // It is read only if it is whole, and then it is not long.
    let mut bytes = text.seen(start, end);
    if let (None, [rest @ .., b'.' | b':']) = (quote, bytes) {
        bytes = rest;
    }
    whole.then_some(Value { bytes, start, quoted: quote.is_some(), after })
}

/// Variables, calls, paths, URLs, UUIDs, hashes, placeholders.
fn is_no_value(text: &Text<'_>, value: &Value<'_>, counted: &Composition<'_>) -> bool {
    let bytes = value.bytes;
    let variable = matches!(bytes.first(), Some(b'$' | b'<' | b'{' | b'[' | b'(' | b'&' | b'/' | b'.' | b'%' | b'@'))
        || counted.has(const { signs(b"\t\n\x0C\r ") })
        || refers(bytes, counted);
    let call = !value.quoted && (counted.has(const { signs(b"([{") }) || value.after == Some(b'('));
    variable
        || call
        || bytes.ends_with(b")") && counted.has(const { signs(b"(") })
        || is_path(value, counted)
        || is_uuid(bytes)
        || is_digest(bytes)
        || counted.distinct() < 5.min(bytes.len())
        || placeholder::has_word(text, value.start, value.start + bytes.len())
}

/// Returns whether something in it refers to a value that stands elsewhere: `${…}`, `a::b`, `https://`.
fn refers(bytes: &[u8], counted: &Composition<'_>) -> bool {
    let pair = |pair: &[u8]| matches!(pair, b"${" | b"{{" | b"%(" | b"::" | b"->");
    let three = |three: &[u8]| matches!(three, b"://" | b"...");
    counted.has(const { signs(b"{(:>") }) && bytes.windows(2).any(pair)
        || counted.has(const { signs(b":.") }) && bytes.windows(3).any(three)
}

/// `config.key1`, `a/b/c.pem`
fn is_path(value: &Value<'_>, counted: &Composition<'_>) -> bool {
    let name =
        |part: &[u8]| part.first().is_some_and(|byte| byte.is_ascii_alphabetic() || *byte == b'_') && part.len() < 24;
    let all = |sign: u8, part: fn(&[u8]) -> bool| {
        counted.has(signs(&[sign])) && value.bytes.split(|&byte| byte == sign).all(part)
    };
    counted.has(const { signs(b"./-_") })
        && (!value.quoted && all(b'.', name) || all(b'/', name) || all(b'-', plain_word) || all(b'_', plain_word))
}

/// Letters alone, or digits alone.
fn plain_word(part: &[u8]) -> bool {
    part.iter().all(u8::is_ascii_alphabetic) || part.len() <= 4 && part.iter().all(u8::is_ascii_digit)
}

fn is_uuid(bytes: &[u8]) -> bool {
    let groups = bytes.split(|&byte| byte == b'-').map(<[u8]>::len);
    bytes.len() == 36
        && groups.eq([8, 4, 4, 4, 12])
        && bytes.iter().all(|byte| byte.is_ascii_hexdigit() || *byte == b'-')
}

/// Digests say how they were made.
fn is_digest(bytes: &[u8]) -> bool {
    let prefixes: [&[u8]; 11] =
        [b"sha1", b"sha256", b"sha384", b"sha512", b"md5", b"$2a$", b"$2b$", b"$2y$", b"$argon2", b"$6$", b"h1:"];
    matches!(bytes.first(), Some(b's' | b'm' | b'$' | b'h')) && prefixes.iter().any(|prefix| bytes.starts_with(prefix))
}

/// Returns whether a value contains a common dummy word.
fn names_itself(bytes: &[u8]) -> bool {
    let begins = |rest: &[u8]| {
        let is_word = |word: &&[u8]| rest.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word));
        rest.first().is_some_and(|first| dummy_words(*first).iter().any(is_word))
    };
    (0..bytes.len()).filter_map(|at| bytes.get(at..)).any(begins)
}

/// Returns the common dummy words that begin with a letter.
fn dummy_words(first: u8) -> &'static [&'static [u8]] {
    match first.to_ascii_lowercase() {
        b'a' => &[b"admin"],
        b'd' => &[b"demo", b"default"],
        b'f' => &[b"false"],
        b'n' => &[b"none", b"null"],
        b'p' => &[b"pass"],
        b's' => &[b"secret", b"string"],
        b't' => &[b"token", b"test", b"true"],
        b'u' => &[b"user"],
        b'v' => &[b"value"],
        _ => &[],
    }
}

/// Without quotes a chosen value stands at the end of a line or of a sentence; a name goes on.
fn stands_alone(value: &Value<'_>) -> bool {
    value.quoted
        || value.after.is_none_or(|byte| byte.is_ascii_whitespace() || byte == b'&' || byte == b'"' || byte == b'\'')
}

/// Reports the `sig=` of an Azure shared access URL; returns whether this is a `sig=`.
fn signature(context: &mut ScanContext<'_, '_>, at: usize) -> bool {
    let text = context.text;
    if !text.behind(at, 4).ends_with(b"sig") || !text.is(at, b'=') {
        return false;
    }
    let start = at + 1;
    let end = text.run(start, ESCAPED64, 80);
    // Of one that is too long only the end is read.
    let value = text.seen(start, end);
    let padded = value.ends_with(b"=")
        || value.len() > 3 && value.get(value.len() - 3..).is_some_and(|tail| tail.eq_ignore_ascii_case(b"%3d"));
    let shared = || text.behind(at, 256).windows(3).any(|name| matches!(name, b"sv=" | b"se=" | b"sr="));
    if padded && (43..=75).contains(&value.len()) && shared() {
        context.report(Kind::AzureSasSignature, start, end);
    }
    true
}
