//! Reservations that outlive the worker that made them, so that they can be given back when it dies.
//!
//! Only shared data survives a worker's VM. Each worker has a place in a [`Roster`] there, which it renews. Beside it lie the
//! reservations of its requests, as bytes that are read without the rules they came of. A worker that no longer renews
//! its place is dead, and another one gives its reservations back.

use crate::cell::Cell;
use crate::ledger::{Held, HeldAmount, Ledger, TRIES};
use crate::rule::Rules;

/// Workers that can have a place.
const MOST_WORKERS: usize = 256;
/// A worker that has not renewed its place for so long, ms, is dead. One that reads a very large body is silent for a while.
const DEAD_MS: u64 = 2_000;
/// The same where a worker has just begun in a process that runs already: it follows one that died, so somebody is dead, and
/// it is the one that is silent.
const REPLACED_MS: u64 = 500;
/// A worker counts as just begun for so long, ms.
const NEWBORN_MS: u64 = 3_000;
/// Workers of a process begin within this time, ms; those that begin later follow one that died.
const TOGETHER_MS: u64 = 5_000;
/// Longest pause between two of a worker's own looks, ms, after which it may judge others: a process that was stopped finds
/// everybody silent.
const AWAKE_MS: u64 = 1_000;
/// Stands for a place that is being cleared.
const CLEARING: u64 = u64::MAX;
/// Bytes of a place.
const PLACE_BYTES: usize = 20;

/// The places of the workers of one process.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Roster {
    places: Vec<Place>,
}

/// One worker's place.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Place {
    /// The worker; 0 for a free place.
    worker: u64,
    seen_ms: u64,
    /// Requests that it had room for at most.
    slots: u32,
}

/// The worker that looks for dead ones.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Looker {
    /// Its name.
    pub worker: u64,
    /// When its process began, ms since the Unix epoch.
    pub process_ms: u64,
    /// When it began itself.
    pub began_ms: u64,
    /// When it looked before.
    pub looked_ms: u64,
}

impl Looker {
    /// Silence after which a worker counts as dead, ms; `None` if this one may not judge, because it was asleep.
    fn patience_ms(&self, now_ms: u64) -> Option<u64> {
        if now_ms.abs_diff(self.looked_ms) > AWAKE_MS {
            return None;
        }
        let follows = self.began_ms.saturating_sub(self.process_ms) > TOGETHER_MS;
        let newborn = now_ms.abs_diff(self.began_ms) < NEWBORN_MS;
        Some(if follows && newborn { REPLACED_MS } else { DEAD_MS })
    }
}

/// A place that is to be cleared: its number, and how many requests may lie there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dead {
    /// The place.
    pub place: u32,
    /// Slots.
    pub slots: u32,
}

impl Roster {
    /// Reads the shared bytes; a malformed place is left out.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Self {
        let place = |bytes: &[u8]| {
            let (worker, rest) = bytes.split_first_chunk::<8>()?;
            let (seen_ms, rest) = rest.split_first_chunk::<8>()?;
            let (slots, _) = rest.split_first_chunk::<4>()?;
            let (worker, seen_ms) = (u64::from_le_bytes(*worker), u64::from_le_bytes(*seen_ms));
            Some(Place { worker, seen_ms, slots: u32::from_le_bytes(*slots) })
        };
        Self { places: bytes.chunks_exact(PLACE_BYTES).take(MOST_WORKERS).filter_map(place).collect() }
    }

    /// For [`Roster::from_bytes`].
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.places.len() * PLACE_BYTES);
        for place in &self.places {
            bytes.extend_from_slice(&place.worker.to_le_bytes());
            bytes.extend_from_slice(&place.seen_ms.to_le_bytes());
            bytes.extend_from_slice(&place.slots.to_le_bytes());
        }
        bytes
    }

    /// Renews the worker's place, or gives it one; `None` if there is no room.
    pub fn renew(&mut self, worker: u64, slots: u32, now_ms: u64) -> Option<u32> {
        let renewed = Place { worker, seen_ms: now_ms, slots };
        let own = self.find(worker).or_else(|| self.places.iter().position(|place| place.worker == 0));
        let room = self.places.len() < MOST_WORKERS;
        match own {
            Some(own) => self.places.get_mut(own).into_iter().for_each(|place| *place = renewed),
            None if room => self.places.push(renewed),
            None => return None,
        }
        self.find(worker).and_then(|own| u32::try_from(own).ok())
    }

    /// Takes the place of a dead worker to clear it.
    pub fn take_dead(&mut self, looker: Looker, now_ms: u64) -> Option<Dead> {
        let patience_ms = looker.patience_ms(now_ms)?;
        let dead = |place: &Place| {
            let silent = now_ms.abs_diff(place.seen_ms) > patience_ms;
            place.worker != 0 && place.worker != looker.worker && silent
        };
        let at = self.places.iter().position(dead)?;
        let place = self.places.get_mut(at)?;
        (place.worker, place.seen_ms) = (CLEARING, now_ms);
        Some(Dead { place: u32::try_from(at).ok()?, slots: place.slots })
    }

    /// The place is cleared.
    pub fn cleared(&mut self, place: u32) {
        let at = usize::try_from(place).unwrap_or(usize::MAX);
        let place = self.places.get_mut(at).filter(|place| place.worker == CLEARING);
        place.into_iter().for_each(|place| *place = Place::default());
    }

    /// Whether the worker has a place.
    #[must_use]
    pub fn has(&self, worker: u64) -> bool {
        self.find(worker).is_some()
    }

    fn find(&self, worker: u64) -> Option<usize> {
        self.places.iter().position(|place| place.worker == worker)
    }
}

