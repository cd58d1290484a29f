//! Plans the steps of an answer from the behaviour and the request.

use crate::answer::{self, Answer};
use crate::asked::Asked;
use crate::behaviour::Behaviour;
use crate::message;
use crate::steps::{LAST_CHUNK, Step, chunk, head};
use flate2::{Compression, write::GzEncoder};
use std::io::Write;
use std::time::Duration;

/// Time for the other side to read and pass on earlier bytes: a reset discards unread ones.
const BEFORE_RESET: Duration = Duration::from_millis(30);

/// The provider's name, and the number and format of the answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Origin<'a> {
    pub(crate) provider: &'a str,
    pub(crate) number: u64,
    /// Whether the format is Anthropic's, or OpenAI's.
    pub(crate) anthropic: bool,
}

/// Returns the steps for one request. `failures` is the number of earlier requests for this `flaky-N`.
pub(crate) fn plan(behaviour: Behaviour, asked: &Asked, origin: Origin<'_>, failures: u32) -> Vec<Step> {
    let good = || good(behaviour, asked, origin);
    match behaviour {
        Behaviour::Status { code, retry_after } => error(origin, code, retry_after),
        Behaviour::Flaky { failures: wanted } if failures < wanted => error(origin, 503, None),
        Behaviour::SlowFirstByte { ms } => [vec![Step::Pause(Duration::from_millis(ms))], good()].concat(),
        Behaviour::Hang => vec![Step::Hang],
        Behaviour::ResetBefore => vec![Step::Reset],
        Behaviour::CloseBefore => vec![Step::Close],
        Behaviour::ResetMidStream => reset_midway(good(), asked.stream),
        Behaviour::HalfJson => half(asked, origin, false),
        Behaviour::HalfJsonOk => half(asked, origin, true),
        Behaviour::Garbage => json(origin, 200, &[], b"\x00\xff\xfe<html>no JSON here\x80"),
        Behaviour::GarbageHttp => vec![Step::Write(b"\x16\x03\x01 this is not HTTP\r\n\r\n".into()), Step::Close],
        _ => good(),
    }
}

/// Returns a complete JSON message in one write.
pub(crate) fn json(origin: Origin<'_>, status: u16, extra: &[(&str, String)], body: &[u8]) -> Vec<Step> {
    let mut headers = headers(origin, "application/json", extra);
    headers.push(("content-length".into(), body.len().to_string()));
    vec![Step::Write([head(status, &headers), body.to_vec()].concat())]
}

/// Returns an error in the API's format.
pub(crate) fn error(origin: Origin<'_>, status: u16, retry_after: Option<u32>) -> Vec<Step> {
    let extra: Vec<_> = retry_after.map(|s| ("retry-after", s.to_string())).into_iter().collect();
    let body = if origin.anthropic { message::error(status) } else { answer::error(status) };
    json(origin, status, &extra, body.as_bytes())
}

fn good(behaviour: Behaviour, asked: &Asked, origin: Origin<'_>) -> Vec<Step> {
    let answer = answer(behaviour, asked, origin);
    let extra: &[_] = match behaviour {
        Behaviour::Gzip => &[("content-encoding", "gzip".to_owned())],
        Behaviour::HugeHeader => &[("x-huge", "h".repeat(70 << 10))],
        _ => &[],
    };
    if asked.stream {
        return events(behaviour, origin, extra, answer.events());
    }
    let body = answer.json().into_bytes();
    match behaviour {
        Behaviour::Gzip => json(origin, 200, extra, &gzip(&body)),
        Behaviour::SplitBytes => chunked(origin, "application/json", extra, single_bytes(&body), 0),
        _ => json(origin, 200, extra, &body),
    }
}

fn answer<'a>(behaviour: Behaviour, asked: &'a Asked, origin: Origin<'_>) -> Answer<'a> {
    let pieces = match behaviour {
        Behaviour::Paced { chunks, .. } => (0..chunks).map(|n| format!(" word{n}")).collect(),
        Behaviour::Big { kilobytes } => {
            vec!["All work and no play: \"Quoted\".\n".repeat(32); kilobytes]
        }
        _ => answer::pieces(origin.provider),
    };
    Answer { asked, number: origin.number, pieces, usage: behaviour != Behaviour::NoUsage }
}

