//! Demand without a share: noted, so that the next report asks for one.

use super::{AdmissionContext, Refusal, RuleMatch, Why};
use crate::cell::Cell;
use crate::counter::Counter;
use crate::eviction::evicted_rows;
use crate::ledger::Ledger;

impl AdmissionContext<'_> {
    /// Notes that there is demand, so that the next report asks for a share, or for more of it. Nothing is charged,
    /// and if another worker is faster, it is noted next time.
    pub(super) fn want(
        &self,
        group: &[RuleMatch<'_>],
        mut cell: Cell,
        version: u32,
        refusal: &Refusal,
        ledger: &mut impl Ledger,
    ) {
        if self.fleet_status.asks_first && refusal.why == Why::Share {
            return self.want_first(group, cell, version, ledger);
        }
        let refused = |matched: &&RuleMatch<'_>| matched.index == refusal.rule && self.fleet_status.shared;
        let Some(matched) = group.iter().find(refused) else { return };
        let Some(account) = cell.account_of(matched.one.tag, &matched.subject) else { return };
        if refusal.why != Why::Share && account.was_touched_since(self.now_s) {
            return;
        }
        let place = account.place;
        let counters: Vec<Counter> = cell.counters(place).collect();
        for (index, (meter, counter)) in matched.one.rule.meters.iter().zip(counters).enumerate() {
            let wanted = if refusal.why == Why::Share { self.amounts.held(meter.unit) } else { 0 };
            cell.set_counter(place, index, Counter { wanted: counter.wanted.max(wanted), ..counter });
        }
        cell.touch(place, self.now_s);
        if ledger.write(matched.cell, cell.bytes(), version) {
            ledger.touched(matched.cell);
        }
        if refusal.why == Why::Share {
            ledger.hurry();
        }
    }

    /// Notes the demand on every count of a cell without a share, also on those that are new: the request waits for the report.
    fn want_first(&self, group: &[RuleMatch<'_>], mut cell: Cell, version: u32, ledger: &mut impl Ledger) {
        let mut removed = Vec::new();
        let lacks =
            |matched: &&RuleMatch<'_>| self.refusal(matched, &cell).is_some_and(|refusal| refusal.why == Why::Share);
        let lacking: Vec<&RuleMatch<'_>> = group.iter().filter(lacks).collect();
        for matched in lacking {
            let mut account = matched.one.open(&cell, &matched.subject, self.now_s, &mut removed);
            for (meter, counter) in matched.one.rule.meters.iter().zip(&mut account.counters) {
                counter.wanted = counter.wanted.max(self.amounts.held(meter.unit));
            }
            if let Some(place) = account.put_back(&mut cell, self.now_s, self.fleet_status.shared, &mut removed) {
                cell.touch(place, self.now_s);
            }
        }
        let Some(number) = group.first().map(|matched| matched.cell) else { return };
        if ledger.write(number, cell.bytes(), version) {
            ledger.touched(number);
            removed.into_iter().for_each(|removed| ledger.evicted(evicted_rows(self.rules, removed)));
        }
        ledger.hurry();
    }
}
