//! Reads the beginning of an answer with a success status, to detect an error or an empty answer.
//!
//! Providers send errors under a 200: a JSON error object, or a stream whose first event is one. While the headers of the
//! response are held, another target can still be tried. So the beginning is read before it is passed on: of a stream the
//! first event, of JSON the first element of the generated content. Comments and pings do not decide.

use crate::json::{Container, JsonField, PushScan, Sink};
use crate::sse::{Part, SseParser};
use crate::word::plain_word;

/// Largest number of bytes that are read before the answer passes undecided.
const LOOK_LIMIT: usize = 64 << 10;

/// Bytes of JSON that are read between two checks for a decision.
const PIECE: usize = 256;

/// Bytes of an event that are kept to recognise a ping or `[DONE]`.
const MARK: usize = 32;

/// Status of an error without a status or a known word.
const UNKNOWN: u16 = 500;

/// The kind of the beginning of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opened {
    /// More bytes are needed.
    Undecided,
    /// It is an answer, or has no known form.
    Answer,
    /// It is an error.
    Error(ProviderFault),
    /// It ended without content.
    Nothing,
}

/// An error that a provider reports in the body of a success.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderFault {
    /// The HTTP status of the error.
    pub status: u16,
    /// Its `code`, else its `type`, else its `status`, if that is a plain word.
    pub word: Option<String>,
}

/// Reads the beginning of one answer.
#[derive(Debug)]
pub struct Opening {
    form: BodyFormat,
    sse: SseParser,
    json: PushScan<OpeningField>,
    found: OpeningFacts,
    looked: usize,
    /// The first bytes of the event's data, without white space.
    mark: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum BodyFormat {
    /// Only white space so far.
    Unknown,
    Json,
    Events,
    /// It cannot be read, so its first byte decides.
    Opaque,
}

impl Opening {
    /// Returns the state before the first byte; `readable` is false for a compressed answer.
    #[must_use]
    pub fn new(readable: bool) -> Self {
        Self {
            form: if readable { BodyFormat::Unknown } else { BodyFormat::Opaque },
            sse: SseParser::new(),
            json: PushScan::new(OpeningField::Root),
            found: OpeningFacts::default(),
            looked: 0,
            mark: Vec::new(),
        }
    }

    /// Reads more bytes; `last` tells that the answer ends here.
    pub fn push(&mut self, chunk: &[u8], last: bool) -> Opened {
        self.looked = self.looked.saturating_add(chunk.len());
        if self.form == BodyFormat::Unknown {
            self.form = form(chunk);
            self.found.content_decides = self.form == BodyFormat::Json;
        }
        let opened = match self.form {
            BodyFormat::Unknown => Opened::Undecided,
            BodyFormat::Opaque if chunk.is_empty() => Opened::Undecided,
            BodyFormat::Opaque => Opened::Answer,
            BodyFormat::Json => self.json(chunk),
            BodyFormat::Events => self.events(chunk),
        };
        match opened {
            Opened::Undecided if last => self.end(),
            Opened::Undecided if self.looked > LOOK_LIMIT => Opened::Answer,
            decided => decided,
        }
    }

    fn json(&mut self, chunk: &[u8]) -> Opened {
        for piece in chunk.chunks(PIECE) {
            self.json.push(piece, &mut self.found);
            if self.found.content && !self.found.error {
                return Opened::Answer;
            }
        }
        match self.json.is_done() {
            true => self.found.fault().map_or(Opened::Answer, Opened::Error),
            false => Opened::Undecided,
        }
    }

    fn events(&mut self, mut chunk: &[u8]) -> Opened {
        while let Some(step) = self.sse.step(chunk) {
            chunk = chunk.get(step.used..).unwrap_or_default();
            match step.part {
                Part::Data(data) => self.data(data),
                Part::End { dispatched: true } => match self.end_event() {
                    Opened::Undecided => {}
                    decided => return decided,
                },
                _ => {}
            }
        }
        Opened::Undecided
    }

    fn data(&mut self, data: &[u8]) {
        self.json.push(data, &mut self.found);
        let room = MARK.saturating_sub(self.mark.len());
        self.mark.extend(data.iter().filter(|byte| !byte.is_ascii_whitespace()).take(room));
    }