fn events(behaviour: Behaviour, origin: Origin<'_>, extra: &[(&str, String)], events: Vec<String>) -> Vec<Step> {
    let (pieces, delay_ms) = match behaviour {
        Behaviour::Gzip => (vec![gzip(events.concat().as_bytes())], 0),
        Behaviour::SplitBytes => (single_bytes(events.concat().as_bytes()), 0),
        Behaviour::Paced { delay_ms, .. } => (events.into_iter().map(String::into_bytes).collect(), delay_ms),
        _ => (events.into_iter().map(String::into_bytes).collect(), 0),
    };
    chunked(origin, "text/event-stream; charset=utf-8", extra, pieces, delay_ms)
}

/// Returns one write each for the headers, every piece and the end.
fn chunked(origin: Origin<'_>, kind: &str, extra: &[(&str, String)], pieces: Vec<Vec<u8>>, delay_ms: u64) -> Vec<Step> {
    let mut headers = headers(origin, kind, extra);
    headers.push(("cache-control".into(), "no-cache".into()));
    headers.push(("transfer-encoding".into(), "chunked".into()));
    let mut steps = vec![Step::Write(head(200, &headers))];
    for (n, piece) in pieces.iter().enumerate() {
        if n > 0 && delay_ms > 0 {
            steps.push(Step::Pause(Duration::from_millis(delay_ms)));
        }
        steps.push(Step::Write(chunk(piece)));
    }
    steps.push(Step::Write(LAST_CHUNK.into()));
    steps
}

fn reset_midway(mut good: Vec<Step>, stream: bool) -> Vec<Step> {
    if stream {
        good.truncate(4);
    } else if let Some(Step::Write(message)) = good.first_mut() {
        // The headers are about as long as the body, so three quarters end inside the body.
        message.truncate(message.len() * 3 / 4);
    }
    good.extend([Step::Pause(BEFORE_RESET), Step::Reset]);
    good
}

/// Returns half of the JSON, with its own length (`honest`) or the length of the whole.
fn half(asked: &Asked, origin: Origin<'_>, honest: bool) -> Vec<Step> {
    let body = answer(Behaviour::Ok, asked, origin).json().into_bytes();
    let kept: Vec<u8> = body.iter().copied().take(body.len() / 2).collect();
    if honest {
        return json(origin, 200, &[], &kept);
    }
    let mut headers = headers(origin, "application/json", &[]);
    headers.push(("content-length".into(), body.len().to_string()));
    vec![Step::Write([head(200, &headers), kept].concat()), Step::Close]
}

const OPENAI_HEADERS: [(&str, &str); 4] = [
    ("openai-processing-ms", "5"),
    ("openai-version", "2020-10-01"),
    ("x-ratelimit-limit-requests", "10000"),
    ("x-ratelimit-remaining-requests", "9999"),
];

const ANTHROPIC_HEADERS: [(&str, &str); 3] = [
    ("anthropic-organization-id", "org_1"),
    ("anthropic-ratelimit-requests-limit", "1000"),
    ("anthropic-ratelimit-requests-remaining", "999"),
];

fn headers(origin: Origin<'_>, kind: &str, extra: &[(&str, String)]) -> Vec<(String, String)> {
    let (request_id, fixed): (_, &[_]) = match origin.anthropic {
        true => ("request-id", &ANTHROPIC_HEADERS),
        false => ("x-request-id", &OPENAI_HEADERS),
    };
    let own = [("content-type", kind.to_owned()), (request_id, format!("req_{}_{}", origin.provider, origin.number))];
    let fixed = fixed.iter().map(|&(name, value)| (name, value.to_owned()));
    own.into_iter().chain(fixed).chain(extra.iter().cloned()).map(|(name, value)| (name.to_owned(), value)).collect()
}

fn single_bytes(body: &[u8]) -> Vec<Vec<u8>> {
    body.iter().map(|&byte| vec![byte]).collect()
}

fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(body).ok();
    encoder.finish().unwrap_or_default()
}
