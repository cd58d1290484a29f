//! A cell: the accounts of the subjects that hash to it, as bytes that all workers of a proxy share.
//!
//! The host's shared data has no way to remove a key, so a key per subject would be memory that never comes back. A
//! fixed number of cells, each with room for a bounded number of accounts, does not grow. The account that was untouched for longest
//! makes room, and its counts are with the collector. Accounts of one subject lie in one cell, because each cell that
//! a request needs costs two calls to the host. Counters are changed where they lie.
//!
//! An account: length of the whole (u16), meters (u8), 0 (u8), touched (u32, s since the epoch), tag of the rule
//! (u64), length of the subject (u16), the subject, the counters; all little-endian.

use crate::counter::{COUNTER_BYTES, Counter, Evicted};
use crate::rule::{MAX_METERS, MAX_SUBJECT_BYTES};

const HEAD_BYTES: usize = 18;
/// Accounts from which on the one untouched for longest makes room, if nothing would be lost with it.
const CROWDED: usize = 64;
/// Accounts from which on it makes room in any case.
const FULL: usize = 256;

/// See the module's text.
#[derive(Debug, Default)]
pub(crate) struct Cell {
    bytes: Vec<u8>,
}

/// The place of an account. Valid until an account is added.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AccountOffset {
    at: usize,
    counters: usize,
    meters: usize,
}

/// An account, as it lies in its cell.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Account<'a> {
    pub(crate) place: AccountOffset,
    pub(crate) tag: u64,
    pub(crate) subject: &'a [u8],
    touched: u32,
    length: usize,
}

impl Account<'_> {
    /// Whether a request touched it then or later.
    pub(crate) fn was_touched_since(&self, at_s: u64) -> bool {
        u64::from(self.touched) >= at_s
    }
}

/// Counts that lost their place and may not have been reported.
#[derive(Debug)]
pub(crate) struct Removed {
    pub(crate) tag: u64,
    pub(crate) subject: Vec<u8>,
    /// Index of the meter, and its use in a window.
    pub(crate) counts: Vec<(usize, Evicted)>,
}

impl Cell {
    /// Takes the host's bytes. Bytes that make no sense count as none.
    pub(crate) fn new(bytes: Vec<u8>) -> Self {
        let cell = Self { bytes };
        let length: usize = cell.accounts().map(|account| account.length).sum();
        if length == cell.bytes.len() { cell } else { Self::default() }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(crate) fn accounts(&self) -> impl Iterator<Item = Account<'_>> {
        let mut at = 0;
        std::iter::from_fn(move || {
            let account = self.account(at)?;
            at = at.checked_add(account.length)?;
            Some(account)
        })
    }

    fn account(&self, at: usize) -> Option<Account<'_>> {
        let bytes = self.bytes.get(at..)?;
        let length = usize::from(u16::from_le_bytes(field(bytes, 0)?));
        let meters = usize::from(*bytes.get(2)?);
        let subject_bytes = usize::from(u16::from_le_bytes(field(bytes, 16)?));
        let fits = length == HEAD_BYTES + subject_bytes + meters * COUNTER_BYTES && length <= bytes.len();
        if !fits {
            return None;
        }
        Some(Account {
            place: AccountOffset { at, counters: at + HEAD_BYTES + subject_bytes, meters },
            tag: u64::from_le_bytes(field(bytes, 8)?),
            subject: bytes.get(HEAD_BYTES..HEAD_BYTES + subject_bytes)?,
            touched: u32::from_le_bytes(field(bytes, 4)?),
            length,
        })
    }

    pub(crate) fn find(&self, tag: u64, subject: &[u8]) -> Option<AccountOffset> {
        self.account_of(tag, subject).map(|account| account.place)
    }

    pub(crate) fn account_of(&self, tag: u64, subject: &[u8]) -> Option<Account<'_>> {
        self.accounts().find(|account| account.tag == tag && account.subject == subject)
    }

    /// The counters of an account, in the order of its rule's meters.
    pub(crate) fn counters(&self, place: AccountOffset) -> impl Iterator<Item = Counter> + '_ {
        (0..place.meters).filter_map(move |index| self.counter(place, index))
    }

    pub(crate) fn counter(&self, place: AccountOffset, index: usize) -> Option<Counter> {
        let at = place.counters + index * COUNTER_BYTES;
        self.bytes.get(at..at + COUNTER_BYTES).filter(|_| index < place.meters).map(Counter::from_bytes)
    }

    pub(crate) fn set_counter(&mut self, place: AccountOffset, index: usize, counter: Counter) {
        let at = place.counters + index * COUNTER_BYTES;
        if let Some(bytes) = self.bytes.get_mut(at..at + COUNTER_BYTES) {
            bytes.copy_from_slice(&counter.to_bytes());
        }
    }

    pub(crate) fn touch(&mut self, place: AccountOffset, now_s: u64) {
        if let Some(bytes) = self.bytes.get_mut(place.at + 4..place.at + 8) {
            bytes.copy_from_slice(&u32::try_from(now_s).unwrap_or(u32::MAX).to_le_bytes());
        }
    }

    /// Adds an account; `removed` gets the accounts that make room. `shared` says that the collector keeps counts too.
    pub(crate) fn add(
        &mut self,
        tag: u64,
        subject: &[u8],
        counters: &[Counter],
        now_s: u64,
        shared: bool,
        removed: &mut Vec<Removed>,
    ) -> Option<AccountOffset> {
        self.make_room(now_s, shared, removed);
        let subject = subject.get(..subject.len().min(MAX_SUBJECT_BYTES))?;
        let counters = counters.get(..counters.len().min(MAX_METERS))?;
        let length = HEAD_BYTES + subject.len() + counters.len() * COUNTER_BYTES;
        let at = self.bytes.len();
        self.bytes.extend_from_slice(&u16::try_from(length).ok()?.to_le_bytes());
        self.bytes.extend_from_slice(&[u8::try_from(counters.len()).ok()?, 0]);
        self.bytes.extend_from_slice(&u32::try_from(now_s).unwrap_or(u32::MAX).to_le_bytes());
        self.bytes.extend_from_slice(&tag.to_le_bytes());
        self.bytes.extend_from_slice(&u16::try_from(subject.len()).ok()?.to_le_bytes());
        self.bytes.extend_from_slice(subject);
        counters.iter().for_each(|counter| self.bytes.extend_from_slice(&counter.to_bytes()));
        Some(AccountOffset { at, counters: at + HEAD_BYTES + subject.len(), meters: counters.len() })
    }

    /// Adds an account only if nothing has to make room for it.
    pub(crate) fn add_if_room(
        &mut self,
        tag: u64,
        subject: &[u8],
        counters: &[Counter],
        now_s: u64,
    ) -> Option<AccountOffset> {
        if self.accounts().count() >= CROWDED {
            return None;
        }
        self.add(tag, subject, counters, now_s, true, &mut Vec::new())
    }

    fn make_room(&mut self, now_s: u64, shared: bool, removed: &mut Vec<Removed>) {
        let count = self.accounts().count();
        if count < CROWDED {
            return;
        }
        let settled = |account: &Account<'_>| self.counters(account.place).all(|one| one.is_settled(shared, now_s));
        let oldest_settled = self.accounts().filter(settled).min_by_key(|account| account.touched);
        let oldest = || self.accounts().min_by_key(|account| account.touched).filter(|_| count >= FULL);
        let Some(account) = oldest_settled.or_else(oldest) else { return };
        let (start, end) = (account.place.at, account.place.at + account.length);
        removed.push(Removed {
            tag: account.tag,
            subject: account.subject.to_vec(),
            counts: self.counters(account.place).enumerate().flat_map(unreported).collect(),
        });
        self.bytes.drain(start..end);
    }
}

