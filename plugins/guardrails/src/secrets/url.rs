//! URLs: a password in them (RFC 3986 user information), a webhook whose path is its key, a host that the policy names.

use super::placeholder;
use crate::Guard;
use crate::context::{ScanContext, Token};
use crate::kinds::Kind;
use crate::text::Text;
use crate::text::class::{AUTHORITY, DIGIT, URL, URL64, WORD};

const LONGEST_AUTHORITY: usize = 512;
const LONGEST: usize = 1000;
/// Most signs at the end of a URL that belong to the sentence around it.
const MOST_SIGNS: usize = 16;

/// Examines a word with a colon after it.
pub(crate) fn scheme(context: &mut ScanContext<'_, '_>, guard: &Guard, token: Token) {
    let text = context.text;
    let kinds =
        [Kind::ConnectionString, Kind::SlackWebhookUrl, Kind::DiscordWebhookUrl, Kind::TeamsWebhookUrl, Kind::Url];
    if !kinds.iter().any(|kind| context.wants(*kind)) || !text.starts(token.end, b"://") {
        return;
    }
    // `postgresql+psycopg2://`: the scheme began earlier, which does not matter.
    let start = token.end + 3;
    let authority_end = text.run(start, AUTHORITY, LONGEST_AUTHORITY);
    let authority = text.slice(start, authority_end);
    let (user_info, host) = match authority.iter().rposition(|&byte| byte == b'@') {
        Some(at) => (authority.get(..at), authority.get(at + 1..).unwrap_or_default()),
        None => (None, authority),
    };
    if let Some(user_info) = user_info
        && has_password(user_info)
        && !is_documentation(context.text.slice(token.start, token.end), host)
        && is_host(host)
    {
        context.report(Kind::ConnectionString, token.start, url_end(text, authority_end));
    }
    webhook(context, token, authority_end, host);
    let policies = guard.url_policies(host_name(host));
    if !host.is_empty() && !policies.is_empty() {
        let end = url_end(text, authority_end);
        context.draft.urls.push((token.start, end, policies));
    }
}

fn webhook(context: &mut ScanContext<'_, '_>, token: Token, path: usize, host: &[u8]) {
    let text = context.text;
    let (kind, end) = match host {
        b"hooks.slack.com" => (Kind::SlackWebhookUrl, slack(text, path)),
        b"discord.com" | b"discordapp.com" | b"canary.discord.com" | b"ptb.discord.com" => {
            (Kind::DiscordWebhookUrl, discord(text, path))
        }
        _ if host.ends_with(b".webhook.office.com") => (Kind::TeamsWebhookUrl, teams(text, path)),
        _ => return,
    };
    if let Some(end) = end {
        context.report(kind, token.start, end);
    }
}

/// `/services/T…/B…/…`, `/workflows/T…/A…/…`
fn slack(text: &Text<'_>, at: usize) -> Option<usize> {
    let names: [&[u8]; 3] = [b"/services/T", b"/workflows/T", b"/triggers/T"];
    let name = names.iter().find(|name| text.starts(at, name))?;
    let workspace = text.run(at + name.len(), WORD, 20);
    let app = text.run(workspace + 1, WORD, 24);
    let end = text.run(app + 1, WORD, 64);
    let whole = text.is(workspace, b'/') && text.is(app, b'/') && end > app + 16;
    (whole && !placeholder::is_one(text.slice(app + 1, end))).then_some(end)
}

/// `/api/webhooks/ID/TOKEN`
fn discord(text: &Text<'_>, at: usize) -> Option<usize> {
    let mut start = at;
    if text.starts(at, b"/api/v") {
        start = text.run(at + 6, DIGIT, 3);
        return discord_hook(text, start, b"/webhooks/");
    }
    start += 0;
    discord_hook(text, start, b"/api/webhooks/")
}

