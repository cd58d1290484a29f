//! The usage scan: what an answer cost and how it ended, read while it passes.
//!
//! Keeping the answer until it is whole and parsing it then would hold megabytes per request and the client's first
//! byte with it. This follows the bytes in any pieces, in constant memory, and never objects: an answer that is no
//! JSON has no usage, and that is all there is to say about it here.

mod counts;
mod iterations;
mod places;

use crate::json::{Container, PushScan, Sink, whole_number};
use crate::surface::Dialect;
use crate::word::{plain_word, response_model};
use counts::{Counts, Kind};
use iterations::Iterations;
use places::Spot;

pub use counts::Tokens;
pub use iterations::ModelTokens;

/// What was seen of an answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reading {
    /// What all `usage` objects tell together, if they give both sides of the account.
    pub usage: Option<Tokens>,
    /// The parts of it that other models account for than the one that answers.
    pub other_models: Vec<ModelTokens>,
    /// Something stood where a count belongs that is none, such as a negative number.
    pub flawed: bool,
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
    /// Whether something stood in it that is no JSON.
    pub lost: bool,
    /// Whether there was a place where this API has its text, or an error: an answer without one is in another format.
    pub understood: bool,
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
        let (tokens, is_begun) = seen.tokens();
        Reading {
            usage: tokens.filter(|_| !is_begun),
            begun: tokens.filter(|_| is_begun),
            other_models: seen.iterations.of_others(facts.model.as_deref()),
            flawed: seen.counts.is_some_and(|counts| counts.flawed),
            finish_reason: seen.finish_reason,
            choices_empty: seen.choices == Choices::Empty,
            error: seen.error,
            facts,
            output_text_bytes: seen.text_bytes,
            complete: self.json.is_done(),
            lost: self.json.is_lost(),
            understood: seen.understood || seen.error,
        }
    }

    /// What the answer has said about itself, but for an error's word.
    pub(crate) fn facts(&self) -> &AnswerFacts {
        &self.seen.facts
    }

    /// Makes ready for the next document of the same answer.
    pub(crate) fn restart(&mut self) {
        self.json.restart(Spot::root(self.dialect));
        self.seen.end_choice();
        self.seen.choices = Choices::Absent;
        self.seen.usage_here = false;
        self.seen.error_here = false;
    }

    /// Whether this document can only be one that tells the usage and nothing else.
    pub(crate) fn is_usage_only(&self) -> bool {
        self.seen.choices != Choices::Some && self.seen.usage_here && !self.seen.error_here && self.json.is_done()
    }

    /// Whether this document is whole.
    pub(crate) fn is_done(&self) -> bool {
        self.json.is_done()
    }

    /// Whether this document is JSON as far as it came.
    pub(crate) fn is_begun(&self) -> bool {
        !self.json.is_lost()
    }

    /// What is known while a stream runs, without an allocation: what its beginning told, the bytes of its text, and
    /// whether it has said how it ends.
    pub(crate) fn progress(&self) -> (Option<Tokens>, u64, bool) {
        let (tokens, is_begun) = self.seen.tokens();
        let ends = self.seen.finish_reason.is_some() || self.seen.pending_finish.is_some();
        (tokens.filter(|_| is_begun), self.seen.text_bytes, ends)
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
    iterations: Iterations,
    usage_here: bool,
    error_here: bool,
    understood: bool,
    choices: Choices,
    /// Choices before this one in the document.
    position: u64,
    index: Option<u64>,
    pending_finish: Option<String>,
    finish_reason: Option<String>,
    error: bool,
    text_bytes: u64,
    facts: AnswerFacts,
    /// By how well they name an error: code, type, status.
    error_words: [Option<String>; 3],
}

impl Seen {
    /// The account, and whether it is only that of a message's beginning.
    fn tokens(&self) -> (Option<Tokens>, bool) {
        let told = self.counts.and_then(|counts| counts.tokens(self.text_bytes));
        let tokens = self.iterations.sum().map_or(told, |sum| Some(told.unwrap_or_default().max(sum)));
        (tokens, self.counts.is_some_and(|counts| counts.kind == Kind::Begun))
    }

    fn facts(&mut self) -> AnswerFacts {
        let error = self.error_words.iter_mut().find_map(Option::take);
        AnswerFacts { error, ..std::mem::take(&mut self.facts) }
    }

    fn note_count(&mut self, spot: Spot, written: &[u8]) {
        if let Some(counts) = self.iterations.open_counts().or(self.counts.as_mut()) {
            counts.note(spot, written);
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
                self.counts.get_or_insert_default();
                self.usage_here = true;
            }
            (Spot::BegunUsage, Container::Object) => {
                self.counts.get_or_insert(Counts::of(Kind::Begun));
            }
            (Spot::MessageUsage, Container::Object) => self.counts.get_or_insert_default().kind = Kind::Message,
            (Spot::Iterations, Container::Array) => self.iterations.begin(),
            (Spot::Iteration, Container::Object) => self.iterations.open(),
            (Spot::Begun, Container::Object) | (Spot::Blocks, Container::Array) => self.understood = true,
            (Spot::Block | Spot::Delta, Container::Object) => self.understood = true,
            (Spot::Choices, Container::Array) => {
                self.position = 0;
                self.understood = true;
                if self.choices == Choices::Absent {
                    self.choices = Choices::Empty;
                }
            }
            (Spot::Error, Container::Object) => {
                self.error = true;
                self.error_here = true;
            }
            _ => {}
        }
    }

    fn closes(&mut self, spot: Spot) {
        match spot {
            Spot::Choice => self.end_choice(),
            Spot::Iteration => self.iterations.close(),
            Spot::Iterations => self.iterations.end(),
            _ => {}
        }
    }

    fn text(&mut self, _: Spot, bytes: usize) {
        self.text_bytes = self.text_bytes.saturating_add(bytes as u64);
    }

    fn word(&mut self, spot: Spot, word: &[u8]) {
        match spot {
            Spot::FinishReason => self.pending_finish = finish_word(word),
            Spot::StopReason => self.finish_reason = finish_word(word).or(self.finish_reason.take()),
            Spot::Model => keep(&mut self.facts.model, response_model(word)),
            Spot::ServiceTier => keep(&mut self.facts.service_tier, plain_word(word)),
            Spot::Speed => keep(&mut self.facts.speed, plain_word(word)),
            Spot::ErrorCode | Spot::ErrorType | Spot::ErrorStatus => self.note_error(spot, word),
            Spot::IterationModel => self.iterations.name(response_model(word)),
            _ => self.note_count(spot, word),
        }
    }

    fn scalar(&mut self, spot: Spot, written: &[u8]) {
        match spot {
            Spot::Index => self.index = whole_number(written),
            _ => self.note_count(spot, written),
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
