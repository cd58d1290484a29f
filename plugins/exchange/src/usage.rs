//! The usage scan: what an answer cost and how it ended, read while it passes.
//!
//! Keeping the answer until it is whole and parsing it then would hold megabytes per request and the client's first
//! byte with it. This follows the bytes in any pieces, in constant memory, and never objects: an answer that is no
//! JSON has no usage, and that is all there is to say about it here.

mod places;

use crate::json::{Container, PushScan, Sink};
use crate::surface::Dialect;
use crate::word::{plain_word, response_model};
use places::Spot;

/// Numbers beyond this are no token counts: 2^53, where JSON's numbers stop being exact.
const MAX_COUNT: u64 = 1 << 53;

/// Token counts as a provider reported them. `cached_input` and `cache_write` are parts of `input`, `cache_write_1h` is
/// part of `cache_write`, `reasoning` part of `output`. Anthropic reports the three kinds of input side by side; here
/// they are added up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tokens {
    /// Tokens of the prompt.
    pub input: u64,
    /// Tokens of the answer.
    pub output: u64,
    /// Of the input, read from the provider's cache.
    pub cached_input: u64,
    /// Of the input, written to the provider's cache.
    pub cache_write: u64,
    /// Of these, to be kept for an hour.
    pub cache_write_1h: u64,
    /// Of the output, spent on reasoning.
    pub reasoning: u64,
}

/// What was seen of an answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reading {
    /// The last `usage` object, if it gave both sides of the account; of a streamed message, all of them together.
    pub usage: Option<Tokens>,
    /// What `message_start` told of a message whose end did not come: its input counts, its output is not all of it.
    pub begun: Option<Tokens>,
    /// `finish_reason` of the choice with index 0, or `stop_reason` of the message, if it is a word of at most 64 letters,
    /// digits and `_-.`.
    pub finish_reason: Option<String>,
    /// Whether there was a top-level `choices`, and no element in it.
    pub choices_empty: bool,
    /// Whether there was a top-level `error` object.
    pub error: bool,
    /// What the answer says about itself.
    pub facts: AnswerFacts,
    /// Bytes of generated text, as written between the quotes: contents, reasoning, refusals and arguments of calls
    /// in `choices`; text, thinking and partial JSON of content blocks. For estimates, when there is no usage.
    pub output_text_bytes: u64,
    /// Whether the document was closed and nothing came after it. Not a verdict on its grammar.
    pub complete: bool,
}

/// Words of an answer that say who made it and how. Each is kept only if its shape is that of a word or a model name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AnswerFacts {
    /// `model`.
    pub model: Option<String>,
    /// `service_tier`, of a message that of its usage.
    pub service_tier: Option<String>,
    /// `speed` of a message's usage.
    pub speed: Option<String>,
    /// `code` of an error, else its `type`, else its `status`.
    pub error: Option<String>,
}

/// See the module's text. One document, or with [`UsageScan::restart`] many in a row, adding up.
#[derive(Debug, Clone)]
pub struct UsageScan {
    dialect: Dialect,
    json: PushScan<Spot>,
    seen: Seen,
}

impl UsageScan {
    /// For an answer in this dialect; nothing read yet.
    #[must_use]
    pub fn new(dialect: Dialect) -> Self {
        Self { dialect, json: PushScan::new(Spot::root(dialect)), seen: Seen::default() }
    }

    /// Reads on.
    pub fn push(&mut self, bytes: &[u8]) {
        self.json.push(bytes, &mut self.seen);
    }

    /// What was seen so far; call it when the answer is over.
    #[must_use]
    pub fn finish(&self) -> Reading {
        let mut seen = self.seen.clone();
        seen.end_choice();
        let facts = seen.facts();
        let tokens = seen.counts.and_then(|counts| counts.tokens(seen.text_bytes));
        let is_begun = seen.counts.is_some_and(|counts| counts.kind == Kind::Begun);
        Reading {
            usage: tokens.filter(|_| !is_begun),
            begun: tokens.filter(|_| is_begun),
            finish_reason: seen.finish_reason,
            choices_empty: seen.choices == Choices::Empty,
            error: seen.error,
            facts,
            output_text_bytes: seen.text_bytes,
            complete: self.json.is_done(),
        }
    }

