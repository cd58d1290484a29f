//! Counts of a usage object, however a provider spells and divides them, and the account they make.
//!
//! Providers tell the usage of one answer in one object, in each event of a stream, or in parts. So every count is the
//! largest that was told: counts only grow, and an object that is empty or all zeros takes nothing back.

use super::places::Spot;
use crate::json::whole_number;

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

impl Tokens {
    /// Of each count the larger one.
    #[must_use]
    pub fn max(self, other: Self) -> Self {
        self.each(other, u64::max)
    }

    /// Both together.
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

/// Whose account the counts are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Kind {
    /// OpenAI: the input is all of it.
    #[default]
    Whole,
    /// Anthropic: what came of the cache, and what went into it, is not in the input. Told at the end.
    Message,
    /// The same, told at the beginning.
    Begun,
}

#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Counts {
    pub(super) kind: Kind,
    input: Option<u64>,
    output: Option<u64>,
    total: Option<u64>,
    /// Of the input, or beside it.
    cache_read: Option<u64>,
    /// Of the input, as OpenAI counts.
    cached: Option<u64>,
    /// Of the input, or beside it.
    cache_creation: Option<u64>,
    /// Of the input, as OpenAI counts.
    cache_write: Option<u64>,
    cache_write_1h: Option<u64>,
    reasoning: Option<u64>,
    /// Something stood where a count belongs that is none.
    pub(super) flawed: bool,
}

impl Counts {
    pub(super) fn of(kind: Kind) -> Self {
        Self { kind, ..Self::default() }
    }

    /// Takes the count that is written here. Some servers write both spellings of one and leave one of them at 0.
    pub(super) fn note(&mut self, spot: Spot, written: &[u8]) {
        let slot = match spot {
            Spot::Input => &mut self.input,
            Spot::Output => &mut self.output,
            Spot::Total => &mut self.total,
            Spot::CacheRead => &mut self.cache_read,
            Spot::Cached => &mut self.cached,
            Spot::CacheCreation => &mut self.cache_creation,
            Spot::CacheWrite => &mut self.cache_write,
            Spot::CacheWrite1h => &mut self.cache_write_1h,
            Spot::Reasoning => &mut self.reasoning,
            _ => return,
        };
        let number = whole_number(written).map(|number| number.min(MAX_COUNT));
        self.flawed |= number.is_none() && written != b"null";
        *slot = (*slot).max(number);
    }

    /// The account. `text_bytes` of text came with it.
    pub(super) fn tokens(self, text_bytes: u64) -> Option<Tokens> {
        match self.kind {
            Kind::Whole => self.of_whole(text_bytes),
            Kind::Message | Kind::Begun => self.of_message(),
        }
    }

    /// Both sides of the account, one from the total if need be. Without a word on the output there is none, unless
    /// there was no text either: embeddings.
    fn of_whole(self, text_bytes: u64) -> Option<Tokens> {
        let prompt = self.input.or_else(|| self.total?.checked_sub(self.output?))?;
        let beside = self.cache_beside(prompt);
        let input = prompt.saturating_add(beside);
        let output = self.all_output(input).or((text_bytes == 0).then_some(0))?;
        let cached_input = self.cached.max(self.cache_read).unwrap_or(0).min(input);
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

    /// What Anthropic's names of cached tokens add to an OpenAI prompt: nothing where it holds them already. The total
    /// tells, or that they are more than the prompt.
    fn cache_beside(self, prompt: u64) -> u64 {
        let beside = self.cache_read.unwrap_or(0).saturating_add(self.cache_creation.unwrap_or(0));
        let sum = prompt.saturating_add(beside).saturating_add(self.output.unwrap_or(0));
        let with_reasoning = sum.saturating_add(self.reasoning.unwrap_or(0));
        let told = beside > 0 && self.total.is_some_and(|total| total == sum || total == with_reasoning);
        if told || beside > prompt { beside } else { 0 }
    }

    /// Some providers leave reasoning out of the output but not out of the total, or out of both.
    fn all_output(self, input: u64) -> Option<u64> {
        let rest = self.total.and_then(|total| total.checked_sub(input));
        let reasoning = self.reasoning.unwrap_or(0);
        let output = self.output.map(|output| match output < reasoning {
            true => output.saturating_add(reasoning),
            false => output,
        });
        // With a total that says so, the sum above counts nothing twice.
        match (self.output, rest) {
            (Some(reported), Some(rest)) if rest >= reported => Some(rest),
            _ => output.max(rest),
        }
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
