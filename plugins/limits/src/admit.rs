//! Admission: every rule that applies is asked first; only if all admit, all are charged.
//!
//! Charging while asking would let one rule burn what another then refuses. Rules lie in several cells, and another
//! worker may change one between the look and the charge: then that cell is read and judged once more, and if it
//! refuses now, what was charged elsewhere is given back.

use crate::cell::{Cell, Removed};
use crate::counter::{Counter, Full, Standing};
use crate::ledger::{Held, HeldAmount, Ledger, TRIES, cell_of};
use crate::rule::{Amounts, Compiled, Facts, Meter, Rules, Unit};
use crate::wire::stray_rows;

/// A request that may go on.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Admission {
    /// What it has reserved; to be settled once, in whatever way it ends.
    pub held: Vec<Held>,
    /// What rules that only watch would have refused.
    pub notes: Vec<Note>,
    /// What is left, for the client.
    pub quotas: Quotas,
    /// Most that it may cost, nano-USD, and the index of the rule that says so.
    pub max_cost: Option<(u64, usize)>,
    /// The same of rules that only watch, each.
    pub watched_costs: Vec<(u64, usize)>,
}

/// Something to put on record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// Index of the rule.
    pub rule: usize,
    /// What is counted.
    pub unit: Unit,
    /// The threshold that was crossed, percent; none for a refusal of a rule that only watches.
    pub crossed: Option<u8>,
    /// What it came to, in the unit.
    pub observed: u64,
    /// What there may be, in the unit.
    pub max: u64,
}

/// A request that may not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Index of the rule.
    pub rule: usize,
    /// What is counted.
    pub unit: Unit,
    /// Why.
    pub why: Why,
    /// Whole seconds after which it may be tried again; none if that is no use.
    pub retry_after_s: Option<u64>,
    /// What it would have come to, in the unit.
    pub observed: u64,
    /// What there may be, in the unit.
    pub max: u64,
}

/// Why a request may not go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// It alone is more than the rule allows.
    TooLarge,
    /// The rule's amount is used up.
    Exhausted,
    /// This proxy's share of it is, for a moment.
    Share,
    /// The collector cannot be reached, and the rule wants no guesses.
    Unreachable,
}

/// What is left under the rule that has least left.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Quotas {
    /// Requests.
    pub requests: Option<Quota>,
    /// Tokens.
    pub tokens: Option<Quota>,
}

/// One quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// All there is in a window.
    pub limit: u64,
    /// What is left of it.
    pub remaining: u64,
    /// Seconds until the window ends.
    pub reset_s: u64,
}

/// What one admission is about.
struct Asking<'a> {
    rules: &'a Rules,
    amounts: &'a Amounts,
    standing: Standing,
    now_s: u64,
}

/// A rule that applies.
struct Bid<'a> {
    index: usize,
    one: &'a Compiled,
    subject: Vec<u8>,
    cell: u16,
}

impl Rules {
    /// Whether a rule that can refuse this request counts its tokens or its cost.
    #[must_use]
    pub fn depend_on_tokens(&self, facts: &impl Facts) -> bool {
        let by_tokens = |meter: &Meter| !matches!(meter.unit, Unit::Requests | Unit::Concurrency);
        let depends = |one: &&Compiled| one.rule.max_cost.is_some() || one.rule.meters.iter().any(by_tokens);
        self.all.iter().filter(depends).any(|one| !one.only_watches() && one.applies(facts))
    }

