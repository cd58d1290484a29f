//! Which targets rest after a failure, in a form that all workers of a proxy can share.
//!
//! One small table travels through the proxy's shared data as a whole: reading it costs one host call, and merging is
//! commutative (the later end wins), so that a lost compare-and-set is simply done again. A target that failed without
//! saying for how long only goes to the end of the line, for a lone target must not be shut off by its own hiccup. A
//! target that said `Retry-After` is left alone until then.

/// Names a target across policies and workers: a hash of provider and model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TargetKey(pub u64);

impl TargetKey {
    /// FNV-1a over the provider's name, a zero byte, and its model name.
    #[must_use]
    pub fn new(provider: &str, model: &str) -> Self {
        let bytes = provider.bytes().chain([0]).chain(model.bytes());
        Self(bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)))
    }
}

/// How a target is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rest {
    /// Take it.
    Ready,
    /// It failed a moment ago: take it last.
    Tired,
    /// It asked to be left alone until this time, ms since the Unix epoch.
    Barred(u64),
}

/// The table. Times are milliseconds since the Unix epoch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cooldowns {
    entries: Vec<Entry>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Entry {
    key: TargetKey,
    tired_until: u64,
    barred_until: u64,
}

const ENTRY_BYTES: usize = 24;
/// More targets than this do not rest at the same time; the bound keeps a damaged table small.
const MAX_ENTRIES: usize = 4_096;

impl Cooldowns {
    /// How the target is doing at `now_ms`.
    #[must_use]
    pub fn rest(&self, key: TargetKey, now_ms: u64) -> Rest {
        match self.entries.iter().find(|entry| entry.key == key) {
            Some(entry) if entry.barred_until > now_ms => Rest::Barred(entry.barred_until),
            Some(entry) if entry.tired_until > now_ms => Rest::Tired,
            _ => Rest::Ready,
        }
    }

    /// Lets a target rest until `until_ms`; `barred` if it asked for it itself. Entries that are over are dropped.
    pub fn rest_until(&mut self, key: TargetKey, until_ms: u64, barred: bool, now_ms: u64) {
        self.entries.retain(|entry| entry.tired_until.max(entry.barred_until) > now_ms);
        let (tired_until, barred_until) = if barred { (0, until_ms) } else { (until_ms, 0) };
        self.merge_entry(Entry { key, tired_until, barred_until });
    }

    /// Takes over what another worker knows.
    pub fn merge(&mut self, other: &Self) {
        for entry in &other.entries {
            self.merge_entry(*entry);
        }
    }

    /// Whether nobody rests.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// For shared data: 24 bytes an entry, three little-endian u64.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let words = self.entries.iter().flat_map(|entry| [entry.key.0, entry.tired_until, entry.barred_until]);
        words.flat_map(u64::to_le_bytes).collect()
    }

    /// From shared data; a torn tail is ignored.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Self {
        let mut table = Self::default();
        for chunk in bytes.chunks_exact(ENTRY_BYTES).take(MAX_ENTRIES) {
            let mut words = chunk.chunks_exact(8).filter_map(|word| word.try_into().ok().map(u64::from_le_bytes));
            if let (Some(key), Some(tired_until), Some(barred_until)) = (words.next(), words.next(), words.next()) {
                table.merge_entry(Entry { key: TargetKey(key), tired_until, barred_until });
            }
        }
        table
    }

    fn merge_entry(&mut self, new: Entry) {
        if let Some(entry) = self.entries.iter_mut().find(|entry| entry.key == new.key) {
            entry.tired_until = entry.tired_until.max(new.tired_until);
            entry.barred_until = entry.barred_until.max(new.barred_until);
        } else if self.entries.len() < MAX_ENTRIES {
            self.entries.push(new);
        }
    }
}
