//! The table itself: sorted hashes, fixed-size rows, one arena of text.
//!
//! Rows refer to text by position; words that repeat are stored once. SHA-256 spreads evenly, so a binary search over
//! the sorted hashes needs 17 comparisons for 100 000 keys and no second index.

use crate::{Caller, Permission};
use headgate_record::RiskClass;
use std::collections::HashMap;

/// Largest number of keys of a table.
pub const MAX_KEYS: usize = 1_000_000;

/// One key as the policy document has it.
#[derive(Debug, Clone, Copy)]
pub struct KeyEntry<'a> {
    /// Its id.
    pub id: &'a str,
    /// SHA-256 of the key.
    pub sha256: [u8; 32],
    /// Its owner.
    pub owner: Option<&'a str>,
    /// Index of its team.
    pub team: Option<u32>,
    /// Overrides the team's.
    pub project: Option<&'a str>,
    /// Overrides the team's.
    pub application: Option<&'a str>,
    /// Overrides the team's.
    pub use_case: Option<&'a str>,
    /// Overrides the team's.
    pub risk_class: Option<RiskClass>,
    /// Globs over aliases; `None` means all.
    pub models: Option<&'a [String]>,
    /// Seconds since the Unix epoch.
    pub expires: Option<u64>,
    /// Switched off.
    pub disabled: bool,
    /// People try models with it.
    pub playground: bool,
}

/// All keys of a policy.
#[derive(Debug, Default)]
pub struct KeyTable {
    hashes: Vec<[u8; 32]>,
    rows: Vec<Row>,
    text: String,
    /// The first one permits all.
    permissions: Vec<Permission>,
}

/// The state of a key.
#[derive(Debug, Clone, Copy)]
pub(crate) struct KeyState {
    pub(crate) expires: Option<u64>,
    pub(crate) disabled: bool,
}

const NONE: u32 = u32::MAX;

/// A range of the arena.
#[derive(Debug, Clone, Copy)]
struct Word {
    at: u32,
    len: u32,
}

#[derive(Debug)]
struct Row {
    id: Word,
    owner: Word,
    project: Word,
    application: Word,
    use_case: Word,
    risk_class: Option<RiskClass>,
    team: u32,
    permission: u32,
    /// `u64::MAX`: the key never expires; 0: the key is disabled.
    expires: u64,
    playground: bool,
}

impl KeyTable {
    /// Builds the table. Of keys with the same hash one is kept; the policy's check has reported them before.
    pub fn build<'a>(entries: impl Iterator<Item = KeyEntry<'a>>) -> Self {
        let mut builder = Builder { permissions: vec![Permission::default()], ..Builder::default() };
        let mut rows: Vec<([u8; 32], Row)> =
            entries.take(MAX_KEYS).map(|entry| (entry.sha256, builder.row(&entry))).collect();
        rows.sort_by_key(|(hash, _)| *hash);
        rows.dedup_by_key(|(hash, _)| *hash);
        let (hashes, rows) = rows.into_iter().unzip();
        builder.text.shrink_to_fit();
        Self { hashes, rows, text: builder.text, permissions: builder.permissions }
    }

    /// Returns the number of keys.
    #[must_use]
    pub fn len(&self) -> usize {
        self.hashes.len()
    }

    /// Returns whether there are no keys.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.hashes.is_empty()
    }

    /// Returns the bytes that the table holds on the heap, without the globs.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.hashes.capacity() * size_of::<[u8; 32]>() + self.rows.capacity() * size_of::<Row>() + self.text.capacity()
    }

    pub(crate) fn find(&self, hash: &[u8; 32]) -> Option<(Caller<'_>, KeyState)> {
        let row = self.rows.get(self.hashes.binary_search(hash).ok()?)?;
        let caller = Caller {
            key_id: self.word(row.id).unwrap_or_default(),
            owner: self.word(row.owner),
            team: (row.team != NONE).then_some(row.team),
            project: self.word(row.project),
            application: self.word(row.application),
            use_case: self.word(row.use_case),
            risk_class: row.risk_class,
            permission: self.permissions.get(row.permission as usize)?,
            playground: row.playground,
        };
        let state = KeyState { expires: (row.expires != u64::MAX).then_some(row.expires), disabled: row.expires == 0 };
        Some((caller, state))
    }

    fn word(&self, word: Word) -> Option<&str> {
        let at = word.at as usize;
        if word.at == NONE { None } else { self.text.get(at..at.checked_add(word.len as usize)?) }
    }
}

#[derive(Default)]
struct Builder<'a> {
    text: String,
    words: HashMap<&'a str, Word>,
    permissions: Vec<Permission>,
    known_permissions: HashMap<&'a [String], u32>,
}

impl<'a> Builder<'a> {
    fn row(&mut self, entry: &KeyEntry<'a>) -> Row {
        Row {
            id: self.append(entry.id),
            owner: self.intern(entry.owner),
            project: self.intern(entry.project),
            application: self.intern(entry.application),
            use_case: self.intern(entry.use_case),
            risk_class: entry.risk_class,
            team: entry.team.unwrap_or(NONE),
            permission: entry.models.map_or(0, |globs| self.permission(globs)),
            expires: if entry.disabled { 0 } else { entry.expires.unwrap_or(u64::MAX).max(1) },
            playground: entry.playground,
        }
    }

    fn append(&mut self, text: &str) -> Word {
        let (Ok(at), Ok(len)) = (u32::try_from(self.text.len()), u32::try_from(text.len())) else {
            return Word { at: NONE, len: 0 };
        };
        self.text.push_str(text);
        Word { at, len }
    }

    fn intern(&mut self, text: Option<&'a str>) -> Word {
        let Some(text) = text else {
            return Word { at: NONE, len: 0 };
        };
        if let Some(known) = self.words.get(text) {
            return *known;
        }
        let word = self.append(text);
        self.words.insert(text, word);
        word
    }

    fn permission(&mut self, globs: &'a [String]) -> u32 {
        if let Some(known) = self.known_permissions.get(globs) {
            return *known;
        }
        let index = u32::try_from(self.permissions.len()).unwrap_or(NONE);
        self.permissions.push(Permission::of(Some(globs)));
        self.known_permissions.insert(globs, index);
        index
    }
}