    /// Decides by a complete event. A ping, `[DONE]` and an event without data do not decide.
    fn end_event(&mut self) -> Opened {
        let mark = std::mem::take(&mut self.mark);
        let fault = std::mem::take(&mut self.found).fault();
        self.json.restart(OpeningField::Root);
        if let Some(fault) = fault {
            return Opened::Error(fault);
        }
        let silent = mark.is_empty() || mark == b"[DONE]" || mark.starts_with(br#"{"type":"ping""#);
        if silent { Opened::Undecided } else { Opened::Answer }
    }

    /// Decides at the end of an undecided answer.
    fn end(&mut self) -> Opened {
        match self.form {
            BodyFormat::Unknown | BodyFormat::Opaque => Opened::Nothing,
            BodyFormat::Json => self.found.fault().map_or(Opened::Answer, Opened::Error),
            BodyFormat::Events => match self.end_event() {
                Opened::Undecided => Opened::Nothing,
                decided => decided,
            },
        }
    }
}

/// Returns the format. JSON begins with a bracket; a text that begins like a field is read as events.
fn form(chunk: &[u8]) -> BodyFormat {
    match chunk.iter().find(|byte| !byte.is_ascii_whitespace()) {
        None => BodyFormat::Unknown,
        Some(b'{' | b'[') => BodyFormat::Json,
        Some(b'd' | b'e' | b'i' | b'r' | b':') => BodyFormat::Events,
        Some(_) => BodyFormat::Opaque,
    }
}

/// The fields of an error, or of generated content, in both dialects.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum OpeningField {
    #[default]
    Elsewhere,
    Root,
    /// `choices`, `content` or `data`.
    Contents,
    Content,
    /// `object` at the top, which some servers set to `error`.
    Object,
    Error,
    Code,
    Type,
    Status,
}

impl JsonField for OpeningField {
    fn member(self, name: &[u8]) -> Self {
        match (self, name) {
            (Self::Root, b"choices" | b"content" | b"data") => Self::Contents,
            (Self::Root, b"object") => Self::Object,
            (Self::Root, b"error") => Self::Error,
            (Self::Root | Self::Error, b"code") => Self::Code,
            (Self::Root | Self::Error, b"type") => Self::Type,
            (Self::Error, b"status") => Self::Status,
            _ => Self::Elsewhere,
        }
    }

    fn element(self) -> Self {
        match self {
            Self::Contents => Self::Content,
            // Google sends the error of its OpenAI-compatible API in a list of one.
            Self::Root => Self::Root,
            _ => Self::Elsewhere,
        }
    }

    fn is_known(self) -> bool {
        self != Self::Elsewhere
    }

    fn is_text(self) -> bool {
        false
    }
}

#[derive(Debug, Default)]
struct OpeningFacts {
    error: bool,
    content: bool,
    /// Whether content decides. An error after it is ignored, because the content may have been passed on.
    content_decides: bool,
    number: Option<u16>,
    code: Option<String>,
    kind: Option<String>,
    status: Option<String>,
}

impl OpeningFacts {
    fn may_fail(&self) -> bool {
        !(self.content && self.content_decides)
    }

    fn fault(&mut self) -> Option<ProviderFault> {
        if !std::mem::take(&mut self.error) {
            return None;
        }
        let words = [self.code.take(), self.kind.take(), self.status.take()];
        let status = self.number.or_else(|| words.iter().flatten().find_map(|word| status_of(word)));
        // `error` as the top-level `type` is not the kind of the error.
        let word = words.into_iter().flatten().find(|word| word != "error");
        Some(ProviderFault { status: status.unwrap_or(UNKNOWN), word })
    }
}

impl Sink<OpeningField> for OpeningFacts {
    fn begins(&mut self, field: OpeningField) {
        match field {
            // Any value is an error, unless it turns out to be empty.
            OpeningField::Error => self.error = self.may_fail(),
            OpeningField::Content => self.content = true,
            _ => {}
        }
    }

    fn opens(&mut self, _: OpeningField, _: Container) {}

    fn closes(&mut self, _: OpeningField) {}

    fn text(&mut self, _: OpeningField, _: usize) {}

    fn word(&mut self, field: OpeningField, word: &[u8]) {
        let kept = || plain_word(word).map(str::to_owned);
        match field {
            OpeningField::Error => self.error = self.may_fail() && !word.is_empty(),
            OpeningField::Object => self.error |= self.may_fail() && word == b"error",
            OpeningField::Code => {
                self.number = number(word).or(self.number);
                self.code = kept();
            }
            OpeningField::Type => self.kind = kept().or(self.kind.take()),
            OpeningField::Status => self.status = kept(),
            _ => {}
        }
    }

