//! Replays stored records under two policies, in the order of time: which requests another policy would refuse, where it would send
//! them, and the cost.
//!
//! A record has no text, so guardrails and conditions on headers cannot be judged: the result names them. Counts begin at zero with
//! the first record. A request that a rule refused then is refused again where the rule is the same: so nothing differs if the two
//! policies are the same.

mod report;
mod side;

use crate::recorded::Recorded;
use headgate_policy::document::Document;
use report::Report;
use serde_json::Value;
use side::{Ended, Judged, Side};

/// Most records of a replay.
pub const MAX_RECORDS: usize = 50_000;
/// Longest line that is read, bytes.
const MAX_LINE: usize = 1 << 20;

/// A replay.
pub struct Replay {
    sides: [Side; 2],
    records: Vec<Recorded>,
    /// The beginning of a line.
    line: String,
    /// Lines that are no records.
    unreadable: usize,
    full: bool,
}

impl Replay {
    /// Begins a replay under the policy that was in force, and another one.
    ///
    /// # Errors
    /// The reason why a policy cannot be loaded.
    pub fn new(before: Document, after: Document) -> Result<Self, String> {
        let sides = [Side::new(before)?, Side::new(after)?];
        Ok(Self { sides, records: Vec::new(), line: String::new(), unreadable: 0, full: false })
    }

    /// Takes a part of the records: NDJSON as the API writes it, cut anywhere. Returns whether more may follow.
    pub fn push(&mut self, part: &str) -> bool {
        for piece in part.split_inclusive('\n') {
            if self.line.len().saturating_add(piece.len()) <= MAX_LINE {
                self.line.push_str(piece);
            }
            if piece.ends_with('\n') {
                self.take_line();
            }
        }
        !self.full
    }

    /// Returns the number of records so far.
    #[must_use]
    pub fn records(&self) -> usize {
        self.records.len()
    }

    fn take_line(&mut self) {
        let line = std::mem::take(&mut self.line);
        if line.trim().is_empty() || self.full {
            return;
        }
        match serde_json::from_slice(line.as_bytes()) {
            Ok(record) => self.records.push(record),
            Err(_) => self.unreadable = self.unreadable.saturating_add(1),
        }
        self.full = self.records.len() >= MAX_RECORDS;
    }

    /// Plays all records and returns the result, JSON.
    #[must_use]
    pub fn finish(mut self) -> Value {
        self.take_line();
        self.records.sort_by_key(|record| record.started_at);
        let Self { mut sides, records, unreadable, full, .. } = self;
        let mut judged: Vec<[Option<Judged>; 2]> = records.iter().map(|_| [None, None]).collect();
        let mut note = |side: usize, ended: &mut Vec<Ended>| {
            for Ended { index, judged: verdict } in ended.drain(..) {
                if let Some(place) = judged.get_mut(index).and_then(|pair| pair.get_mut(side)) {
                    *place = Some(verdict);
                }
            }
        };
        let mut ended = Vec::new();
        let [before, after] = &mut sides;
        for (index, record) in records.iter().enumerate() {
            before.settle_until(record.started_at, &records, &mut ended);
            note(0, &mut ended);
            after.settle_until(record.started_at, &records, &mut ended);
            note(1, &mut ended);
            let (first, draw) = judge(before, index, record, None, true);
            let same = same_rule(&before.document, &after.document, record);
            let (second, _) = judge(after, index, record, Some(draw), same);
            for (side, verdict) in [first, second].into_iter().enumerate() {
                ended.extend(verdict.map(|judged| Ended { index, judged }));
                note(side, &mut ended);
            }
        }
        for (number, side) in sides.iter_mut().enumerate() {
            side.settle_until(u64::MAX, &records, &mut ended);
            note(number, &mut ended);
        }
        let [before, after] = &sides;
        Report::new(&records, &judged, [&before.document, &after.document]).json(unreadable, full)
    }
}

/// Admits a record, unless a rule that is the same refused it then.
fn judge(
    side: &mut Side,
    index: usize,
    record: &Recorded,
    draw: Option<u32>,
    rule_is_there: bool,
) -> (Option<Judged>, u32) {
    let Some(refusal) = record.refusal().filter(|_| rule_is_there) else { return side.admit(index, record, draw) };
    if !matches!(refusal.stage.as_str(), "limits" | "budgets" | "guardrails") {
        return side.admit(index, record, draw);
    }
    let kept = Judged::Refused {
        stage: refusal.stage.clone(),
        policy_id: refusal.policy_id.clone(),
        reason: refusal.reason.clone().unwrap_or_default(),
    };
    (Some(kept), 0)
}

/// Whether the rule that refused the request is the same in both policies.
fn same_rule(before: &Document, after: &Document, record: &Recorded) -> bool {
    let Some(refusal) = record.refusal() else { return true };
    let id = refusal.policy_id.as_deref().unwrap_or_default();
    match refusal.stage.as_str() {
        "guardrails" => {
            let of = |document: &Document| document.guardrails.iter().find(|one| one.detect.policy == id).cloned();
            of(before) == of(after)
        }
        "limits" | "budgets" => {
            let of = |document: &Document| document.limits.iter().find(|one| one.id == id).cloned();
            of(before) == of(after)
        }
        _ => false,
    }
}