    /// Asks every rule that applies, and reserves if all admit.
    ///
    /// # Errors
    /// The refusal with the longest wait; nothing is charged then.
    pub fn admit(
        &self,
        facts: &impl Facts,
        amounts: &Amounts,
        standing: Standing,
        now_s: u64,
        ledger: &mut impl Ledger,
    ) -> Result<Admission, Refusal> {
        let mut admission = Admission::default();
        let mut bids = Vec::new();
        for (index, one) in self.all.iter().enumerate().filter(|(_, one)| one.applies(facts)) {
            match one.rule.max_cost {
                Some(max) if one.only_watches() => admission.watched_costs.push((max, index)),
                Some(max) if admission.max_cost.is_none_or(|(least, _)| max < least) => {
                    admission.max_cost = Some((max, index));
                }
                _ => {}
            }
            if !one.rule.meters.is_empty() {
                let subject = one.subject(facts);
                bids.push(Bid { index, one, cell: cell_of(one.rule.per.len(), &subject), subject });
            }
        }
        bids.sort_by_key(|bid| bid.cell);
        let asking = Asking { rules: self, amounts, standing, now_s };
        let groups: Vec<&[Bid<'_>]> = bids.chunk_by(|one, next| one.cell == next.cell).collect();
        let mut read = Vec::with_capacity(groups.len());
        let mut refused: Option<Refusal> = None;
        for group in &groups {
            let stored = group.first().map(|bid| ledger.read(bid.cell)).unwrap_or_default();
            let cell = Cell::new(stored.bytes);
            match asking.judge(group, &cell) {
                Ok(()) => read.push((cell, stored.version)),
                Err(refusal) => {
                    asking.want(group, cell, stored.version, &refusal, ledger);
                    // All are asked before one is told: a client that waits a second for one rule must not find that
                    // another one bars it for the rest of the month.
                    refused = longest(refused.into_iter().chain([refusal]));
                }
            }
        }
        if let Some(refusal) = refused {
            return Err(refusal);
        }
        for (group, (cell, version)) in groups.iter().zip(read) {
            if let Err(refusal) = asking.charge(group, cell, version, ledger, &mut admission) {
                self.give_back(admission.held, now_s, ledger);
                return Err(refusal);
            }
        }
        Ok(admission)
    }
}

/// The refusal with the longest wait.
fn longest(refusals: impl Iterator<Item = Refusal>) -> Option<Refusal> {
    refusals.max_by_key(|refusal| refusal.retry_after_s.unwrap_or(u64::MAX))
}

impl Asking<'_> {
    /// Whether all bids on a cell are admitted.
    fn judge(&self, group: &[Bid<'_>], cell: &Cell) -> Result<(), Refusal> {
        let refusals = group.iter().filter(|bid| !bid.one.only_watches()).filter_map(|bid| self.refusal(bid, cell));
        longest(refusals).map_or(Ok(()), Err)
    }

    fn refusal(&self, bid: &Bid<'_>, cell: &Cell) -> Option<Refusal> {
        let place = cell.find(bid.one.tag, &bid.subject);
        let refusals = bid.one.rule.meters.iter().enumerate().filter_map(|(index, meter)| {
            let kept = place.and_then(|place| cell.counter(place, index));
            let (counter, _) = bid.one.current(meter, kept, self.now_s);
            let amount = self.amounts.held(meter.unit);
            let unreachable = bid.one.rule.when_unreachable;
            let full = counter.check(meter.max, amount, self.standing, unreachable, self.now_s).err()?;
            Some(Refusal {
                rule: bid.index,
                unit: meter.unit,
                why: full.into(),
                retry_after_s: self.wait(meter, &counter, full),
                observed: counter.known(self.now_s).saturating_add(amount),
                max: meter.max,
            })
        });
        longest(refusals)
    }

    fn wait(&self, meter: &Meter, counter: &Counter, full: Full) -> Option<u64> {
        match full {
            Full::Never => None,
            Full::Share | Full::Unreachable => Some(1),
            // A slot is free when somebody is done, and nobody knows when.
            Full::Exhausted if meter.unit == Unit::Concurrency => Some(1),
            Full::Exhausted if counter.end == u64::MAX => None,
            Full::Exhausted => Some(counter.end.saturating_sub(self.now_s).max(1)),
        }
    }

    /// Notes that there is demand, so that the next report asks for a share, or for more of it. Nothing is charged,
    /// and if another worker is faster, it is noted next time.
    fn want(&self, group: &[Bid<'_>], mut cell: Cell, version: u32, refusal: &Refusal, ledger: &mut impl Ledger) {
        let refused = |bid: &&Bid<'_>| bid.index == refusal.rule && self.standing.shared;
        let Some(bid) = group.iter().find(refused) else { return };
        let Some(account) = cell.account_of(bid.one.tag, &bid.subject) else { return };
        if refusal.why != Why::Share && account.was_touched_since(self.now_s) {
            return;
        }
        let place = account.place;
        let counters: Vec<Counter> = cell.counters(place).collect();
        for (index, (meter, counter)) in bid.one.rule.meters.iter().zip(counters).enumerate() {
            let wanted = if refusal.why == Why::Share { self.amounts.held(meter.unit) } else { 0 };
            cell.set_counter(place, index, Counter { wanted: counter.wanted.max(wanted), ..counter });
        }
        cell.touch(place, self.now_s);
        if ledger.write(bid.cell, cell.bytes(), version) {
            ledger.touched(bid.cell);
        }
        if refusal.why == Why::Share {
            ledger.hurry();
        }
    }

    /// Reserves for all bids on a cell.
    fn charge(
        &self,
        group: &[Bid<'_>],
        mut cell: Cell,
        mut version: u32,
        ledger: &mut impl Ledger,
        admission: &mut Admission,
    ) -> Result<(), Refusal> {
        let Some(number) = group.first().map(|bid| bid.cell) else { return Ok(()) };
        for _ in 0..TRIES {
            let mut removed = Vec::new();
            let notes: Vec<Note> = group.iter().filter_map(|bid| self.note(bid, &cell)).collect();
            let charged: Vec<(Held, Vec<Counter>)> =
                group.iter().filter_map(|bid| self.reserve(bid, &mut cell, &mut removed)).collect();
            if ledger.write(number, cell.bytes(), version) {
                ledger.touched(number);
                admission.notes.extend(notes);
                for ((held, counters), bid) in charged.into_iter().zip(group) {
                    admission.quotas.note(bid.one, &counters, self.now_s);
                    admission.held.push(held);
                }
                removed.into_iter().for_each(|removed| ledger.stray(stray_rows(self.rules, removed)));
                return Ok(());
            }
            let stored = ledger.read(number);
            (cell, version) = (Cell::new(stored.bytes), stored.version);
            self.judge(group, &cell)?;
        }
        // Nobody loses this often; but if so, a request that cannot be counted does not go on.
        let bid = group.first().map_or((0, Unit::Requests), |bid| (bid.index, Unit::Requests));
        Err(Refusal { rule: bid.0, unit: bid.1, why: Why::Share, retry_after_s: Some(1), observed: 0, max: 0 })
    }

    /// What a rule that only watches would have refused.
    fn note(&self, bid: &Bid<'_>, cell: &Cell) -> Option<Note> {
        if !bid.one.only_watches() {
            return None;
        }
        let Refusal { rule, unit, observed, max, .. } = self.refusal(bid, cell)?;
        Some(Note { rule, unit, crossed: None, observed, max })
    }

    fn reserve(&self, bid: &Bid<'_>, cell: &mut Cell, removed: &mut Vec<Removed>) -> Option<(Held, Vec<Counter>)> {
        let mut account = bid.one.open(cell, &bid.subject, self.now_s, removed);
        let mut amounts = Vec::with_capacity(account.counters.len());
        for (meter, counter) in bid.one.rule.meters.iter().zip(&mut account.counters) {
            let amount = self.amounts.held(meter.unit);
            counter.reserve(amount);
            amounts.push(HeldAmount { start: counter.start, era: counter.era, amount });
        }
        if let Some(place) = account.place {
            cell.touch(place, self.now_s);
        }
        account.put_back(cell, self.now_s, self.standing.shared, removed)?;
        let counters = account.counters;
        Some((Held { rule: bid.index, cell: bid.cell, subject: bid.subject.clone(), amounts }, counters))
    }
}

impl Compiled {
    pub(crate) fn only_watches(&self) -> bool {
        self.rule.monitor || self.rule.warn_only
    }
}

impl From<Full> for Why {
    fn from(full: Full) -> Self {
        match full {
            Full::Never => Self::TooLarge,
            Full::Exhausted => Self::Exhausted,
            Full::Share => Self::Share,
            Full::Unreachable => Self::Unreachable,
        }
    }
}

impl Quotas {
    fn note(&mut self, one: &Compiled, counters: &[Counter], now_s: u64) {
        if one.only_watches() {
            return;
        }
        for (meter, counter) in one.rule.meters.iter().zip(counters) {
            let slot = match meter.unit {
                Unit::Requests => &mut self.requests,
                Unit::Tokens => &mut self.tokens,
                _ => continue,
            };
            let quota = Quota {
                limit: meter.max,
                remaining: meter.max.saturating_sub(counter.known(now_s)),
                reset_s: counter.end.saturating_sub(now_s),
            };
            if slot.is_none_or(|least| quota.remaining < least.remaining) {
                *slot = Some(quota);
            }
        }
    }
}