impl Rules {
    /// Returns the reservations of a request as bytes, for [`give_back_claim`].
    #[must_use]
    pub fn claim(&self, held: &[Held]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for one in held {
            let Some(rule) = self.all.get(one.rule) else { continue };
            let length = |length: usize| u16::try_from(length).unwrap_or(0).to_le_bytes();
            bytes.extend_from_slice(&one.cell.to_le_bytes());
            bytes.extend_from_slice(&rule.tag.to_le_bytes());
            bytes.extend_from_slice(&length(one.subject.len()));
            bytes.extend_from_slice(&length(one.amounts.len()));
            bytes.extend_from_slice(&one.subject);
            for HeldAmount { start, era, amount } in &one.amounts {
                [start, era, amount].iter().for_each(|number| bytes.extend_from_slice(&number.to_le_bytes()));
            }
        }
        bytes
    }
}

/// Gives back the reservations of a worker that died. Nothing counts as used, because the use is not known.
pub fn give_back_claim(bytes: &[u8], ledger: &mut impl Ledger) {
    let mut rest = bytes;
    while let Some((one, left)) = Claimed::read(rest) {
        rest = left;
        one.give_back(ledger);
    }
}

/// The reservations in one cell.
struct Claimed<'a> {
    cell: u16,
    tag: u64,
    subject: &'a [u8],
    amounts: Vec<HeldAmount>,
}

impl<'a> Claimed<'a> {
    fn read(bytes: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (cell, rest) = bytes.split_first_chunk::<2>()?;
        let (tag, rest) = rest.split_first_chunk::<8>()?;
        let (subject, rest) = rest.split_first_chunk::<2>()?;
        let (amounts, rest) = rest.split_first_chunk::<2>()?;
        let (subject, rest) = rest.split_at_checked(usize::from(u16::from_le_bytes(*subject)))?;
        let (amounts, rest) = rest.split_at_checked(usize::from(u16::from_le_bytes(*amounts)).checked_mul(24)?)?;
        let mut numbers = amounts.chunks_exact(8).map(|number| number.try_into().map_or(0, u64::from_le_bytes));
        let mut amounts = Vec::new();
        while let (Some(start), Some(era), Some(amount)) = (numbers.next(), numbers.next(), numbers.next()) {
            amounts.push(HeldAmount { start, era, amount });
        }
        Some((Self { cell: u16::from_le_bytes(*cell), tag: u64::from_le_bytes(*tag), subject, amounts }, rest))
    }

    fn give_back(&self, ledger: &mut impl Ledger) {
        for _ in 0..TRIES {
            let stored = ledger.read(self.cell);
            let mut cell = Cell::new(stored.bytes);
            let Some(place) = cell.find(self.tag, self.subject) else { return };
            for (index, amount) in self.amounts.iter().enumerate() {
                let Some(mut counter) = cell.counter(place, index) else { continue };
                if counter.start == amount.start {
                    counter.release(amount.era, amount.amount);
                    cell.set_counter(place, index, counter);
                }
            }
            if ledger.write(self.cell, cell.bytes(), stored.version) {
                ledger.touched(self.cell);
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn looker(worker: u64, looked_ms: u64) -> Looker {
        Looker { worker, looked_ms, ..Looker::default() }
    }

    #[test]
    fn a_successor_takes_a_dead_place_at_once() {
        let mut roster = Roster::default();
        roster.renew(7, 3, 60_000);
        roster.renew(8, 0, 60_600);
        roster.renew(9, 0, 60_600);
        let successor = Looker { worker: 9, process_ms: 1_000, began_ms: 60_500, looked_ms: 60_600 };
        assert_eq!(roster.clone().take_dead(successor, 60_500), None, "half a second is no silence");
        let first_of_all = Looker { process_ms: 60_000, ..successor };
        assert_eq!(roster.clone().take_dead(first_of_all, 60_700), None, "it follows nobody");
        let older = Looker { began_ms: 50_000, ..successor };
        assert_eq!(roster.clone().take_dead(older, 60_700), None, "it does not know that anybody died");
        assert_eq!(roster.take_dead(successor, 60_700), Some(Dead { place: 0, slots: 3 }));
        assert_eq!(roster.take_dead(successor, 60_700), None, "the others renew their places");
    }

    #[test]
    fn a_silent_worker_is_cleared_once() {
        let mut roster = Roster::default();
        assert_eq!((roster.renew(7, 3, 1_000), roster.renew(8, 0, 1_000)), (Some(0), Some(1)));
        let mut roster = Roster::from_bytes(&roster.to_bytes());
        assert_eq!(roster.take_dead(looker(8, 2_900), 3_000), None, "not yet");
        assert_eq!(roster.take_dead(looker(8, 1_000), 3_001), None, "who was asleep judges nobody");
        assert_eq!(roster.take_dead(looker(8, 2_900), 3_001), Some(Dead { place: 0, slots: 3 }));
        assert!(!roster.has(7));
        roster.renew(8, 0, 3_100);
        assert_eq!(roster.take_dead(looker(9, 3_000), 3_200), None, "it is being cleared");
        assert_eq!(roster.renew(9, 0, 3_200), Some(2), "and not given to anybody");
        roster.cleared(0);
        assert_eq!(roster.renew(10, 0, 3_300), Some(0));
    }

    #[test]
    fn nonsense_is_no_claim_and_no_place() {
        assert!(Claimed::read(&[0xff; 40]).is_none() && Claimed::read(&[1]).is_none());
        assert_eq!(Roster::from_bytes(&[1; 19]), Roster::default());
        let mut full = Roster::default();
        (1..=256).for_each(|worker| assert!(full.renew(worker, 0, 1).is_some()));
        assert_eq!(full.renew(257, 0, 1), None);
    }
}
