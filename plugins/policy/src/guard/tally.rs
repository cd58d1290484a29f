//! Counts of findings for the record: kind, guardrail, action, direction. Never the text.

use super::{FindingKey, Guardrails};
use crate::document::Action;
use headgate_record::{Decision, Direction, Verdict};
use std::collections::BTreeMap;

/// Most lines of one exchange; there are more kinds than anything real ever has in one text.
const MAX_LINES: usize = 100;

/// See the module's text.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    lines: Vec<(FindingKey, u32)>,
}

impl Tally {
    /// One more.
    pub(crate) fn add(&mut self, seen: FindingKey) {
        if let Some((_, count)) = self.lines.iter_mut().find(|(line, _)| *line == seen) {
            *count = count.saturating_add(1);
        } else if self.lines.len() < MAX_LINES {
            self.lines.push((seen, 1));
        }
    }

    /// One decision for each kind that each guardrail found in this direction.
    pub(crate) fn decisions<'a>(
        &'a self,
        guardrails: &'a Guardrails,
        direction: Direction,
    ) -> impl Iterator<Item = Decision> + use<'a> {
        let lines = self.lines.iter().filter(move |(line, _)| line.direction == direction);
        lines.filter_map(move |(line, count)| {
            let guardrail = guardrails.get(line.guardrail)?;
            Some(Decision {
                stage: "guardrails".to_owned(),
                policy_id: Some(guardrail.id.clone()),
                verdict: if line.refuses() { Verdict::Deny } else { verdict(guardrail.action) },
                direction: Some(direction),
                reason: Some(line.kind.to_owned()),
                observed: Some(u64::from(*count)),
                ..Decision::default()
            })
        })
    }

    /// Returns the number of masked findings of each kind.
    pub(crate) fn redactions(&self, guardrails: &Guardrails) -> BTreeMap<String, u32> {
        let mut redactions = BTreeMap::new();
        for (line, count) in self.lines.iter().filter(|(line, _)| !line.refuses()) {
            if guardrails.get(line.guardrail).is_some_and(|guardrail| guardrail.action == Action::Mask) {
                let total: &mut u32 = redactions.entry(line.kind.to_owned()).or_default();
                *total = total.saturating_add(*count);
            }
        }
        redactions
    }
}

pub(crate) fn verdict(action: Action) -> Verdict {
    match action {
        Action::Block => Verdict::Deny,
        Action::Mask => Verdict::Mask,
        Action::Monitor => Verdict::Monitor,
    }
}
