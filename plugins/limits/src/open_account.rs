//! An account taken out of its cell, brought up to now, and put back: the one way in which counters are changed.
//!
//! Admission and settlement change the same counters. If each brought them forward by itself, one could forget counts that the
//! other keeps: counts of a window that is over have to leave by `removed`, or the fleet never hears of them.

use crate::cell::{AccountOffset, Cell, Removed};
use crate::counter::{Counter, Evicted};
use crate::period::Window;
use crate::rule::{Compiled, Meter};

/// A subject's counters under one rule, in the order of its meters.
pub(crate) struct OpenAccount<'a> {
    rule: &'a Compiled,
    subject: &'a [u8],
    /// Its place; none if it is new.
    pub(crate) place: Option<AccountOffset>,
    pub(crate) counters: Vec<Counter>,
}

impl Compiled {
    /// Returns a counter as it is now, new if none is kept, and use that has no place in it any more.
    pub(crate) fn current(&self, meter: &Meter, kept: Option<Counter>, now_s: u64) -> (Counter, Option<Evicted>) {
        let window = self.window(meter, kept.as_ref(), now_s);
        let mut counter = kept.unwrap_or_else(|| Counter::new(window));
        let evicted = counter.advance(window, now_s);
        (counter, evicted)
    }

    /// The window of a meter; a counter that is still in its own need not ask the calendar.
    pub(crate) fn window(&self, meter: &Meter, counter: Option<&Counter>, now_s: u64) -> Window {
        let Some(period) = meter.period else { return Window::ENDLESS };
        match counter.map(|counter| Window { start: counter.start, end: counter.end }) {
            Some(window) if window.contains(now_s) => window,
            _ => self.rule.zone.window(period, now_s),
        }
    }

    /// Takes a subject's account out of its cell.
    pub(crate) fn open<'a>(
        &'a self,
        cell: &Cell,
        subject: &'a [u8],
        now_s: u64,
        removed: &mut Vec<Removed>,
    ) -> OpenAccount<'a> {
        let place = cell.find(self.tag, subject);
        let mut account =
            OpenAccount { rule: self, subject, place, counters: Vec::with_capacity(self.rule.meters.len()) };
        for (index, meter) in self.rule.meters.iter().enumerate() {
            let kept = place.and_then(|place| cell.counter(place, index));
            let (counter, evicted) = self.current(meter, kept, now_s);
            removed.extend(evicted.map(|evicted| account.removed(index, evicted)));
            account.counters.push(counter);
        }
        account
    }
}

impl OpenAccount<'_> {
    /// A count of one meter that has no place any more.
    pub(crate) fn removed(&self, meter: usize, evicted: Evicted) -> Removed {
        Removed { tag: self.rule.tag, subject: self.subject.to_vec(), counts: vec![(meter, evicted)] }
    }

    /// Writes the counters back, making the account if it is new. `shared` says that the collector keeps counts too.
    pub(crate) fn put_back(
        &self,
        cell: &mut Cell,
        now_s: u64,
        shared: bool,
        removed: &mut Vec<Removed>,
    ) -> Option<AccountOffset> {
        let Some(place) = self.place else {
            return cell.add(self.rule.tag, self.subject, &self.counters, now_s, shared, removed);
        };
        self.counters.iter().enumerate().for_each(|(index, counter)| cell.set_counter(place, index, *counter));
        Some(place)
    }
}
