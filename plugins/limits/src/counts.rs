//! The counts of the rules that apply to a request, as they are. Nothing is changed: this is for people who look on.

use crate::cell::Cell;
use crate::ledger::{Ledger, cell_of};
use crate::rule::{Compiled, Facts, Rules, SEPARATOR};

/// One meter of a rule, for the subject of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Count {
    /// Index of the rule.
    pub rule: usize,
    /// Index of the meter within it.
    pub meter: usize,
    /// The values of `per`.
    pub subject: Vec<String>,
    /// Used in the window, here and by other proxies.
    pub used: u64,
    /// Reserved by requests under way.
    pub reserved: u64,
    /// Most there may be.
    pub max: u64,
    /// End of the window, s since the Unix epoch; none if it has no end.
    pub ends_at: Option<u64>,
}

impl Rules {
    /// Returns the counts of every rule that applies, in the order of the rules and their meters.
    pub fn counts(&self, facts: &impl Facts, now_s: u64, ledger: &mut impl Ledger) -> Vec<Count> {
        let mut counts = Vec::new();
        for (rule, one) in self.all.iter().enumerate().filter(|(_, one)| one.applies(facts)) {
            let subject = one.subject(facts);
            let cell = Cell::new(ledger.read(cell_of(one.rule.per.len(), &subject)).bytes);
            counts.extend(one.counts_of(rule, &subject, &cell, now_s));
        }
        counts
    }
}

impl Compiled {
    fn counts_of(&self, rule: usize, subject: &[u8], cell: &Cell, now_s: u64) -> Vec<Count> {
        let place = cell.find(self.tag, subject);
        let names: Vec<String> = match self.rule.per.is_empty() {
            true => Vec::new(),
            false => String::from_utf8_lossy(subject).split(char::from(SEPARATOR)).map(str::to_owned).collect(),
        };
        let meters = self.rule.meters.iter().enumerate().map(|(meter, declared)| {
            let (counter, _) = self.current(declared, place.and_then(|place| cell.counter(place, meter)), now_s);
            let reserved = counter.reserved(now_s);
            Count {
                rule,
                meter,
                subject: names.clone(),
                used: counter.known(now_s).saturating_sub(reserved),
                reserved,
                max: declared.max,
                ends_at: Some(counter.end).filter(|end| *end != u64::MAX),
            }
        });
        meters.collect()
    }
}
