//! Queues events until their texts are decided, and keeps their order.
//!
//! Each choice has its own queue, so that the next event is found without a look at all queued ones. Otherwise each event
//! of a stream of many choices could cost as much as all before it.

use super::events::Event;
use super::progress::TextPiece;
use crate::rewrite::Splice;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::ops::Range;

/// A queued event.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) event: Event,
    pub(super) pieces: Vec<TextPiece>,
    /// Its choices, each once. An event without a choice waits for all before it, and all after it wait for it.
    pub(super) choices: Vec<u64>,
    pub(super) logprobs: Vec<Range<usize>>,
    /// Changes of texts that are complete in this event.
    pub(super) splices: Vec<Splice>,
    /// Whether it is a ping, which never waits.
    pub(super) free: bool,
}

impl Waiting {
    pub(super) fn bare(event: Event) -> Self {
        Self { event, pieces: Vec::new(), choices: Vec::new(), logprobs: Vec::new(), splices: Vec::new(), free: false }
    }

    fn is_bar(&self) -> bool {
        self.choices.is_empty()
    }
}

#[derive(Debug)]
struct Slot {
    one: Waiting,
    /// Number of its choices with an earlier queued event.
    blocked: usize,
    /// Number of its first pieces that are decided, which is final.
    decided: usize,
}

/// The queued events of one stream.
#[derive(Debug, Default)]
pub(super) struct Queue {
    slots: VecDeque<Option<Slot>>,
    /// Number of the event in the first slot.
    base: u64,
    /// Numbers of the events of each choice.
    choices: HashMap<u64, VecDeque<u64>>,
    /// Numbers of the events that name no choice.
    bars: VecDeque<u64>,
    /// Number of other events before the first of them.
    ahead: usize,
    /// Events that may be ready.
    ready: BinaryHeap<Reverse<u64>>,
    bytes: usize,
}

impl Queue {
    /// Returns whether an event must wait for a queued one.
    pub(super) fn blocks(&self, one: &Waiting) -> bool {
        let others = self.ahead > 0 || !self.bars.is_empty();
        !self.bars.is_empty()
            || one.is_bar() && others
            || one.choices.iter().any(|choice| self.choices.contains_key(choice))
    }

    /// Returns the bytes of the queued events.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Returns the event that was added last, if it is still queued.
    pub(super) fn last_mut(&mut self) -> Option<&mut Event> {
        self.slots.back_mut()?.as_mut().map(|slot| &mut slot.one.event)
    }

    /// Adds an event.
    pub(super) fn push(&mut self, one: Waiting) {
        let number = self.base.saturating_add(self.slots.len() as u64);
        let mut blocked = 0;
        for choice in &one.choices {
            let queue = self.choices.entry(*choice).or_default();
            blocked += usize::from(!queue.is_empty());
            queue.push_back(number);
        }
        if one.is_bar() {
            self.bars.push_back(number);
        } else if self.bars.is_empty() {
            self.ahead += 1;
        }
        self.bytes = self.bytes.saturating_add(one.event.raw.len());
        self.slots.push_back(Some(Slot { one, blocked, decided: 0 }));
    }

    /// Notes that more of a text of this choice is decided.
    pub(super) fn progress(&mut self, choice: u64) {
        if let Some(first) = self.choices.get(&choice).and_then(VecDeque::front) {
            self.ready.push(Reverse(*first));
        }
    }

    /// Takes the next event that is ready.
    pub(super) fn pop(&mut self, is_decided: impl Fn(&TextPiece) -> bool) -> Option<Waiting> {
        while let Some(Reverse(number)) = self.ready.pop() {
            let barred = self.bars.front().is_some_and(|bar| *bar < number);
            if !barred && self.may_go(number, &is_decided) {
                return self.take(number);
            }
        }
        if self.ahead > 0 {
            return None;
        }
        let bar = self.bars.pop_front()?;
        self.open(bar);
        self.remove(bar)
    }

    /// Takes the first event, ready or not.
    pub(super) fn pop_any(&mut self) -> Option<Waiting> {
        while let Some(None) = self.slots.front() {
            self.shift();
        }
        let number = self.base;
        if self.bars.front() == Some(&number) {
            self.bars.pop_front();
            self.open(number);
            return self.remove(number);
        }
        self.take(number)
    }

