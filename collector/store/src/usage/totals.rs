//! The counters of usage: exact sums, and two histograms.
//!
//! Sums have 64 bits and saturate. A sender that invents numbers can make its own sums meaningless, but can neither wrap
//! them around nor cause other senders' records to be refused.

use super::histogram::Histogram;
use headgate_collector_columns::varint;
use headgate_collector_db::StoreError;
use headgate_record::{EndedBy, RejectedBy, RequestRecord, UsageSource};

macro_rules! counters {
    ($($(#[$meta:meta])* $name:ident = $word:literal),+ $(,)?) => {
        /// A sum. Its number is part of the format.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[repr(u8)]
        pub enum Counter { $($(#[$meta])* $name),+ }

        impl Counter {
            /// Every counter, by its number.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// Returns the name in answers.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $word),+ }
            }
        }
    };
}

// Only append: the number is part of the format.
counters! {
    /// Records.
    Requests = "requests",
    /// Records with a status of 400 and above.
    Errors = "errors",
    /// Records that the gateway rejected.
    RejectedByGateway = "rejected_by_gateway",
    /// Records that a provider rejected.
    RejectedByProvider = "rejected_by_provider",
    /// Records of requests that the client ended early.
    EndedByClient = "ended_by_client",
    /// Records of requests that the provider broke off.
    EndedByProvider = "ended_by_provider",
    /// Tokens of the prompts.
    InputTokens = "input_tokens",
    /// Input tokens that were read from the provider's cache.
    CachedInputTokens = "cached_input_tokens",
    /// Input tokens that were written to the provider's cache.
    CacheWriteInputTokens = "cache_write_input_tokens",
    /// Of these, the tokens to be kept for an hour.
    CacheWrite1hInputTokens = "cache_write_1h_input_tokens",
    /// Tokens of the answers.
    OutputTokens = "output_tokens",
    /// Output tokens that were spent on reasoning.
    ReasoningTokens = "reasoning_tokens",
    /// The cost in nano-USD.
    Cost = "cost_nano_usd",
    /// Requests with estimated tokens, because the provider did not report any.
    EstimatedRequests = "estimated_requests",
    /// The part of the cost that is from estimated tokens.
    EstimatedCost = "estimated_cost_nano_usd",
    /// Requests to models without a price of their own. The provider's highest known price was assumed.
    UnpricedRequests = "unpriced_requests",
    /// The part of the cost that is from assumed prices.
    UnpricedCost = "unpriced_cost_nano_usd",
    /// Records that another part of the host rejected, such as a plugin of APISIX.
    RejectedByHost = "rejected_by_host",
}

const COUNTERS: usize = Counter::ALL.len();

/// Sums and histograms over some requests.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Totals {
    sums: [u64; COUNTERS],
    /// The histogram of `duration_us`.
    pub duration: Histogram,
    /// The histogram of `time_to_first_token_us`, of the requests that have one.
    pub first_token: Histogram,
}

impl Totals {
    /// Returns the sum of a counter.
    #[must_use]
    pub fn get(&self, counter: Counter) -> u64 {
        self.sums.get(counter as usize).copied().unwrap_or(0)
    }

    /// Counts a record.
    pub fn add(&mut self, record: &RequestRecord) {
        self.add_outcome(record);
        let estimated = record.usage.is_some_and(|usage| usage.source == UsageSource::Estimated);
        if let Some(usage) = &record.usage {
            self.increase(Counter::InputTokens, usage.input_tokens);
            self.increase(Counter::CachedInputTokens, usage.cached_input_tokens);
            self.increase(Counter::CacheWriteInputTokens, usage.cache_write_input_tokens);
            self.increase(Counter::CacheWrite1hInputTokens, usage.cache_write_1h_input_tokens);
            self.increase(Counter::OutputTokens, usage.output_tokens);
            self.increase(Counter::ReasoningTokens, usage.reasoning_tokens);
        }
        let cost = record.cost.as_ref().map_or(0, |cost| cost.nano_usd);
        let unpriced = record.cost.as_ref().is_some_and(|cost| cost.assumed);
        self.increase(Counter::Cost, cost);
        self.increase(Counter::EstimatedRequests, u64::from(estimated));
        self.increase(Counter::EstimatedCost, if estimated { cost } else { 0 });
        self.increase(Counter::UnpricedRequests, u64::from(unpriced));
        self.increase(Counter::UnpricedCost, if unpriced { cost } else { 0 });
        self.duration.add(record.duration_us);
        if let Some(us) = record.time_to_first_token_us {
            self.first_token.add(us);
        }
    }

    fn add_outcome(&mut self, record: &RequestRecord) {
        let rejected = |by| u64::from(record.rejected_by == Some(by));
        let ended = |by| u64::from(record.ended_by == by);
        self.increase(Counter::Requests, 1);
        self.increase(Counter::Errors, u64::from(record.status >= 400));
        self.increase(Counter::RejectedByGateway, rejected(RejectedBy::Gateway));
        self.increase(Counter::RejectedByProvider, rejected(RejectedBy::Provider));
        self.increase(Counter::RejectedByHost, rejected(RejectedBy::Host));
        self.increase(Counter::EndedByClient, ended(EndedBy::Client));
        self.increase(Counter::EndedByProvider, ended(EndedBy::Provider));
    }

    /// Adds other totals.
    pub fn merge(&mut self, other: &Self) {
        self.sums.iter_mut().zip(other.sums).for_each(|(sum, more)| *sum = sum.saturating_add(more));
        self.duration.merge(&other.duration);
        self.first_token.merge(&other.first_token);
    }

    /// Returns whether nothing was counted.
    pub(super) fn is_empty(&self) -> bool {
        self.get(Counter::Requests) == 0
    }

    /// Returns the size of the histograms in memory, in buckets.
    pub(super) fn histogram_buckets(&self) -> usize {
        self.duration.size() + self.first_token.size()
    }

    /// Adds to a counter or subtracts from it.
    pub(super) fn adjust(&mut self, counter: Counter, amount: i64) {
        if let Some(sum) = self.sums.get_mut(counter as usize) {
            *sum = sum.saturating_add_signed(amount);
        }
    }

    fn increase(&mut self, counter: Counter, by: u64) {
        if let Some(sum) = self.sums.get_mut(counter as usize) {
            *sum = sum.saturating_add(by);
        }
    }

    /// Encodes the totals for the database: the number of counters, each counter, then the histograms of duration and of
    /// first token.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(96);
        varint::write(&mut out, u64::try_from(COUNTERS).unwrap_or(0));
        self.sums.iter().for_each(|sum| varint::write(&mut out, *sum));
        self.duration.write(&mut out);
        self.first_token.write(&mut out);
        out
    }

    /// Adds encoded totals, the histograms only if requested. Counters that were added later are 0.
    pub(super) fn merge_bytes(&mut self, bytes: &[u8], histograms: bool) -> Result<(), StoreError> {
        self.merge_from(bytes, histograms).ok_or(StoreError::Damaged)
    }

    fn merge_from(&mut self, bytes: &[u8], histograms: bool) -> Option<()> {
        let mut bytes = bytes.iter();
        let counters = usize::try_from(varint::read(&mut bytes)?).ok().filter(|count| *count <= COUNTERS)?;
        for sum in self.sums.iter_mut().take(counters) {
            *sum = sum.saturating_add(varint::read(&mut bytes)?);
        }
        if histograms {
            self.duration.merge_from(&mut bytes)?;
            self.first_token.merge_from(&mut bytes)?;
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use headgate_record::{Cost, Usage};

    fn record(tokens: u64) -> RequestRecord {
        RequestRecord {
            status: 200,
            duration_us: 1_000,
            time_to_first_token_us: Some(10),
            usage: Some(Usage { input_tokens: tokens, source: UsageSource::Estimated, ..Usage::default() }),
            cost: Some(Cost { nano_usd: tokens, assumed: true, ..Cost::default() }),
            ..RequestRecord::default()
        }
    }

    #[test]
    fn totals_are_read_back_and_sums_saturate() {
        let mut totals = Totals::default();
        totals.add(&record(u64::MAX));
        totals.add(&record(5));
        assert_eq!(totals.get(Counter::InputTokens), u64::MAX);
        assert_eq!(totals.get(Counter::UnpricedCost), u64::MAX);
        assert_eq!((totals.get(Counter::Requests), totals.get(Counter::EstimatedRequests)), (2, 2));
        let (mut read, mut twice) = (Totals::default(), totals.clone());
        read.merge_bytes(&totals.to_bytes(), true).unwrap();
        assert_eq!(read, totals);
        read.merge_bytes(&totals.to_bytes(), true).unwrap();
        twice.merge(&totals);
        assert_eq!(read, twice);
    }

    #[test]
    fn truncated_rows_are_damage_and_short_ones_old() {
        let mut totals = Totals::default();
        totals.add(&record(300));
        let bytes = totals.to_bytes();
        for cut in 0..bytes.len() {
            assert_eq!(Totals::default().merge_bytes(&bytes[..cut], true), Err(StoreError::Damaged), "{cut}");
        }
        let mut older = Totals::default();
        older.merge_bytes(&[1, 7, 0, 0], true).unwrap();
        assert_eq!((older.get(Counter::Requests), older.get(Counter::Errors)), (7, 0));
        assert_eq!(older.merge_bytes(&[99, 7], true), Err(StoreError::Damaged));
    }
}
