//! A proxy's shared data in memory, with other workers that may win a compare-and-set.

use headgate_limits::{Amounts, Dimension, Facts, Kind, Ledger, Meter, Period, ReportRow, Rule, Rules, Stored, Unit};
use headgate_limits::{WhenUnreachable, Zone};
use std::collections::{BTreeSet, HashMap};

#[derive(Default)]
pub(crate) struct Memory {
    pub(crate) cells: HashMap<u16, (Vec<u8>, u32)>,
    pub(crate) touched: BTreeSet<u16>,
    pub(crate) evicted_rows: Vec<ReportRow>,
    /// So many writes are lost to another worker.
    pub(crate) lose: u32,
}

impl Memory {
    pub(crate) fn bytes(&self) -> usize {
        self.cells.values().map(|(bytes, _)| bytes.len()).sum()
    }
}

impl Ledger for Memory {
    fn read(&mut self, cell: u16) -> Stored {
        let (bytes, version) = self.cells.get(&cell).cloned().unwrap_or_default();
        Stored { bytes, version }
    }

    fn write(&mut self, cell: u16, bytes: &[u8], version: u32) -> bool {
        let slot = self.cells.entry(cell).or_default();
        if self.lose > 0 || slot.1 != version {
            self.lose = self.lose.saturating_sub(1);
            slot.1 += 1;
            return false;
        }
        *slot = (bytes.to_vec(), version + 1);
        true
    }

    fn touched(&mut self, cell: u16) {
        self.touched.insert(cell);
    }

    fn evicted(&mut self, rows: Vec<ReportRow>) {
        self.evicted_rows.extend(rows);
    }
}

/// A request, as the rules see it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Who {
    pub(crate) key: &'static str,
    pub(crate) team: &'static str,
    pub(crate) provider: &'static str,
    pub(crate) tag: String,
}

impl Facts for Who {
    fn value(&self, dimension: &Dimension) -> Option<&str> {
        let value = match dimension {
            Dimension::Key => self.key,
            Dimension::Team => self.team,
            Dimension::Provider => self.provider,
            Dimension::Tag(_) => &self.tag,
            _ => "",
        };
        Some(value).filter(|value| !value.is_empty())
    }
}

pub(crate) fn rule(id: &str, per: &[Dimension], meters: &[Meter]) -> Rule {
    Rule {
        id: id.to_owned(),
        kind: Kind::Limit,
        conditions: Vec::new(),
        per: per.to_vec(),
        meters: meters.to_vec(),
        max_cost: None,
        zone: Zone::default(),
        monitor: false,
        warn_only: false,
        warn_at: Vec::new(),
        when_unreachable: WhenUnreachable::LastKnown,
        webhook_env: None,
    }
}

pub(crate) fn rules(all: Vec<Rule>) -> Rules {
    Rules::new(all).expect("sound rules")
}

pub(crate) fn meter(unit: Unit, period: Period, max: u64) -> Meter {
    Meter { unit, period: Some(period), max }
}

pub(crate) fn concurrency(max: u64) -> Meter {
    Meter { unit: Unit::Concurrency, period: None, max }
}

pub(crate) fn one_request() -> Amounts {
    Amounts { requests: 1, input_tokens: 10, output_tokens: 20, nano_usd: 1_000 }
}