    /// Makes ready for the next document of the same answer.
    pub(crate) fn restart(&mut self) {
        self.json.restart(Spot::root(self.dialect));
        self.seen.end_choice();
        self.seen.choices = Choices::Absent;
        self.seen.usage_here = false;
    }

    /// Whether this document can only be one that tells the usage and nothing else.
    pub(crate) fn is_usage_only(&self) -> bool {
        self.seen.choices == Choices::Empty && self.seen.usage_here && self.json.is_done()
    }

    /// Whether this document is known not to be usage only, however it goes on.
    pub(crate) fn has_choices(&self) -> bool {
        self.seen.choices == Choices::Some
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Choices {
    #[default]
    Absent,
    Empty,
    Some,
}

#[derive(Debug, Clone, Default)]
struct Seen {
    counts: Option<Counts>,
    usage_here: bool,
    choices: Choices,
    /// Choices before this one in the document.
    position: u64,
    index: Option<u64>,
    pending_finish: Option<String>,
    finish_reason: Option<String>,
    error: bool,
    text_bytes: u64,
    model: Option<String>,
    service_tier: Option<String>,
    speed: Option<String>,
    /// By how well they name an error: code, type, status.
    error_words: [Option<String>; 3],
}

impl Seen {
    fn facts(&mut self) -> AnswerFacts {
        AnswerFacts {
            model: self.model.take(),
            service_tier: self.service_tier.take(),
            speed: self.speed.take(),
            error: self.error_words.iter_mut().find_map(Option::take),
        }
    }

    fn note_error(&mut self, spot: Spot, word: &[u8]) {
        let [code, kind, status] = &mut self.error_words;
        let slot = match spot {
            Spot::ErrorCode => code,
            Spot::ErrorType => kind,
            _ => status,
        };
        keep(slot, plain_word(word));
    }

    fn end_choice(&mut self) {
        let index = self.index.take().unwrap_or(self.position.saturating_sub(1));
        if let Some(reason) = self.pending_finish.take()
            && index == 0
        {
            self.finish_reason = Some(reason);
        }
    }
}

impl Sink<Spot> for Seen {
    fn begins(&mut self, spot: Spot) {
        if spot == Spot::Choice {
            self.choices = Choices::Some;
            self.position = self.position.saturating_add(1);
        }
    }

    fn opens(&mut self, spot: Spot, container: Container) {
        match (spot, container) {
            (Spot::Usage, Container::Object) => {
                self.counts = Some(Counts::default());
                self.usage_here = true;
            }
            (Spot::BegunUsage, Container::Object) => {
                self.counts.get_or_insert(Counts { kind: Kind::Begun, ..Counts::default() });
            }
            (Spot::MessageUsage, Container::Object) => self.counts.get_or_insert_default().kind = Kind::Message,
            (Spot::Choices, Container::Array) => {
                self.position = 0;
                if self.choices == Choices::Absent {
                    self.choices = Choices::Empty;
                }
            }
            (Spot::Error, Container::Object) => self.error = true,
            _ => {}
        }
    }

    fn closes(&mut self, spot: Spot) {
        if spot == Spot::Choice {
            self.end_choice();
        }
    }

    fn text(&mut self, _: Spot, bytes: usize) {
        self.text_bytes = self.text_bytes.saturating_add(bytes as u64);
    }

    fn word(&mut self, spot: Spot, word: &[u8]) {
        match spot {
            Spot::FinishReason => self.pending_finish = finish_word(word),
            Spot::StopReason => self.finish_reason = finish_word(word).or(self.finish_reason.take()),
            Spot::Model => keep(&mut self.model, response_model(word)),
            Spot::ServiceTier => keep(&mut self.service_tier, plain_word(word)),
            Spot::Speed => keep(&mut self.speed, plain_word(word)),
            Spot::ErrorCode | Spot::ErrorType | Spot::ErrorStatus => self.note_error(spot, word),
            _ => {}
        }
    }

    fn scalar(&mut self, spot: Spot, written: &[u8]) {
        let number = count(written);
        match (spot, &mut self.counts) {
            (Spot::Index, _) => self.index = number,
            (spot, Some(counts)) => counts.note(spot, number),
            _ => {}
        }
    }
}

/// Keeps what is new: most events of a stream say the same as the one before, and cost no allocation.
fn keep(kept: &mut Option<String>, word: Option<&str>) {
    if let Some(word) = word
        && kept.as_deref() != Some(word)
    {
        *kept = Some(word.to_owned());
    }
}

/// Longest reason that is kept.
const MAX_FINISH_WORD: usize = 64;

/// A word that can stand in a record: nothing else may be smuggled into it.
fn finish_word(word: &[u8]) -> Option<String> {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-.".contains(byte);
    if !(1..=MAX_FINISH_WORD).contains(&word.len()) || !word.iter().all(plain) {
        return None;
    }
    String::from_utf8(word.to_vec()).ok()
}

/// A whole number from 0 to 2^53, written without sign, point or exponent.
fn count(written: &[u8]) -> Option<u64> {
    if !written.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number: u64 = std::str::from_utf8(written).ok()?.parse().ok()?;
    (number <= MAX_COUNT).then_some(number)
}

/// What the counts are those of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Kind {
    /// OpenAI: the input is all of it.
    #[default]
    Whole,
    /// Anthropic: what came of the cache, and what went into it, is not in the input. Told at the end.
    Message,
    /// The same, told at the beginning.
    Begun,
}

#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    kind: Kind,
    input: Option<u64>,
    output: Option<u64>,
    total: Option<u64>,
    cached: Option<u64>,
    cache_write: Option<u64>,
    cache_write_1h: Option<u64>,
    reasoning: Option<u64>,
}

