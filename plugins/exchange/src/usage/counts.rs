//! The counts of usage objects in the notations of all providers, and their sum.
//!
//! Providers report the usage of an answer in one object, in each event of a stream, or in parts. So every count is the
//! largest one that was reported: an object that is empty or all zeros does not lower it.

use super::fields::UsageField;
use crate::json::whole_number;

/// Largest token count: 2^53, up to which JSON's numbers are exact.
const MAX_COUNT: u64 = 1 << 53;

/// Token counts as a provider reported them. `cached_input` and `cache_write` are parts of `input`, `cache_write_1h` is
/// part of `cache_write`, `reasoning` is part of `output`. Anthropic reports three disjoint kinds of input, which are
/// added up here.
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

impl Tokens {
    /// Returns the larger one of each count.
    #[must_use]
    pub fn max(self, other: Self) -> Self {
        self.each(other, u64::max)
    }

    /// Returns the sum of each count.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        self.each(other, u64::saturating_add)
    }

    fn each(self, other: Self, with: impl Fn(u64, u64) -> u64) -> Self {
        Self {
            input: with(self.input, other.input),
            output: with(self.output, other.output),
            cached_input: with(self.cached_input, other.cached_input),
            cache_write: with(self.cache_write, other.cache_write),
            cache_write_1h: with(self.cache_write_1h, other.cache_write_1h),
            reasoning: with(self.reasoning, other.reasoning),
        }
    }
}

/// The notation of the counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Kind {
    /// OpenAI: the input includes cached tokens.
    #[default]
    Whole,
    /// Anthropic: the input does not include tokens read from or written to the cache. Reported at the end.
    Message,
    /// The same, reported at the beginning.
    Begun,
}

#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Counts {
    pub(super) kind: Kind,
    input: Option<u64>,
    output: Option<u64>,
    total: Option<u64>,
    /// Part of the input, or separate.
    cache_read: Option<u64>,
    /// Part of the input, as OpenAI counts.
    cached: Option<u64>,
    /// Part of the input, or separate.
    cache_creation: Option<u64>,
    /// Part of the input, as OpenAI counts.
    cache_write: Option<u64>,
    cache_write_1h: Option<u64>,
    reasoning: Option<u64>,
    /// Whether a count was not a valid number.
    pub(super) flawed: bool,
}

impl Counts {
    pub(super) fn of(kind: Kind) -> Self {
        Self { kind, ..Self::default() }
    }

    /// Notes a count. Some servers write two spellings of one count and leave one of them at 0.
    pub(super) fn note(&mut self, field: UsageField, written: &[u8]) {
        let slot = match field {
            UsageField::Input => &mut self.input,
            UsageField::Output => &mut self.output,
            UsageField::Total => &mut self.total,
            UsageField::CacheRead => &mut self.cache_read,
            UsageField::Cached => &mut self.cached,
            UsageField::CacheCreation => &mut self.cache_creation,
            UsageField::CacheWrite => &mut self.cache_write,
            UsageField::CacheWrite1h => &mut self.cache_write_1h,
            UsageField::Reasoning => &mut self.reasoning,
            _ => return,
        };
        let number = whole_number(written).map(|number| number.min(MAX_COUNT));
        self.flawed |= number.is_none() && written != b"null";
        *slot = (*slot).max(number);
    }

    /// Returns whether a count was not a valid number, or a part is larger than its whole.
    pub(super) fn is_flawed(self, text_bytes: u64) -> bool {
        let Some(tokens) = self.tokens(text_bytes) else { return self.flawed };
        let beyond = |reported: Option<u64>, most: u64| reported.is_some_and(|reported| reported > most);
        self.flawed
            || beyond(self.cached.max(self.cache_read), tokens.cached_input)
            || beyond(self.cache_write.max(self.cache_creation), tokens.cache_write)
            || beyond(self.cache_write_1h, tokens.cache_write_1h)
            || beyond(self.reasoning, tokens.reasoning)
    }

    /// Returns the usage. `text_bytes` is the size of the text that came with it.
    pub(super) fn tokens(self, text_bytes: u64) -> Option<Tokens> {
        match self.kind {
            Kind::Whole => self.of_whole(text_bytes),
            Kind::Message | Kind::Begun => self.of_message(),
        }
    }

    /// Returns input and output, one of them from the total if needed. Without any output count there is none, unless
    /// there was no text either, as with embeddings.
    fn of_whole(self, text_bytes: u64) -> Option<Tokens> {
        let prompt = self.input.or_else(|| self.total?.checked_sub(self.output?))?;
        let beside = self.cache_beside(prompt);
        let input = prompt.saturating_add(beside);
        let output = self.all_output(input).or((text_bytes == 0).then_some(0))?;
        // Cached tokens are cheap, so an impossible number of them counts as none. Writes are expensive, so they are only capped.
        let cached_input = self.cached.max(self.cache_read).filter(|cached| *cached <= input).unwrap_or(0);
        let cache_write = self.cache_write.max(self.cache_creation).unwrap_or(0).min(input - cached_input);
        Some(Tokens {
            input,
            output,
            cached_input,
            cache_write,
            cache_write_1h: self.cache_write_1h.unwrap_or(0).min(cache_write),
            reasoning: self.reasoning.unwrap_or(0).min(output),
        })
    }

    /// Returns the cached tokens under Anthropic's names that an OpenAI prompt does not include. It includes them unless
    /// the total says otherwise, or they are more than the prompt.
    fn cache_beside(self, prompt: u64) -> u64 {
        let beside = self.cache_read.unwrap_or(0).saturating_add(self.cache_creation.unwrap_or(0));
        let sum = prompt.saturating_add(beside).saturating_add(self.output.unwrap_or(0));
        let with_reasoning = sum.saturating_add(self.reasoning.unwrap_or(0));
        let told = beside > 0 && self.total.is_some_and(|total| total == sum || total == with_reasoning);
        if told || beside > prompt { beside } else { 0 }
    }

    /// Returns the output with reasoning, which some providers leave out of the output but not of the total, or of both. The
    /// larger of output and rest includes the reasoning if it is large enough.
    fn all_output(self, input: u64) -> Option<u64> {
        let rest = self.total.and_then(|total| total.checked_sub(input));
        let reasoning = self.reasoning.unwrap_or(0);
        self.output.max(rest).map(|output| match output < reasoning {
            true => output.saturating_add(reasoning),
            false => output,
        })
    }

    /// Each count is at most 2^53, so their sum fits.
    fn of_message(self) -> Option<Tokens> {
        let (cached_input, cache_write) = (self.cache_read.unwrap_or(0), self.cache_creation.unwrap_or(0));
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