    fn may_go(&mut self, number: u64, is_decided: &impl Fn(&TextPiece) -> bool) -> bool {
        let Some(slot) = self.slot(number).filter(|slot| slot.blocked == 0) else { return false };
        while slot.one.pieces.get(slot.decided).is_some_and(is_decided) {
            slot.decided += 1;
        }
        slot.decided == slot.one.pieces.len()
    }

    /// Takes an event that is the first of each of its choices, and unblocks the ones after it.
    fn take(&mut self, number: u64) -> Option<Waiting> {
        let one = self.remove(number)?;
        self.ahead = self.ahead.saturating_sub(1);
        for choice in &one.choices {
            let Some(queue) = self.choices.get_mut(choice) else { continue };
            queue.pop_front();
            match queue.front().copied() {
                Some(next) => self.unblock(next),
                None => drop(self.choices.remove(choice)),
            }
        }
        Some(one)
    }

    fn unblock(&mut self, number: u64) {
        let Some(slot) = self.slot(number) else { return };
        slot.blocked = slot.blocked.saturating_sub(1);
        if slot.blocked == 0 {
            self.ready.push(Reverse(number));
        }
    }

    /// Unblocks the events after one without a choice that was taken, up to the next such event.
    fn open(&mut self, bar: u64) {
        let end = self.bars.front().copied().unwrap_or(self.base.saturating_add(self.slots.len() as u64));
        for number in bar.saturating_add(1)..end {
            let Some(slot) = self.slot(number) else { continue };
            if slot.blocked == 0 {
                self.ready.push(Reverse(number));
            }
            self.ahead += 1;
        }
    }

    fn slot(&mut self, number: u64) -> Option<&mut Slot> {
        let index = usize::try_from(number.checked_sub(self.base)?).ok()?;
        self.slots.get_mut(index)?.as_mut()
    }

    fn remove(&mut self, number: u64) -> Option<Waiting> {
        let index = usize::try_from(number.checked_sub(self.base)?).ok()?;
        let slot = self.slots.get_mut(index)?.take()?;
        self.bytes = self.bytes.saturating_sub(slot.one.event.raw.len());
        while let Some(None) = self.slots.front() {
            self.shift();
        }
        Some(slot.one)
    }

    fn shift(&mut self) {
        self.slots.pop_front();
        self.base = self.base.saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text_fields::json_escape::EscapeMap;
    use std::cell::Cell;

    fn event(choices: &[u64], text: usize) -> Waiting {
        let piece = TextPiece { text, range: 0..1, escape_map: EscapeMap::at(0) };
        let pieces = if choices.is_empty() { Vec::new() } else { vec![piece] };
        Waiting { choices: choices.to_vec(), pieces, ..Waiting::bare(Event::default()) }
    }

    /// Events of many choices are queued, one of which progresses with every event.
    #[test]
    fn many_waiting_choices_cost_no_more_each() {
        for count in [1_000_u64, 8_000] {
            let (mut queue, looks, mut gone) = (Queue::default(), Cell::new(0_u64), 0);
            for number in 0..count {
                queue.push(event(&[number % 100 + 1], usize::MAX));
                queue.push(event(&[0], 0));
                queue.progress(0);
                let is_decided = |piece: &TextPiece| {
                    looks.set(looks.get() + 1);
                    piece.text == 0
                };
                while queue.pop(is_decided).is_some() {
                    gone += 1;
                }
            }
            assert_eq!(gone, count);
            assert!(looks.get() <= 4 * count, "{} looks for {count} events", looks.get());
        }
    }

    #[test]
    fn an_event_without_choice_keeps_its_place() {
        let mut queue = Queue::default();
        for one in [event(&[1], 1), event(&[2], 2), event(&[], 3), event(&[2], 4), event(&[1, 2], 5)] {
            queue.push(one);
        }
        let order = |queue: &mut Queue, decided: &[usize]| {
            let mut order = Vec::new();
            while let Some(one) = queue.pop(|piece| decided.contains(&piece.text)) {
                order.push(one.pieces.first().map_or(3, |piece| piece.text));
            }
            order
        };
        queue.progress(2);
        assert_eq!(order(&mut queue, &[2, 4, 5]), [2]);
        queue.progress(1);
        assert_eq!(order(&mut queue, &[1, 2, 5]), [1, 3]);
        queue.progress(2);
        assert_eq!(order(&mut queue, &[4, 5]), [4, 5]);
        assert!(queue.slots.is_empty() && queue.choices.is_empty() && queue.ahead == 0);
    }
}
