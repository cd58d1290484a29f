//! The states of a tree that somebody has committed to: signed checkpoints, and the notes in the audit log.

use super::commitment::Commitment;
use headgate_collector_db::{Db, StoreError};
use headgate_collector_store::{self as store, SignedCheckpoint};
use headgate_collector_tree::{Check, Checkpoint, CompactRange, Verdict, VerifyingKey};
use headgate_collector_types::Log;
use std::collections::VecDeque;

/// The checkpoints of one query.
const PAGE: u32 = 1_000;

/// The states of one log, compared with its tree as it grows.
pub(super) struct SignedStates<'a> {
    db: &'a Db,
    log: Log,
    keys: Vec<VerifyingKey>,
    page: VecDeque<SignedCheckpoint>,
    /// The size of the last checkpoint that was read.
    read_to: u64,
    is_at_end: bool,
    /// The smallest first.
    commitments: VecDeque<Commitment>,
    checked: u64,
    skipped: u64,
    wrong: u64,
    first_wrong: Option<u64>,
    wrong_signatures: u64,
    wrong_commitments: u64,
    checked_commitments: u64,
}

impl<'a> SignedStates<'a> {
    pub(super) fn new(db: &'a Db, log: Log, keys: &[VerifyingKey], mut commitments: Vec<Commitment>) -> Self {
        commitments.sort_unstable_by_key(|commitment| commitment.size);
        Self {
            db,
            log,
            keys: keys.iter().filter_map(|key| store::key_of(log, key)).collect(),
            page: VecDeque::new(),
            read_to: 0,
            is_at_end: false,
            commitments: commitments.into(),
            checked: 0,
            skipped: 0,
            wrong: 0,
            first_wrong: None,
            wrong_signatures: 0,
            wrong_commitments: 0,
            checked_commitments: 0,
        }
    }

    /// Compares the states of the tree's present size with it. States of smaller sizes cannot be judged any more.
    pub(super) fn compare(&mut self, range: &CompactRange) -> Result<(), StoreError> {
        while let Some(next) = self.next()?.filter(|next| next.size <= range.size()) {
            self.page.pop_front();
            if next.size < range.size() {
                self.skipped = self.skipped.saturating_add(1);
                continue;
            }
            self.checked = self.checked.saturating_add(1);
            if next.root != range.root() {
                self.wrong = self.wrong.saturating_add(1);
                self.first_wrong = self.first_wrong.or(Some(next.size));
            }
            if !self.is_signed(&next) {
                self.wrong_signatures = self.wrong_signatures.saturating_add(1);
            }
        }
        while let Some(next) = self.commitments.front().copied().filter(|next| next.size <= range.size()) {
            self.commitments.pop_front();
            if next.size == range.size() {
                self.checked_commitments = self.checked_commitments.saturating_add(1);
                self.wrong_commitments += u64::from(next.root != range.root());
            }
        }
        Ok(())
    }

    fn next(&mut self) -> Result<Option<SignedCheckpoint>, StoreError> {
        if self.page.is_empty() && !self.is_at_end {
            self.page = store::checkpoints_after(self.db, self.log, self.read_to, PAGE)?.into();
            self.is_at_end = self.page.is_empty();
            self.read_to = self.page.back().map_or(self.read_to, |last| last.size);
        }
        Ok(self.page.front().cloned())
    }

    fn is_signed(&self, signed: &SignedCheckpoint) -> bool {
        if self.keys.is_empty() {
            return true;
        }
        Checkpoint::open(&signed.note, &self.keys)
            .is_ok_and(|opened| opened.size == signed.size && opened.root == signed.root)
    }

    /// Adds the results.
    pub(super) fn report(&mut self, verdict: &mut Verdict) -> Result<(), StoreError> {
        let of = format!("{} checkpoints", self.log.as_str());
        // Whatever is left is beyond the end of the log.
        let mut beyond = 0_u64;
        while self.next()?.is_some() {
            self.page.pop_front();
            beyond = beyond.saturating_add(1);
        }
        if beyond > 0 {
            let text = format!(
                "{beyond} cover more entries than the log has: entries were cut off, or the database is an older one"
            );
            verdict.add(Check::contradicted(&of, text));
        }
        if let Some(first) = self.first_wrong {
            let text = format!(
                "{} of {} have another root than the entries; the first covers {first} entries",
                self.wrong, self.checked
            );
            verdict.add(Check::contradicted(&of, text));
        }
        if self.wrong_signatures > 0 {
            verdict.add(Check::contradicted(&of, format!("{} are not signed by the key", self.wrong_signatures)));
        }
        if self.skipped > 0 {
            verdict.add(Check::unknown(&of, format!("{} end among leaves that are lost or deleted", self.skipped)));
        }
        if self.wrong == 0 && self.wrong_signatures == 0 {
            verdict.add(Check::holds(&of, format!("{} fit the entries", self.checked)));
        }
        if self.wrong_commitments > 0 || !self.commitments.is_empty() {
            let wrong =
                self.wrong_commitments.saturating_add(u64::try_from(self.commitments.len()).unwrap_or(u64::MAX));
            let text = format!("the audit log notes {wrong} states of this tree that it never had");
            verdict.add(Check::contradicted(format!("{} tree", self.log.as_str()), text));
        } else if self.checked_commitments > 0 {
            let text = format!("{} states that the audit log notes fit the entries", self.checked_commitments);
            verdict.add(Check::holds(format!("{} tree", self.log.as_str()), text));
        }
        Ok(())
    }
}
