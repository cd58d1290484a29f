//! The usage scan: reads usage and finish reason of an answer while it passes.
//!
//! Keeping the whole answer and parsing it then would hold megabytes per request, and delay the client's first byte. This
//! follows the bytes in any pieces, in constant memory, and never fails: an answer that is not JSON has no usage.

mod beginning;
mod counts;
mod fields;
mod iterations;

use crate::json::{Container, PushScan, Sink, whole_number};
use crate::surface::Dialect;
use crate::word::{plain_word, response_model};
use beginning::EventBeginning;
use counts::{Counts, Kind};
use fields::UsageField;
use iterations::Iterations;

pub use counts::Tokens;
pub use iterations::ModelTokens;

/// The facts of an answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reading {
    /// The sum of all `usage` objects, if they report both input and output.
    pub usage: Option<Tokens>,
    /// The parts of it that belong to other models than the one that answers.
    pub other_models: Vec<ModelTokens>,
    /// Whether a count was not a valid number, such as a negative one, or a part was larger than its whole.
    pub flawed: bool,
    /// The usage of `message_start`, if the message has no end: its input counts, and a part of its output.
    pub begun: Option<Tokens>,
    /// `finish_reason` of the choice with index 0, or `stop_reason` of the message, if it is a word of at most 64 letters,
    /// digits and `_-.`.
    pub finish_reason: Option<String>,
    /// Whether there was a top-level `choices` without an element.
    pub choices_empty: bool,
    /// Whether there was a top-level `error` object.
    pub error: bool,
    /// Model, tier and speed that the answer names.
    pub facts: AnswerFacts,
    /// Bytes of generated text, as written between the quotes: contents, reasoning, refusals and arguments of calls
    /// in `choices`; text, thinking and partial JSON of content blocks. For estimates, when there is no usage.
    pub output_text_bytes: u64,
    /// Whether the document was closed and nothing came after it. Its grammar is not validated.
    pub complete: bool,
    /// Whether it contained bytes that are not JSON.
    pub lost: bool,
    /// Whether it contained a field of this API for text or an error. An answer without one is in another format.
    pub understood: bool,
}

/// Words of an answer about its origin. Each is kept only if it has the form of a word or a model name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AnswerFacts {
    /// `model`.
    pub model: Option<String>,
    /// `service_tier`; of a message, that of its usage.
    pub service_tier: Option<String>,
    /// `speed` of a message's usage.
    pub speed: Option<String>,
    /// `code` of an error, else its `type`, else its `status`.
    pub error: Option<String>,
}

/// Scans one document, or with [`UsageScan::restart`] several in a row, whose facts are added up.
#[derive(Debug, Clone)]
pub struct UsageScan {
    dialect: Dialect,
    json: PushScan<UsageField>,
    seen: UsageState,
    beginning: EventBeginning,
    /// Nothing of this document has been read yet.
    at_start: bool,
}

impl UsageScan {
    /// Returns the scan of an answer in this dialect.
    #[must_use]
    pub fn new(dialect: Dialect) -> Self {
        Self {
            dialect,
            json: PushScan::new(UsageField::root(dialect)),
            seen: UsageState::default(),
            beginning: EventBeginning::default(),
            // One document alone has no beginning in common with another.
            at_start: false,
        }
    }