impl Counts {
    /// Some servers write both spellings of a count and leave one of them at 0, so the larger one stands. So it does of
    /// a message's counts, which grow from event to event.
    fn note(&mut self, spot: Spot, number: Option<u64>) {
        let slot = match spot {
            Spot::Input => &mut self.input,
            Spot::Output => &mut self.output,
            Spot::Total => &mut self.total,
            Spot::Cached => &mut self.cached,
            Spot::CacheWrite => &mut self.cache_write,
            Spot::CacheWrite1h => &mut self.cache_write_1h,
            Spot::Reasoning => &mut self.reasoning,
            _ => return,
        };
        *slot = (*slot).max(number);
    }

    fn tokens(self, text_bytes: u64) -> Option<Tokens> {
        match self.kind {
            Kind::Whole => self.of_whole(text_bytes),
            Kind::Message | Kind::Begun => self.of_message(),
        }
    }

    /// Both sides of the account, one from the total if need be. Without a word on the output there is none, unless
    /// there was no text either: embeddings.
    fn of_whole(self, text_bytes: u64) -> Option<Tokens> {
        let input = self.input.or_else(|| self.total?.checked_sub(self.output?))?;
        let rest = self.total.and_then(|total| total.checked_sub(input));
        let output = self.output.or(rest).or((text_bytes == 0).then_some(0))?;
        Some(Tokens {
            input,
            output,
            cached_input: self.cached.unwrap_or(0).min(input),
            reasoning: self.reasoning.unwrap_or(0).min(output),
            ..Tokens::default()
        })
    }

    /// Each count is at most 2^53, so their sum fits.
    fn of_message(self) -> Option<Tokens> {
        let (cached_input, cache_write) = (self.cached.unwrap_or(0), self.cache_write.unwrap_or(0));
        let output = self.output?;
        Some(Tokens {
            input: self.input?.saturating_add(cached_input).saturating_add(cache_write),
            output,
            cached_input,
            cache_write,
            cache_write_1h: self.cache_write_1h.unwrap_or(0).min(cache_write),
            reasoning: self.reasoning.unwrap_or(0).min(output),
        })
    }
}
