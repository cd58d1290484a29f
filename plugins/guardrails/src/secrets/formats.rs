//! Credentials that have no prefix of their issuer but a format of their own.

use super::entropy::Composition;
use super::{jwt, placeholder};
use crate::context::{ScanContext, Token};
use crate::kinds::Kind;
use crate::text::class::{BASE64, DASH, DIGIT, DOT, HEX, LETTER, LOCAL, LOWER, UNDERSCORE, UPPER, URL64, WORD};
use crate::words::topic::bit as topic;

/// Digits of the shortest id that a form begins with.
pub(crate) const SHORTEST_ID: usize = 8;

/// Distance before a secret of AWS within which a word for it counts, bytes.
pub(crate) const REACH: usize = 128;

/// Examines a word and the byte after it.
pub(crate) fn word(context: &mut ScanContext<'_, '_>, token: Token, after: Option<u8>) {
    match token.len() {
        SHORTEST_ID..=10 if after == Some(b':') => telegram(context, token),
        14 if after == Some(b'.') => terraform(context, token),
        23..=28 if after == Some(b'.') => discord(context, token),
        32 if after == Some(b'-') => hex_and_tail(context, token),
        34 => twilio(context, token),
        84 => azure(context, token),
        _ => {}
    }
    if token.len() <= 40 && token.any & LETTER != 0 {
        aws_secret(context, token);
    }
}

/// `123456789:AA…`, the id of the bot and 35 characters (core.telegram.org/bots).
fn telegram(context: &mut ScanContext<'_, '_>, token: Token) {
    let text = context.text;
    if token.any & LETTER != 0 || !text.starts(token.end, b":A") {
        return;
    }
    let end = text.run(token.end + 1, URL64, 36);
    if end - token.end == 36 && !placeholder::is_one(text.slice(token.end, end)) {
        context.report(Kind::TelegramBotToken, token.start, end);
    }
}

/// 14 characters, `.atlasv1.`, 60 to 70 characters.
fn terraform(context: &mut ScanContext<'_, '_>, token: Token) {
    let text = context.text;
    if !context.wants(Kind::TerraformToken) || !text.starts(token.end, b".atlasv1.") {
        return;
    }
    let start = token.end + 9;
    let end = text.run(start, URL64, 71);
    if (60..=70).contains(&(end - start)) {
        context.report(Kind::TerraformToken, token.start, end);
    }
}

/// The id of the bot in Base64, a time stamp, a signature.
fn discord(context: &mut ScanContext<'_, '_>, token: Token) {
    let text = context.text;
    let id = || jwt::base64(text.slice(token.start, token.end));
    if !context.wants(Kind::DiscordBotToken)
        || !id().is_some_and(|id| id.len() >= 16 && id.iter().all(u8::is_ascii_digit))
    {
        return;
    }
    let time = text.run(token.end + 1, URL64, 7);
    if time - token.end != 7 || !text.is(time, b'.') {
        return;
    }
    let end = text.run(time + 1, URL64, 40);
    if (27..=39).contains(&(end - time - 1)) {
        context.report(Kind::DiscordBotToken, token.start, end);
    }
}

/// Mailchimp: 32 hex digits and its data centre. Mailgun: 32, 8 and 8 hex digits.
fn hex_and_tail(context: &mut ScanContext<'_, '_>, token: Token) {
    let text = context.text;
    if !text.slice(token.start, token.end).iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
        return;
    }
    if text.starts(token.end, b"-us") {
        let end = text.run(token.end + 3, DIGIT, 3);
        if (1..=2).contains(&(end - token.end - 3)) && text.class(end) & WORD == 0 {
            context.report(Kind::MailchimpKey, token.start, end);
        }
        return;
    }
    let middle = text.run(token.end + 1, HEX, 9);
    if middle - token.end == 9 && text.is(middle, b'-') {
        let end = text.run(middle + 1, HEX, 9);
        if end - middle == 9 && text.class(end) & (WORD | DASH) == 0 {
            context.report(Kind::MailgunKey, token.start, end);
        }
    }
}

fn twilio(context: &mut ScanContext<'_, '_>, token: Token) {
    let word = context.text.slice(token.start, token.end);
    let hex = |body: &[u8]| body.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if word.strip_prefix(b"SK").is_some_and(|body| hex(body) && !placeholder::is_one(body)) {
        context.report(Kind::TwilioKey, token.start, token.end);
    }
}

/// Keys of Azure services that say so in their middle: Azure DevOps at 76, other services at 52.
fn azure(context: &mut ScanContext<'_, '_>, token: Token) {
    let word = context.text.slice(token.start, token.end);
    let says = |at: usize, what: &[u8]| word.get(at..at + what.len()) == Some(what);
    if says(76, b"AZDO") || says(52, b"JQQJ99") {
        context.report(Kind::AzureKey, token.start, token.end);
    }
}

/// Entra ID: three characters, a digit, `Q~`, 31 to 34 characters.
pub(crate) fn tilde(context: &mut ScanContext<'_, '_>, at: usize) {
    let text = context.text;
    let Some([.., b'0'..=b'9', b'Q']) = text.behind(at, 2).get(..) else { return };
    let Some(start) = at.checked_sub(5) else { return };
    let alphabet = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-.~".contains(byte);
    let before = text.before(start).is_some_and(|byte| byte.is_ascii_alphanumeric() || b"_-.~".contains(&byte));
    let head = text.slice(start, at);
    if !context.wants(Kind::AzureClientSecret) || before || head.len() != 5 || !head.iter().all(alphabet) {
        return;
    }
    let body = at + 1;
    let run = text.run(body, WORD | DASH | UNDERSCORE | DOT | LOCAL, 40);
    let value = text.slice(body, run);
    let length = value.iter().take_while(|byte| alphabet(byte)).count();
    if (31..=35).contains(&length) && !placeholder::is_one(value) {
        context.report(Kind::AzureClientSecret, start, body + length.min(34));
    }
}

/// 40 digits of Base64 beside a word for AWS.
fn aws_secret(context: &mut ScanContext<'_, '_>, token: Token) {
    let text = context.text;
    if !context.wants(Kind::AwsSecretAccessKey) || !context.near(topic::AWS, token.start, REACH) {
        return;
    }
    let joined = text.before(token.start).is_some_and(|byte| matches!(byte, b'/' | b'+' | b'-' | b'_' | b'.'));
    let end = text.run(token.start, WORD | BASE64, 41);
    let value = text.slice(token.start, end);
    if value.len() != 40 {
        return;
    }
    let has = |class: u32| value.iter().any(|&byte| crate::text::class_of(byte) & class != 0);
    let mixed = has(UPPER) && has(LOWER) && has(DIGIT);
    let over = text.class(end) & (DASH | UNDERSCORE | DOT) == 0 || text.class(end + 1) & WORD == 0;
    if !joined
        && mixed
        && over
        && !text.is(end, b'=')
        && !placeholder::is_in(text, token.start, end)
        && Composition::of(value).changes() >= 11
    {
        context.report(Kind::AwsSecretAccessKey, token.start, end);
    }
}