/// Returns the unreported part of a counter.
fn unreported((index, counter): (usize, Counter)) -> impl Iterator<Item = (usize, Evicted)> {
    counter.unreported().into_iter().filter(|evicted| evicted.amount > 0).map(move |evicted| (index, evicted))
}

fn field<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::period::Window;
    use proptest::prelude::*;

    fn counter(used: u64) -> Counter {
        Counter { used, acked: used, ..Counter::new(Window { start: 60, end: 120 }) }
    }

    #[test]
    fn account_is_found_by_rule_and_subject() {
        let mut cell = Cell::default();
        let mut removed = Vec::new();
        cell.add(1, b"alice", &[counter(3), counter(4)], 100, true, &mut removed);
        cell.add(2, b"alice", &[counter(5)], 100, true, &mut removed);
        let place = cell.find(1, b"alice").unwrap();
        cell.set_counter(place, 1, counter(9));
        let cell = Cell::new(cell.bytes().to_vec());
        assert_eq!(cell.counters(cell.find(1, b"alice").unwrap()).map(|one| one.used).collect::<Vec<_>>(), [3, 9]);
        assert_eq!(cell.counters(cell.find(2, b"alice").unwrap()).map(|one| one.used).collect::<Vec<_>>(), [5]);
        assert!(cell.find(1, b"bob").is_none());
    }

    #[test]
    fn crowded_cell_evicts_the_oldest_settled() {
        let mut cell = Cell::default();
        let mut removed = Vec::new();
        for subject in 0..CROWDED as u64 {
            let used = Counter { acked: if subject == 0 { 0 } else { 1 }, ..counter(1) };
            cell.add(1, &subject.to_le_bytes(), &[used], 100 + subject, true, &mut removed);
        }
        assert!(removed.is_empty());
        cell.add(1, b"new", &[counter(0)], 900, true, &mut removed);
        assert_eq!(removed.len(), 1, "one makes room");
        assert_eq!(removed[0].subject, 1_u64.to_le_bytes(), "the oldest has counts that nobody else has");
        assert!(cell.find(1, b"new").is_some());
    }

    #[test]
    fn a_cell_never_grows_beyond_its_bound() {
        let mut cell = Cell::default();
        let mut removed = Vec::new();
        for subject in 0..1_000_u64 {
            let unreported = Counter { acked: 0, ..counter(1) };
            cell.add(1, &subject.to_le_bytes(), &[unreported], subject, true, &mut removed);
        }
        assert_eq!(cell.accounts().count(), FULL);
        assert_eq!(removed.len(), 1_000 - FULL, "and what left is handed over");
        assert!(removed.iter().all(|one| one.counts == [(0, Evicted { start: 60, amount: 1 })]));
    }

    #[test]
    fn finished_second_windows_make_room() {
        let mut cell = Cell::default();
        let mut removed = Vec::new();
        for now_s in 0..1_000_u64 {
            let used = Counter { used: 1, ..Counter::new(Window { start: now_s, end: now_s + 1 }) };
            cell.add(1, &now_s.to_le_bytes(), &[used], now_s, true, &mut removed);
        }
        assert_eq!(cell.accounts().count(), CROWDED, "nobody is told of them, so nothing is waited for");
        assert!(removed.iter().all(|one| one.counts.is_empty()));
    }

    proptest! {
        #[test]
        fn nonsense_bytes_give_a_sound_cell(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
            let cell = Cell::new(bytes);
            let length: usize = cell.accounts().map(|account| account.length).sum();
            prop_assert_eq!(length, cell.bytes().len());
            for account in cell.accounts() {
                prop_assert_eq!(cell.counters(account.place).count(), account.place.meters);
            }
        }
    }
}
