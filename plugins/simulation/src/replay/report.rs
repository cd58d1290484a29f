//! The result of a replay: counts of each policy, the differences between the two, and what could not be judged.

use super::side::Judged;
use crate::recorded::Recorded;
use headgate_policy::document::{Document, Stage};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Most ids of records that are listed for one difference.
const MAX_IDS: usize = 50;

/// See the module's text.
pub(crate) struct Report<'a> {
    records: &'a [Recorded],
    judged: &'a [[Option<Judged>; 2]],
    documents: [&'a Document; 2],
}

#[derive(Default)]
struct Totals {
    served: u64,
    unserved: u64,
    refused: BTreeMap<String, u64>,
    targets: BTreeMap<String, u64>,
    nano_usd: u64,
    assumed: u64,
}

#[derive(Default)]
struct ChangedRecords {
    count: u64,
    ids: Vec<String>,
    nano_usd: i64,
}

impl<'a> Report<'a> {
    pub(crate) fn new(
        records: &'a [Recorded],
        judged: &'a [[Option<Judged>; 2]],
        documents: [&'a Document; 2],
    ) -> Self {
        Self { records, judged, documents }
    }

    pub(crate) fn json(&self, unreadable: usize, full: bool) -> Value {
        let totals = [self.totals(0), self.totals(1)];
        let mut differences: BTreeMap<String, ChangedRecords> = BTreeMap::new();
        let mut unknown: BTreeMap<&str, u64> = BTreeMap::new();
        let mut other_than_recorded: u64 = 0;
        for (record, pair) in self.records.iter().zip(self.judged) {
            let [Some(before), Some(after)] = pair else { continue };
            if let Judged::Unknown(why) = before {
                *unknown.entry(why).or_default() += 1;
                continue;
            }
            other_than_recorded += u64::from(!is_as_recorded(record, before));
            if let Some(name) = difference(before, after) {
                let one = differences.entry(name).or_default();
                one.count += 1;
                one.nano_usd = one.nano_usd.saturating_add(cost(after)).saturating_sub(cost(before));
                if one.ids.len() < MAX_IDS {
                    one.ids.push(record.id.clone());
                }
            }
        }
        let mut listed: Vec<_> = differences.into_iter().collect();
        listed.sort_by_key(|(_, one)| std::cmp::Reverse(one.count));
        let listed: Vec<Value> = listed
            .into_iter()
            .map(|(what, one)| json!({"what": what, "records": one.count, "nano_usd": one.nano_usd, "ids": one.ids}))
            .collect();
        json!({
            "records": self.records.len(),
            "from": self.records.first().map(|record| record.started_at),
            "to": self.records.last().map(|record| record.started_at),
            "unreadable": unreadable,
            "full": full,
            "policies": totals.map(|one| one.json()),
            "differences": listed,
            "unknown": unknown,
            "other_than_recorded": other_than_recorded,
            "not_judged": self.not_judged(),
        })
    }

    fn totals(&self, side: usize) -> Totals {
        let mut totals = Totals::default();
        for judged in self.judged.iter().filter_map(|pair| pair.get(side)?.as_ref()) {
            match judged {
                Judged::Served { target, nano_usd, assumed } => {
                    totals.served += 1;
                    *totals.targets.entry(target.clone()).or_default() += 1;
                    totals.nano_usd = totals.nano_usd.saturating_add(*nano_usd);
                    totals.assumed += u64::from(*assumed);
                }
                Judged::Refused { .. } => *totals.refused.entry(name(judged)).or_default() += 1,
                Judged::Unserved => totals.unserved += 1,
                Judged::Unknown(_) => {}
            }
        }
        totals
    }

    /// Names the parts of the two policies that records do not suffice to judge.
    fn not_judged(&self) -> Vec<String> {
        let mut parts = BTreeSet::new();
        for document in self.documents {
            for guardrail in &document.guardrails {
                let id = &guardrail.detect.policy;
                parts.insert(format!("guardrail `{id}`: records have no text"));
            }
            let targets = document.models.iter().flat_map(|model| model.targets.iter().map(move |one| (model, one)));
            for (model, _) in targets.filter(|(_, target)| !target.when.headers.is_empty()) {
                parts.insert(format!("`when.header` of model `{}`: records have no headers", model.name));
            }
            if document.identity.is_some() {
                parts.insert("`identity`: records have no header, token or certificate".to_owned());
            }
            if !document.limits.is_empty() && document.stages.has(Stage::Limits) {
                parts.insert("counts before the first record: they begin at zero".to_owned());
            }
        }
        parts.insert("cooldowns of targets: a target that failed then fails now, and no other".to_owned());
        parts.into_iter().collect()
    }
}

impl Totals {
    fn json(self) -> Value {
        json!({
            "served": self.served,
            "unserved": self.unserved,
            "refused": self.refused,
            "targets": self.targets,
            "nano_usd": self.nano_usd,
            "assumed": self.assumed,
        })
    }
}

fn cost(judged: &Judged) -> i64 {
    match judged {
        Judged::Served { nano_usd, .. } => i64::try_from(*nano_usd).unwrap_or(i64::MAX),
        _ => 0,
    }
}

/// Returns a verdict in words.
fn name(judged: &Judged) -> String {
    match judged {
        Judged::Served { target, .. } => format!("served by {target}"),
        Judged::Refused { stage, policy_id, reason } => match policy_id {
            Some(id) => format!("refused by {stage} `{id}` ({reason})"),
            None => format!("refused by {stage} ({reason})"),
        },
        Judged::Unserved => "answered by no provider".to_owned(),
        Judged::Unknown(why) => (*why).to_owned(),
    }
}

/// Returns the difference between two verdicts in words, if there is one.
fn difference(before: &Judged, after: &Judged) -> Option<String> {
    match (before, after) {
        _ if before == after => None,
        (Judged::Served { target, .. }, Judged::Served { target: other, .. }) if target == other => {
            Some(format!("another cost, {}", name(after)))
        }
        (Judged::Served { .. }, Judged::Served { .. }) => Some(format!("{}, was {}", name(after), name(before))),
        (Judged::Refused { .. }, Judged::Refused { .. }) => Some(format!("{}, was {}", name(after), name(before))),
        (Judged::Refused { .. }, _) => Some(format!("admitted, was {}", name(before))),
        _ => Some(name(after)),
    }
}

/// Whether the policy that was in force does with a record as it did then.
fn is_as_recorded(record: &Recorded, judged: &Judged) -> bool {
    match judged {
        Judged::Served { target, .. } => {
            record.served_by.as_ref().is_some_and(|one| *target == format!("{}/{}", one.provider, one.model))
        }
        Judged::Refused { reason, .. } => {
            let code = record.error_code.as_deref();
            let by_rule = record.refusal().and_then(|refusal| refusal.reason.as_deref());
            record.rejected_by.as_deref() == Some("gateway") && (code == Some(reason) || by_rule == Some(reason))
        }
        Judged::Unserved => record.served_by.is_none() || record.status >= 400,
        Judged::Unknown(_) => true,
    }
}
