//! The health of targets after failures, in a form that all workers of a proxy can share.
//!
//! One small table is kept whole in the proxy's shared data: reading it costs one host call. Merging is commutative
//! (the later end wins), so a lost compare-and-set is simply repeated. A target that fails without `Retry-After` is only
//! tried last, so that a lone target is not shut off by one failure. A target that sends `Retry-After` is skipped until
//! then.

/// Identifies a target across policies and workers: a hash of provider and model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TargetKey(pub u64);

impl TargetKey {
    /// Returns FNV-1a over the provider's name, a zero byte and the model's name.
    #[must_use]
    pub fn new(provider: &str, model: &str) -> Self {
        let bytes = provider.bytes().chain([0]).chain(model.bytes());
        Self(bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)))
    }
}

/// The health of a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TargetHealth {
    /// It is tried first.
    Healthy,
    /// It failed recently, and is tried last.
    Degraded,
    /// It sent `Retry-After`, and is skipped until this time, ms since the Unix epoch.
    Unavailable(u64),
}

/// The table. Times are milliseconds since the Unix epoch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cooldowns {
    entries: Vec<Entry>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Entry {
    key: TargetKey,
    degraded_until: u64,
    unavailable_until: u64,
}

const ENTRY_BYTES: usize = 24;
/// Bound of the table, so that a damaged one stays small. Fewer targets are in cooldown at the same time.
const MAX_ENTRIES: usize = 4_096;

impl Cooldowns {
    /// Returns the health of the target at `now_ms`.
    #[must_use]
    pub fn health(&self, key: TargetKey, now_ms: u64) -> TargetHealth {
        match self.entries.iter().find(|entry| entry.key == key) {
            Some(entry) if entry.unavailable_until > now_ms => TargetHealth::Unavailable(entry.unavailable_until),
            Some(entry) if entry.degraded_until > now_ms => TargetHealth::Degraded,
            _ => TargetHealth::Healthy,
        }
    }

    /// Puts a target in cooldown until `until_ms`; `unavailable` if the target sent `Retry-After`. Removes entries that
    /// have ended.
    pub fn set_cooldown(&mut self, key: TargetKey, until_ms: u64, unavailable: bool, now_ms: u64) {
        self.entries.retain(|entry| entry.degraded_until.max(entry.unavailable_until) > now_ms);
        let (degraded_until, unavailable_until) = if unavailable { (0, until_ms) } else { (until_ms, 0) };
        self.merge_entry(Entry { key, degraded_until, unavailable_until });
    }

    /// Merges the entries of another worker.
    pub fn merge(&mut self, other: &Self) {
        for entry in &other.entries {
            self.merge_entry(*entry);
        }
    }

    /// Returns whether no target is in cooldown.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Returns the table for shared data: 24 bytes an entry, three little-endian u64.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let words = self.entries.iter().flat_map(|entry| [entry.key.0, entry.degraded_until, entry.unavailable_until]);
        words.flat_map(u64::to_le_bytes).collect()
    }

    /// Reads the table from shared data. Ignores an incomplete entry at the end.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Self {
        let mut table = Self::default();
        for chunk in bytes.chunks_exact(ENTRY_BYTES).take(MAX_ENTRIES) {
            let mut words = chunk.chunks_exact(8).filter_map(|word| word.try_into().ok().map(u64::from_le_bytes));
            if let (Some(key), Some(degraded_until), Some(unavailable_until)) =
                (words.next(), words.next(), words.next())
            {
                table.merge_entry(Entry { key: TargetKey(key), degraded_until, unavailable_until });
            }
        }
        table
    }

    fn merge_entry(&mut self, new: Entry) {
        if let Some(entry) = self.entries.iter_mut().find(|entry| entry.key == new.key) {
            entry.degraded_until = entry.degraded_until.max(new.degraded_until);
            entry.unavailable_until = entry.unavailable_until.max(new.unavailable_until);
        } else if self.entries.len() < MAX_ENTRIES {
            self.entries.push(new);
        }
    }
}