fn discord_hook(text: &Text<'_>, at: usize, name: &[u8]) -> Option<usize> {
    if !text.starts(at, name) {
        return None;
    }
    let id = at + name.len();
    let id_end = text.run(id, DIGIT, 21);
    let end = text.run(id_end + 1, URL64, 90);
    let whole = (17..=20).contains(&(id_end - id)) && text.is(id_end, b'/') && (60..=80).contains(&(end - id_end - 1));
    (whole && !placeholder::is_one(text.slice(id_end + 1, end))).then_some(end)
}

fn teams(text: &Text<'_>, at: usize) -> Option<usize> {
    let end = text.run(at, URL, 340);
    let path = text.slice(at, end);
    let hook = path.windows(17).any(|window| window == b"/IncomingWebhook/");
    (path.starts_with(b"/webhookb2/") && hook).then_some(end)
}

/// A name or an address, and a port in digits.
fn is_host(host: &[u8]) -> bool {
    let port = host.get(host_name(host).len()..).unwrap_or_default();
    host.first().is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'[')
        && port.iter().all(|byte| *byte == b':' || byte.is_ascii_digit() || *byte == b',')
}

/// Web addresses of the domains that are set aside for examples (RFC 2606).
fn is_documentation(scheme: &[u8], host: &[u8]) -> bool {
    let name = host_name(host);
    let web = [&b"http"[..], b"https", b"ftp"].iter().any(|web| scheme.eq_ignore_ascii_case(web));
    let example =
        [&b"example.com"[..], b"example.org", b"example.net"].iter().any(|example| name.eq_ignore_ascii_case(example));
    web && (example || name == b"example" || name.ends_with(b".example"))
}

fn has_password(user_info: &[u8]) -> bool {
    let mut parts = user_info.splitn(2, |&byte| byte == b':');
    let (user, password) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    !password.is_empty() && !is_stand_in(user, password)
}

/// Returns whether this is a common stand-in for a password in documentation.
pub(crate) fn is_stand_in(user: &[u8], password: &[u8]) -> bool {
    let folded = password.to_ascii_lowercase();
    let common: [&[u8]; 19] = [
        b"password",
        b"pass",
        b"passwd",
        b"pwd",
        b"pw",
        b"secret",
        b"password1",
        b"passw0rd",
        b"p@ssw0rd",
        b"mypassword",
        b"mypass",
        b"dbpass",
        b"token",
        b"key",
        b"p",
        b"xxx",
        b"***",
        b"x",
        b"password123",
    ];
    let variable = folded.iter().any(|byte| b"${}<>%()[]*".contains(byte)) && !is_escaped(&folded);
    variable
        || user == password
        || common.contains(&folded.as_slice())
        || placeholder::says_so(&folded)
        || placeholder::distinct(&folded) < 2
}

/// `%40` and the like: the percent signs belong to escapes.
fn is_escaped(value: &[u8]) -> bool {
    let sign = |byte: &u8| b"${}<>()[]*".contains(byte);
    let escape = |rest: &[u8]| matches!(rest, [_, a, b, ..] if a.is_ascii_hexdigit() && b.is_ascii_hexdigit());
    !value.iter().any(sign)
        && (0..value.len()).filter_map(|at| value.get(at..)).filter(|rest| rest.starts_with(b"%")).all(escape)
}

fn host_name(host: &[u8]) -> &[u8] {
    if let Some(bracket) = host.iter().position(|&byte| byte == b']') {
        return host.get(..=bracket).unwrap_or_default();
    }
    host.split(|&byte| byte == b':').next().unwrap_or_default()
}

fn url_end(text: &Text<'_>, from: usize) -> usize {
    let mut end = text.run(from, URL, LONGEST);
    let least = from.max(end.saturating_sub(MOST_SIGNS));
    while let Some(b'.' | b',' | b'!' | b'?' | b';' | b':' | b')' | b'*') = text.before(end).filter(|_| end > least) {
        end -= 1;
    }
    end
}
