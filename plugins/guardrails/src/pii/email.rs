//! E-mail addresses: a local part as mail systems issue it, and a domain with a top level (RFC 5321, RFC 1035).

use crate::context::ScanContext;
use crate::kinds::Kind;
use crate::text::class::{DASH, DOT, WIDE, WORD};
use crate::text::{LONGEST_LOCAL_PART, Text};

const LONGEST_DOMAIN: usize = 255;
const LONGEST_LABEL: usize = 63;

/// Examines an `@`; the possible local part begins at `local`.
pub(crate) fn address(context: &mut ScanContext<'_, '_>, local: usize, at: usize) {
    if !context.wants(Kind::Email) || at <= local || at - local > LONGEST_LOCAL_PART {
        return;
    }
    let text = context.text;
    let Some(end) = domain(text, at + 1) else { return };
    if let Some(start) = local_part(text, local, at) {
        context.report(Kind::Email, start, end);
    }
}

/// Quotes and dots around it, and an escape before it, are not part of it.
fn local_part(text: &Text<'_>, local: usize, at: usize) -> Option<usize> {
    let bytes = text.slice(local, at);
    let mut skip = bytes.iter().take_while(|byte| b"'.-~%".contains(byte)).count();
    if text.before(local) == Some(b'\\')
        && skip == 0
        && bytes.len() > 1
        && matches!(bytes.first(), Some(b'n' | b'r' | b't'))
    {
        skip = 1;
    }
    let name = bytes.get(skip..).filter(|name| !name.is_empty())?;
    let plain =
        name.iter().any(u8::is_ascii_alphanumeric) && name.last().is_some_and(|last| *last != b'.' && *last != b'\'');
    let dots = name.windows(2).any(|pair| pair == b"..");
    let before = !in_url(text, local + skip) && name != b"git";
    (plain && !dots && before).then_some(local + skip)
}

/// Returns whether this is the user of a URL: `https://user@host`, `ftp://user:password@host`.
fn in_url(text: &Text<'_>, at: usize) -> bool {
    match text.before(at) {
        Some(b'/') => true,
        Some(b':') => {
            let is_space = |at: usize| text.arrived(at).is_some_and(|byte| byte.is_ascii_whitespace());
            let space = text.last_before(&text.memories().space, at, 80, is_space);
            text.scheme_before(at, 80).is_some_and(|scheme| space.is_none_or(|space| space < scheme))
        }
        _ => false,
    }
}

/// Returns where a domain name that begins here ends.
fn domain(text: &Text<'_>, start: usize) -> Option<usize> {
    let end = text.run(start, WORD | DOT | DASH | WIDE, LONGEST_DOMAIN);
    let mut name = text.slice(start, end);
    while let Some((b'.' | b'-', rest)) = name.split_last() {
        name = rest;
    }
    name = ascii_prefix(name);
    let end = start + name.len();
    let at_end =
        text.class(end) & WORD == 0 && !text.is(end, b'@') && !(text.is(end, b':') && text.starts(end, b"://"));
    (at_end && is_domain(name)).then_some(end)
}

/// Labels, and a top level that is no ending of a file.
fn is_domain(name: &[u8]) -> bool {
    let mut labels = name.rsplit(|&byte| byte == b'.');
    let (Some(top), true) = (labels.next(), name.contains(&b'.')) else { return false };
    let named = (2..=24).contains(&top.len()) && top.iter().all(u8::is_ascii_alphabetic) || top.starts_with(b"xn--");
    let well = |label: &[u8]| {
        (1..=LONGEST_LABEL).contains(&label.len()) && label.first() != Some(&b'-') && label.last() != Some(&b'-')
    };
    named && well(top) && labels.all(well) && !FILE_ENDINGS.iter().any(|ending| top.eq_ignore_ascii_case(ending))
}

/// Text without spaces may go on in another script right after the address.
fn ascii_prefix(name: &[u8]) -> &[u8] {
    let ascii = name.iter().take_while(|byte| byte.is_ascii()).count();
    let mut name = name.get(..ascii).unwrap_or_default();
    while let Some((b'.' | b'-', rest)) = name.split_last() {
        name = rest;
    }
    name
}

/// `icon@2x.png`, `lib@1.2.so` and `user@unit.service` are files.
static FILE_ENDINGS: &[&[u8]] = &[
    b"png",
    b"jpg",
    b"jpeg",
    b"gif",
    b"svg",
    b"webp",
    b"js",
    b"ts",
    b"css",
    b"html",
    b"json",
    b"yaml",
    b"yml",
    b"xml",
    b"service",
    b"socket",
    b"target",
    b"timer",
    b"conf",
    b"md",
    b"txt",
    b"log",
    b"exe",
    b"dll",
    b"tsx",
    b"jsx",
    b"mjs",
    b"cjs",
    b"lock",
    b"tgz",
    b"local",
    b"internal",
    b"localhost",
    b"invalid",
];