    /// Reads more bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        let rest = if std::mem::take(&mut self.at_start) { self.begin(bytes) } else { bytes };
        self.json.push(rest, &mut self.seen);
    }

    /// Reads the beginning of a document if it has a part in common with the one before. Returns the rest.
    fn begin<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let root = UsageField::root(self.dialect);
        if let Some(rest) = self.beginning.strip(bytes) {
            self.json.enter_object(root);
            self.seen.named = false;
            return rest;
        }
        let Some((first, rest)) = self.beginning.split(bytes, self.dialect) else {
            self.beginning.keep(None);
            return bytes;
        };
        self.seen.told = false;
        self.json.push(first, &mut self.seen);
        let names_only = !self.seen.told && self.json.is_at_root_member();
        self.beginning.keep(names_only.then_some(first));
        self.seen.named = false;
        rest
    }

    /// Returns the facts so far. Called at the end of the answer.
    #[must_use]
    pub fn finish(&self) -> Reading {
        self.read(self.seen.clone())
    }

    /// Takes the facts so far, at the end of the answer: nothing of them is left.
    pub(crate) fn take(&mut self) -> Reading {
        let seen = std::mem::take(&mut self.seen);
        self.read(seen)
    }

    fn read(&self, mut seen: UsageState) -> Reading {
        seen.end_choice();
        let facts = seen.facts();
        let (tokens, is_begun) = seen.tokens();
        Reading {
            usage: tokens.filter(|_| !is_begun),
            begun: tokens.filter(|_| is_begun),
            other_models: seen.iterations.of_others(facts.model.as_deref()),
            flawed: seen.counts.is_some_and(|counts| counts.is_flawed(seen.text_bytes)) || seen.iterations.flawed,
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

    /// Returns model, tier and speed so far, without an error's word.
    pub(crate) fn facts(&self) -> &AnswerFacts {
        &self.seen.facts
    }

    /// Starts the next document of the same answer.
    pub(crate) fn restart(&mut self) {
        self.json.restart(UsageField::root(self.dialect));
        self.at_start = true;
        if self.seen.named {
            // The names of the beginning are no longer the last ones.
            self.beginning.keep(None);
        }
        self.seen.end_choice();
        self.seen.choices = Choices::Absent;
        self.seen.usage_here = false;
        self.seen.error_here = false;
    }

    /// Returns whether this document contains only the usage.
    pub(crate) fn is_usage_only(&self) -> bool {
        self.seen.choices != Choices::Some && self.seen.usage_here && !self.seen.error_here && self.json.is_done()
    }

    /// Returns whether this document is complete.
    pub(crate) fn is_done(&self) -> bool {
        self.json.is_done()
    }

    /// Returns whether this document is JSON so far.
    pub(crate) fn is_begun(&self) -> bool {
        !self.json.is_lost()
    }

    /// Returns the facts of a running stream, without an allocation: usage at its beginning, bytes of its text, and
    /// whether it has named the reason for its end.
    pub(crate) fn progress(&self) -> (Option<Tokens>, u64, bool) {
        let (tokens, is_begun) = self.seen.tokens();
        let ends = self.seen.finish_reason.is_some() || self.seen.pending_finish.is_some();
        (tokens.filter(|_| is_begun), self.seen.text_bytes, ends)
    }

    /// Returns whether this document has choices, so that it cannot be usage only.
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
struct UsageState {
    counts: Option<Counts>,
    iterations: Iterations,
    usage_here: bool,
    error_here: bool,
    understood: bool,
    choices: Choices,
    /// Number of choices before this one in the document.
    position: u64,
    index: Option<u64>,
    pending_finish: Option<String>,
    finish_reason: Option<String>,
    error: bool,
    text_bytes: u64,
    facts: AnswerFacts,
    /// Code, type and status of an error, in the order of preference.
    error_words: [Option<String>; 3],
    /// Something other than names has been told since this was last unset.
    told: bool,
    /// A name, of the model or the service tier, has been told since this was last unset.
    named: bool,
}

impl UsageState {
    /// Returns the usage, and whether it is only that of a message's beginning.
    fn tokens(&self) -> (Option<Tokens>, bool) {
        let told = self.counts.and_then(|counts| counts.tokens(self.text_bytes));
        let tokens = self.iterations.sum().map_or(told, |sum| Some(told.unwrap_or_default().max(sum)));
        (tokens, self.counts.is_some_and(|counts| counts.kind == Kind::Begun))
    }

    fn facts(&mut self) -> AnswerFacts {
        let error = self.error_words.iter_mut().find_map(Option::take);
        AnswerFacts { error, ..std::mem::take(&mut self.facts) }
    }

    fn note_count(&mut self, field: UsageField, written: &[u8]) {
        if let Some(counts) = self.iterations.open_counts().or(self.counts.as_mut()) {
            counts.note(field, written);
        }
    }

    fn note_error(&mut self, field: UsageField, word: &[u8]) {
        let [code, kind, status] = &mut self.error_words;
        let slot = match field {
            UsageField::ErrorCode => code,
            UsageField::ErrorType => kind,
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

impl Sink<UsageField> for UsageState {
    fn begins(&mut self, field: UsageField) {
        let names = matches!(field, UsageField::Model | UsageField::ServiceTier);
        self.named |= names;
        self.told |= !names && !matches!(field, UsageField::Root | UsageField::Event);
        if field == UsageField::Choice {
            self.choices = Choices::Some;
            self.position = self.position.saturating_add(1);
        }
    }

    fn opens(&mut self, field: UsageField, container: Container) {
        match (field, container) {
            (UsageField::Usage, Container::Object) => {
                self.counts.get_or_insert_default();
                self.usage_here = true;
            }
            (UsageField::BegunUsage, Container::Object) => {
                self.counts.get_or_insert(Counts::of(Kind::Begun));
            }
            (UsageField::MessageUsage, Container::Object) => self.counts.get_or_insert_default().kind = Kind::Message,
            (UsageField::Iterations, Container::Array) => self.iterations.begin(),
            (UsageField::Iteration, Container::Object) => self.iterations.open(),
            (UsageField::Begun, Container::Object) | (UsageField::Blocks, Container::Array) => self.understood = true,
            (UsageField::Block | UsageField::Delta, Container::Object) => self.understood = true,
            (UsageField::Choices, Container::Array) => {
                self.position = 0;
                self.understood = true;
                if self.choices == Choices::Absent {
                    self.choices = Choices::Empty;
                }
            }
            (UsageField::Error, Container::Object) => {
                self.error = true;
                self.error_here = true;
            }
            _ => {}
        }
    }

    fn closes(&mut self, field: UsageField) {
        match field {
            UsageField::Choice => self.end_choice(),
            UsageField::Iteration => self.iterations.close(),
            UsageField::Iterations => self.iterations.end(),
            _ => {}
        }
    }

    fn text(&mut self, _: UsageField, bytes: usize) {
        self.text_bytes = self.text_bytes.saturating_add(bytes as u64);
    }

    fn word(&mut self, field: UsageField, word: &[u8]) {
        match field {
            UsageField::FinishReason => self.pending_finish = finish_word(word),
            UsageField::StopReason => self.finish_reason = finish_word(word).or(self.finish_reason.take()),
            UsageField::Model => keep(&mut self.facts.model, response_model(word)),
            UsageField::ServiceTier => keep(&mut self.facts.service_tier, plain_word(word)),
            UsageField::Speed => keep(&mut self.facts.speed, plain_word(word)),
            UsageField::ErrorCode | UsageField::ErrorType | UsageField::ErrorStatus => self.note_error(field, word),
            UsageField::IterationModel => self.iterations.name(response_model(word)),
            _ => self.note_count(field, word),
        }
    }

    fn scalar(&mut self, field: UsageField, written: &[u8]) {
        match field {
            UsageField::Index => self.index = whole_number(written),
            _ => self.note_count(field, written),
        }
    }
}

/// Keeps a new value. Most events of a stream repeat the one before, which then costs no allocation.
fn keep(kept: &mut Option<String>, word: Option<&str>) {
    if let Some(word) = word
        && kept.as_deref() != Some(word)
    {
        *kept = Some(word.to_owned());
    }
}

/// Longest reason that is kept.
const MAX_FINISH_WORD: usize = 64;

/// Returns a word that a record may contain, so that no payload gets into it.
fn finish_word(word: &[u8]) -> Option<String> {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-.".contains(byte);
    if !(1..=MAX_FINISH_WORD).contains(&word.len()) || !word.iter().all(plain) {
        return None;
    }
    String::from_utf8(word.to_vec()).ok()
}