    fn scalar(&mut self, field: OpeningField, written: &[u8]) {
        match field {
            OpeningField::Error => self.error = self.may_fail() && written == b"true",
            OpeningField::Code | OpeningField::Status => self.number = number(written).or(self.number),
            _ => {}
        }
    }
}

/// Reads an HTTP status of an error.
fn number(written: &[u8]) -> Option<u16> {
    let number = std::str::from_utf8(written).ok()?.parse().ok()?;
    (400..600).contains(&number).then_some(number)
}

/// Returns the status of an error with this word.
#[must_use]
pub fn error_status(word: Option<&str>) -> u16 {
    word.and_then(status_of).unwrap_or(UNKNOWN)
}

/// Returns the status of a provider's word for an error, by the error tables of OpenAI, Anthropic and Google.
fn status_of(word: &str) -> Option<u16> {
    Some(match word.to_ascii_lowercase().as_str() {
        "rate_limit_error"
        | "rate_limit_exceeded"
        | "rate_limited"
        | "requests"
        | "tokens"
        | "too_many_requests"
        | "resource_exhausted"
        | "insufficient_quota" => 429,
        "overloaded_error" => 529,
        "timeout_error" | "deadline_exceeded" => 504,
        "service_unavailable" | "service_unavailable_error" | "unavailable" => 503,
        "authentication_error" | "invalid_api_key" | "unauthenticated" => 401,
        "billing_error" => 402,
        "permission_error" | "permission_denied" => 403,
        "not_found_error" | "not_found" | "model_not_found" => 404,
        "request_too_large" => 413,
        "invalid_request_error"
        | "invalid_argument"
        | "bad_request"
        | "badrequesterror"
        | "content_filter"
        | "context_length_exceeded" => 400,
        "api_error" | "server_error" | "internal_error" | "internal_server_error" | "internal" => 500,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Decides on a whole answer, and checks that the decision is the same in any two pieces.
    fn opened(answer: &str) -> Opened {
        let whole = Opening::new(true).push(answer.as_bytes(), true);
        for at in 0..=answer.len() {
            let mut opening = Opening::new(true);
            let (first, second) = answer.as_bytes().split_at(at);
            let early = opening.push(first, false);
            let split = if early == Opened::Undecided { opening.push(second, true) } else { early };
            assert_eq!(split, whole, "{answer:?} split at {at}");
        }
        whole
    }

    fn error(status: u16, word: Option<&str>) -> Opened {
        Opened::Error(ProviderFault { status, word: word.map(str::to_owned) })
    }

    #[test]
    fn errors_under_a_success_are_found() {
        for (answer, status, word) in [
            (r#"{"error":{"message":"x","type":"server_error","code":null}}"#, 500, Some("server_error")),
            (
                r#"{"error":{"message":"x","type":"requests","code":"rate_limit_exceeded"}}"#,
                429,
                Some("rate_limit_exceeded"),
            ),
            (r#"{"error":{"message":"x","code":502},"user_id":"u"}"#, 502, None),
            (r#"[{"error":{"code":429,"status":"RESOURCE_EXHAUSTED"}}]"#, 429, Some("RESOURCE_EXHAUSTED")),
            (r#"{"type":"error","error":{"type":"overloaded_error"}}"#, 529, Some("overloaded_error")),
            (r#"{"object":"error","message":"x","type":"BadRequestError","code":400}"#, 400, Some("BadRequestError")),
            (r#"{"error":"model not loaded"}"#, 500, None),
            ("data: {\"error\":{\"code\":\"503\"}}\n\n", 503, None),
            (
                ": wait\n\ndata: {\"error\":{\"type\":\"invalid_request_error\"}}\n\n",
                400,
                Some("invalid_request_error"),
            ),
            (
                "event: error\r\ndata: {\"type\": \"error\", \"error\": {\"type\": \"api_error\"}}\r\n\r\n",
                500,
                Some("api_error"),
            ),
            ("data: {\"error\":{\"type\":\"server_error\"}}", 500, Some("server_error")),
        ] {
            assert_eq!(opened(answer), error(status, word), "{answer}");
        }
    }

    #[test]
    fn answers_pass() {
        for answer in [
            r#"{"id":"c","choices":[{"index":0}]}"#,
            r#"{"error":null,"choices":[{}]}"#,
            r#"{"error":"","content":[]}"#,
            r#"{"choices":[]}"#,
            r#"{"input_tokens":4}"#,
            "{}",
            "{\"half",
            "<html>",
            "data: {\"choices\":[],\"prompt_filter_results\":[]}\n\n",
            "data: {\"type\":\"message_start\"}\n\ndata: {\"error\":{}}\n\n",
            ": wait\n\ndata: hello\n\n",
        ] {
            assert_eq!(opened(answer), Opened::Answer, "{answer}");
        }
    }

    #[test]
    fn empty_answers_are_nothing() {
        for answer in [
            "",
            " \n",
            ": wait\n\n: wait\n\n",
            "data: [DONE]\n\n",
            "event: ping\ndata: {\"type\": \"ping\"}\n\n",
            "data:\n\n",
        ] {
            assert_eq!(opened(answer), Opened::Nothing, "{answer:?}");
        }
    }

    #[test]
    fn unreadable_answers_pass_at_once() {
        let mut opening = Opening::new(false);
        assert_eq!(opening.push(b"", false), Opened::Undecided);
        assert_eq!(opening.push(b"\x1f", false), Opened::Answer);
        assert_eq!(Opening::new(false).push(b"", true), Opened::Nothing);
    }

    #[test]
    fn a_long_beginning_passes_undecided() {
        let mut opening = Opening::new(true);
        let comments = b": wait\n\n".repeat(1 << 10);
        let mut pushed = 0;
        while opening.push(&comments, false) == Opened::Undecided {
            pushed += comments.len();
        }
        assert_eq!(pushed, LOOK_LIMIT);
    }
}
