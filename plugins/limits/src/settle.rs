//! Settlement: the reservation is given back, and the real use is counted.

use crate::admit::Note;
use crate::cell::{Cell, Removed};
use crate::counter::{Counter, Evicted, FleetStatus};
use crate::eviction::evicted_rows;
use crate::ledger::{Held, HeldAmount, Ledger, TRIES, cell_of};
use crate::open_account::OpenAccount;
use crate::rule::{Amounts, Compiled, Facts, Meter, Rules};

/// The end of a request, as the rules see it.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Settlement {
    /// Thresholds that it crossed.
    pub notes: Vec<Note>,
    /// Reservations that other workers kept from being settled; to be settled again with the same amounts.
    pub left: Vec<(Held, Amounts)>,
}

impl Rules {
    /// Settles a request's reservations with its use. `facts` are those of its end: its provider may
    /// have changed since it was admitted, and with it the subject.
    pub fn settle(
        &self,
        held: Vec<Held>,
        facts: &impl Facts,
        used: &Amounts,
        fleet_status: FleetStatus,
        now_s: u64,
        ledger: &mut impl Ledger,
    ) -> Settlement {
        let mut due = Vec::with_capacity(held.len());
        for one in held {
            let stays = self.all.get(one.rule).is_none_or(|rule| !rule.by_provider() || rule.counts(facts, &one));
            due.push((one, if stays { *used } else { Amounts::default() }));
        }
        for (index, rule) in self.all.iter().enumerate().filter(|(_, rule)| rule.by_provider() && rule.applies(facts)) {
            if !due.iter().any(|(one, _)| one.rule == index && rule.counts(facts, one)) {
                due.push((rule.unreserved(index, facts, now_s), *used));
            }
        }
        self.settle_due(due, fleet_status, now_s, ledger)
    }

    /// Settles the rest, [`Settlement::left`].
    pub fn settle_due(
        &self,
        mut due: Vec<(Held, Amounts)>,
        fleet_status: FleetStatus,
        now_s: u64,
        ledger: &mut impl Ledger,
    ) -> Settlement {
        let mut settlement = Settlement::default();
        due.sort_by_key(|(held, _)| held.cell);
        for group in due.chunk_by(|(one, _), (next, _)| one.cell == next.cell) {
            if !self.settle_cell(group, fleet_status, now_s, ledger, &mut settlement.notes) {
                settlement.left.extend_from_slice(group);
            }
        }
        settlement
    }

    pub(crate) fn give_back(&self, held: Vec<Held>, now_s: u64, ledger: &mut impl Ledger) {
        let due = held.into_iter().map(|held| (held, Amounts::default())).collect();
        // A reservation that cannot be given back now is forgotten with its era.
        self.settle_due(due, FleetStatus::ALONE, now_s, ledger);
    }

    fn settle_cell(
        &self,
        group: &[(Held, Amounts)],
        fleet_status: FleetStatus,
        now_s: u64,
        ledger: &mut impl Ledger,
        notes: &mut Vec<Note>,
    ) -> bool {
        let Some((Held { cell: number, .. }, _)) = group.first() else { return true };
        for _ in 0..TRIES {
            let stored = ledger.read(*number);
            let mut cell = Cell::new(stored.bytes);
            let mut removed = Vec::new();
            let mut crossed = Vec::new();
            for (held, used) in group {
                if let Some(one) = self.all.get(held.rule) {
                    let settling = Settling { one, held, used, fleet_status, now_s };
                    settling.apply(&mut cell, &mut removed, &mut crossed);
                }
            }
            if ledger.write(*number, cell.bytes(), stored.version) {
                ledger.touched(*number);
                removed.into_iter().for_each(|removed| ledger.evicted(evicted_rows(self, removed)));
                notes.extend(crossed);
                return true;
            }
        }
        false
    }
}

/// One account that is being settled.
struct Settling<'a> {
    one: &'a Compiled,
    held: &'a Held,
    used: &'a Amounts,
    fleet_status: FleetStatus,
    now_s: u64,
}

impl Settling<'_> {
    fn apply(&self, cell: &mut Cell, removed: &mut Vec<Removed>, crossed: &mut Vec<Note>) {
        let mut account = self.one.open(cell, &self.held.subject, self.now_s, removed);
        for index in 0..account.counters.len() {
            let late = self.count(index, &mut account, crossed);
            removed.extend(late.map(|evicted| account.removed(index, evicted)));
        }
        account.put_back(cell, self.now_s, self.fleet_status.shared, removed);
    }

    /// Settles one meter; returns use that came too late for its window.
    fn count(&self, index: usize, account: &mut OpenAccount<'_>, crossed: &mut Vec<Note>) -> Option<Evicted> {
        let meter = self.one.rule.meters.get(index)?;
        let amount = self.held.amounts.get(index)?;
        let counter = account.counters.get_mut(index)?;
        if amount.start == counter.start {
            counter.release(amount.era, amount.amount);
        }
        let late = counter.count(amount.start, self.used.used(meter.unit));
        self.cross(meter, counter, crossed);
        late
    }

    /// Notes the thresholds that have been crossed and not been told of.
    fn cross(&self, meter: &Meter, counter: &mut Counter, crossed: &mut Vec<Note>) {
        let observed = counter.used.saturating_add(counter.others);
        for (index, percent) in self.one.rule.warn_at.iter().enumerate() {
            let bit = 1_u64 << (index % 8);
            let is_over = u128::from(observed) * 100 >= u128::from(meter.max) * u128::from(*percent);
            if counter.warned & bit == 0 && is_over {
                counter.warned |= bit;
                let (rule, unit, max) = (self.held.rule, meter.unit, meter.max);
                crossed.push(Note { rule, unit, crossed: Some(*percent), observed, max });
            }
        }
    }
}

impl Compiled {
    /// Whether this is the account that a request with these facts counts on.
    fn counts(&self, facts: &impl Facts, held: &Held) -> bool {
        self.applies(facts) && self.subject(facts) == held.subject
    }

    /// An account on which nothing was reserved, because it was not known that it would be used.
    fn unreserved(&self, rule: usize, facts: &impl Facts, now_s: u64) -> Held {
        let subject = self.subject(facts);
        let nothing = |meter: &Meter| HeldAmount { start: self.window(meter, None, now_s).start, era: 0, amount: 0 };
        let amounts = self.rule.meters.iter().map(nothing).collect();
        Held { rule, cell: cell_of(self.rule.per.len(), &subject), subject, amounts }
    }
}
