//! Admission: every rule that applies is asked first; only if all admit, all are charged.
//!
//! Charging while asking would let one rule charge a request that another one rejects. Rules lie in several cells, and another
//! worker may change one between the look and the charge. Then that cell is read and judged once more, and if it
//! rejects now, the other charges are given back.

mod want;

use crate::cell::{Cell, Removed};
use crate::counter::{Counter, FleetStatus, Full};
use crate::eviction::evicted_rows;
use crate::ledger::{Held, HeldAmount, Ledger, TRIES, cell_of};
use crate::rule::{Amounts, Compiled, Facts, Meter, Rules, Unit};

/// A request that may go on.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Admission {
    /// Its reservations, to be settled once.
    pub held: Vec<Held>,
    /// Rejections of rules that only watch.
    pub notes: Vec<Note>,
    /// The remaining quotas, for the client.
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
    /// The unit.
    pub unit: Unit,
    /// The threshold that was crossed, percent; none for a refusal of a rule that only watches.
    pub crossed: Option<u8>,
    /// The amount, in the unit.
    pub observed: u64,
    /// The bound, in the unit.
    pub max: u64,
}

/// A request that may not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Index of the rule.
    pub rule: usize,
    /// The unit.
    pub unit: Unit,
    /// Why.
    pub why: Why,
    /// Whole seconds after which it may be tried again; none if that is no use.
    pub retry_after_s: Option<u64>,
    /// The amount with this request, in the unit.
    pub observed: u64,
    /// The bound, in the unit.
    pub max: u64,
}

/// The reason for a refusal.
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

/// The quotas of the rules with the least left.
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
    /// The rest of it.
    pub remaining: u64,
    /// Seconds until the window ends.
    pub reset_s: u64,
}

/// The request and the rules of one admission.
struct AdmissionContext<'a> {
    rules: &'a Rules,
    amounts: &'a Amounts,
    fleet_status: FleetStatus,
    now_s: u64,
}

/// A rule that applies.
struct RuleMatch<'a> {
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
        fleet_status: FleetStatus,
        now_s: u64,
        ledger: &mut impl Ledger,
    ) -> Result<Admission, Refusal> {
        let mut admission = Admission::default();
        let mut matches = Vec::new();
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
                matches.push(RuleMatch { index, one, cell: cell_of(one.rule.per.len(), &subject), subject });
            }
        }
        matches.sort_by_key(|matched| matched.cell);
        let context = AdmissionContext { rules: self, amounts, fleet_status, now_s };
        let groups: Vec<&[RuleMatch<'_>]> = matches.chunk_by(|one, next| one.cell == next.cell).collect();
        let mut read = Vec::with_capacity(groups.len());
        let mut refused: Option<Refusal> = None;
        for group in &groups {
            let stored = group.first().map(|matched| ledger.read(matched.cell)).unwrap_or_default();
            let cell = Cell::new(stored.bytes);
            match context.judge(group, &cell) {
                Ok(()) => read.push((cell, stored.version)),
                Err(refusal) => {
                    context.want(group, cell, stored.version, &refusal, ledger);
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
            if let Err(refusal) = context.charge(group, cell, version, ledger, &mut admission) {
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

impl AdmissionContext<'_> {
    /// Whether all bids on a cell are admitted.
    fn judge(&self, group: &[RuleMatch<'_>], cell: &Cell) -> Result<(), Refusal> {
        let refusals = group
            .iter()
            .filter(|matched| !matched.one.only_watches())
            .filter_map(|matched| self.refusal(matched, cell));
        longest(refusals).map_or(Ok(()), Err)
    }

    fn refusal(&self, matched: &RuleMatch<'_>, cell: &Cell) -> Option<Refusal> {
        let place = cell.find(matched.one.tag, &matched.subject);
        let refusals = matched.one.rule.meters.iter().enumerate().filter_map(|(index, meter)| {
            let kept = place.and_then(|place| cell.counter(place, index));
            let (counter, _) = matched.one.current(meter, kept, self.now_s);
            let amount = self.amounts.held(meter.unit);
            let unreachable = matched.one.rule.when_unreachable;
            let full = counter.check(meter.max, amount, self.fleet_status, unreachable, self.now_s).err()?;
            Some(Refusal {
                rule: matched.index,
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
            Full::Share => Some(counter.share_wait_s(self.fleet_status, self.now_s)),
            Full::Unreachable => Some(self.fleet_status.sync_s.max(1)),
            // A slot is free when somebody is done, and nobody knows when.
            Full::Exhausted if meter.unit == Unit::Concurrency => Some(1),
            Full::Exhausted if counter.end == u64::MAX => None,
            Full::Exhausted => Some(counter.end.saturating_sub(self.now_s).max(1)),
        }
    }

    /// Reserves for all bids on a cell.
    fn charge(
        &self,
        group: &[RuleMatch<'_>],
        mut cell: Cell,
        mut version: u32,
        ledger: &mut impl Ledger,
        admission: &mut Admission,
    ) -> Result<(), Refusal> {
        let Some(number) = group.first().map(|matched| matched.cell) else { return Ok(()) };
        for _ in 0..TRIES {
            let mut removed = Vec::new();
            let notes: Vec<Note> = group.iter().filter_map(|matched| self.note(matched, &cell)).collect();
            let charged: Vec<(Held, Vec<Counter>)> =
                group.iter().filter_map(|matched| self.reserve(matched, &mut cell, &mut removed)).collect();
            if ledger.write(number, cell.bytes(), version) {
                ledger.touched(number);
                admission.notes.extend(notes);
                for ((held, counters), matched) in charged.into_iter().zip(group) {
                    admission.quotas.note(matched.one, &counters, self.now_s);
                    admission.held.push(held);
                }
                removed.into_iter().for_each(|removed| ledger.evicted(evicted_rows(self.rules, removed)));
                return Ok(());
            }
            let stored = ledger.read(number);
            (cell, version) = (Cell::new(stored.bytes), stored.version);
            self.judge(group, &cell)?;
        }
        // Nobody loses this often; but if so, a request that cannot be counted does not go on.
        let matched = group.first().map_or((0, Unit::Requests), |matched| (matched.index, Unit::Requests));
        Err(Refusal { rule: matched.0, unit: matched.1, why: Why::Share, retry_after_s: Some(1), observed: 0, max: 0 })
    }

    /// The rejection of a rule that only watches.
    fn note(&self, matched: &RuleMatch<'_>, cell: &Cell) -> Option<Note> {
        if !matched.one.only_watches() {
            return None;
        }
        let Refusal { rule, unit, observed, max, .. } = self.refusal(matched, cell)?;
        Some(Note { rule, unit, crossed: None, observed, max })
    }

    fn reserve(
        &self,
        matched: &RuleMatch<'_>,
        cell: &mut Cell,
        removed: &mut Vec<Removed>,
    ) -> Option<(Held, Vec<Counter>)> {
        let mut account = matched.one.open(cell, &matched.subject, self.now_s, removed);
        let mut amounts = Vec::with_capacity(account.counters.len());
        for (meter, counter) in matched.one.rule.meters.iter().zip(&mut account.counters) {
            let amount = self.amounts.held(meter.unit);
            counter.reserve(amount);
            amounts.push(HeldAmount { start: counter.start, era: counter.era, amount });
        }
        if let Some(place) = account.place {
            cell.touch(place, self.now_s);
        }
        account.put_back(cell, self.now_s, self.fleet_status.shared, removed)?;
        let counters = account.counters;
        Some((Held { rule: matched.index, cell: matched.cell, subject: matched.subject.clone(), amounts }, counters))
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
