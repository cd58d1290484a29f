//! The series of a worker, each with the host's number, and the updates that a request causes.
//!
//! Most requests have labels that an earlier one had. So the labels that all families of a request share are looked up once,
//! and each of their series is found in a short list.

use crate::facts::RequestFacts;
use crate::family::{
    DIRECTION, FINDING, Family, GUARDRAIL, Kind, MODEL, OPERATION, OUTCOME, PROVIDER, STAGE, STATUS_CLASS, TOKEN_TYPE,
    VERDICT,
};
use crate::name::push_label;
use headgate_record::{Decision, Direction, Usage, Verdict};
use std::collections::HashMap;

/// Most series of a worker with names of the policy. Further names become [`OTHER`], whose series are few.
pub const MAX_SERIES: usize = 2_000;

/// Stands for names beyond the bound.
const OTHER: &str = "other";

/// One update of a series: an increment of a counter, the value of a gauge, or a value for a histogram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Update {
    /// The series, for [`Registry::host_metric`].
    pub series: usize,
    /// The amount.
    pub amount: u64,
}

/// A series as the host knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HostMetric<'a> {
    /// Not yet: it has to be defined under this name.
    Undefined(Kind, &'a str),
    /// By this number.
    Defined(Kind, u32),
    /// The host has refused it, and is not asked again.
    Refused,
}

/// See the module's text.
#[derive(Debug, Default)]
pub struct Registry {
    series: Vec<Series>,
    /// Series that count against the bound.
    named: usize,
    groups: Vec<Group>,
    group_of: HashMap<String, usize>,
    /// Series outside of groups, by name.
    single: HashMap<String, usize>,
    /// The text that is being made, its memory used again for each request.
    text: String,
}

#[derive(Debug)]
struct Series {
    kind: Kind,
    /// Empty once the host has answered.
    name: String,
    id: Option<u32>,
}

/// The series of all families with the same operation, model and provider.
#[derive(Debug)]
struct Group {
    /// Its labels, as names have them.
    labels: String,
    /// Whether it stands for names beyond the bound.
    other: bool,
    series: Vec<(Measure, usize)>,
}

/// A family of a group, with the labels that have closed words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Measure {
    Requests { class: &'static str, outcome: &'static str, stage: &'static str },
    Duration,
    FirstToken,
    Tokens(&'static str),
    TokenParts(&'static str),
    Cost,
}

impl Measure {
    const fn family(self) -> Family {
        match self {
            Self::Requests { .. } => Family::Requests,
            Self::Duration => Family::Duration,
            Self::FirstToken => Family::FirstToken,
            Self::Tokens(_) => Family::Tokens,
            Self::TokenParts(_) => Family::TokenParts,
            Self::Cost => Family::Cost,
        }
    }

    fn push_labels(self, name: &mut String) {
        match self {
            Self::Requests { class, outcome, stage } => {
                push_label(name, STATUS_CLASS, class);
                push_label(name, OUTCOME, outcome);
                push_label(name, STAGE, stage);
            }
            Self::Tokens(kind) | Self::TokenParts(kind) => push_label(name, TOKEN_TYPE, kind),
            Self::Duration | Self::FirstToken | Self::Cost => {}
        }
    }
}

impl Registry {
    /// Adds the updates for a request that is over.
    pub fn request(&mut self, facts: &RequestFacts<'_>, out: &mut Vec<Update>) {
        let names = (facts.operation(), facts.model, facts.provider);
        let group = self.group(names);
        let requests =
            Measure::Requests { class: facts.status_class(), outcome: facts.outcome(), stage: facts.stage() };
        let mut add = |measure, amount| {
            let series = self.series_of(group, names, measure);
            out.push(Update { series, amount });
        };
        add(requests, 1);
        add(Measure::Duration, milliseconds(facts.duration_us));
        if let Some(first_us) = facts.first_byte_us.filter(|_| facts.stream) {
            add(Measure::FirstToken, milliseconds(first_us));
        }
        for (measure, tokens) in facts.usage.iter().flat_map(tokens).filter(|(_, tokens)| *tokens > 0) {
            add(measure, tokens);
        }
        if let Some(nano_usd) = facts.nano_usd.filter(|nano_usd| *nano_usd > 0) {
            add(Measure::Cost, nano_usd);
        }
        for decision in facts.decisions {
            self.finding(decision, out);
        }
    }

    /// Adds the updates for the outbox: records that were dropped since the last time, and those that wait now.
    pub fn outbox(&mut self, dropped: u64, queued: u64, out: &mut Vec<Update>) {
        let queued =
            Update { series: self.single(Family::RecordsQueued.name(), Family::RecordsQueued), amount: queued };
        let series = self.single(Family::RecordsDropped.name(), Family::RecordsDropped);
        out.push(queued);
        out.push(Update { series, amount: dropped });
    }

    /// Returns the host's view of a series.
    #[must_use]
    pub fn host_metric(&self, series: usize) -> HostMetric<'_> {
        match self.series.get(series) {
            Some(Series { kind, id: Some(id), .. }) => HostMetric::Defined(*kind, *id),
            Some(Series { kind, name, .. }) if !name.is_empty() => HostMetric::Undefined(*kind, name),
            _ => HostMetric::Refused,
        }
    }

    /// Notes the host's number of a series; `None` if it has refused it.
    pub fn defined(&mut self, series: usize, id: Option<u32>) {
        if let Some(series) = self.series.get_mut(series) {
            series.id = id;
            series.name = String::new();
        }
    }

    /// Returns whether nothing was ever counted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.series.is_empty()
    }

    fn is_full(&self) -> bool {
        self.named >= MAX_SERIES
    }

    fn group(&mut self, names: (&'static str, &str, &str)) -> usize {
        group_labels(&mut self.text, names);
        if let Some(group) = self.group_of.get(&self.text) {
            return *group;
        }
        if self.is_full() { self.other_group(names) } else { self.add_group(false) }
    }

    /// Returns the group for the same operation with names beyond the bound.
    fn other_group(&mut self, (operation, model, provider): (&'static str, &str, &str)) -> usize {
        let other = |name: &str| if name.is_empty() { "" } else { OTHER };
        group_labels(&mut self.text, (operation, other(model), other(provider)));
        match self.group_of.get(&self.text) {
            Some(group) => *group,
            None => self.add_group(true),
        }
    }

    fn add_group(&mut self, other: bool) -> usize {
        let at = self.groups.len();
        self.groups.push(Group { labels: self.text.clone(), other, series: Vec::new() });
        self.group_of.insert(self.text.clone(), at);
        at
    }

    fn series_of(&mut self, group: usize, names: (&'static str, &str, &str), measure: Measure) -> usize {
        let found = |group: &Group| group.series.iter().find(|(one, _)| *one == measure).map(|(_, series)| *series);
        let known = self.groups.get(group);
        if let Some(series) = known.and_then(found) {
            return series;
        }
        let closed = known.is_some_and(|group| group.other);
        if self.is_full() && !closed {
            let other = self.other_group(names);
            if other != group {
                return self.series_of(other, names, measure);
            }
        }
        let mut name = measure.family().name().to_owned();
        name.push_str(self.groups.get(group).map_or("", |group| &group.labels));
        measure.push_labels(&mut name);
        let series = self.add_series(measure.family().kind(), name, closed);
        if let Some(group) = self.groups.get_mut(group) {
            group.series.push((measure, series));
        }
        series
    }

    /// Adds the findings that a decision of a guardrail tells of. An external check that could not be asked is one too.
    fn finding(&mut self, decision: &Decision, out: &mut Vec<Update>) {
        let reason = decision.reason.as_deref().unwrap_or_default();
        let unreachable = decision.observed.is_none() && reason == "unreachable";
        if decision.stage != "guardrails" || decision.verdict == Verdict::Allow && !unreachable {
            return;
        }
        // The words of an external check are its own, and not bounded.
        let kind = if decision.observed.is_some() || unreachable { reason } else { "external" };
        let guardrail = decision.policy_id.as_deref().unwrap_or_default();
        let mut name = finding_name(guardrail, kind, decision);
        if self.is_full() && !self.single.contains_key(&name) {
            name = finding_name(OTHER, kind, decision);
        }
        let series = self.single(&name, Family::Findings);
        out.push(Update { series, amount: decision.observed.unwrap_or(1) });
    }

    fn single(&mut self, name: &str, family: Family) -> usize {
        if let Some(series) = self.single.get(name) {
            return *series;
        }
        let series = self.add_series(family.kind(), name.to_owned(), family != Family::Findings);
        self.single.insert(name.to_owned(), series);
        series
    }

    fn add_series(&mut self, kind: Kind, name: String, closed: bool) -> usize {
        self.named = self.named.saturating_add(usize::from(!closed && !self.is_full()));
        self.series.push(Series { kind, name, id: None });
        self.series.len().saturating_sub(1)
    }
}

fn group_labels(text: &mut String, (operation, model, provider): (&str, &str, &str)) {
    text.clear();
    push_label(text, OPERATION, operation);
    push_label(text, MODEL, model);
    push_label(text, PROVIDER, provider);
}

fn finding_name(guardrail: &str, kind: &str, decision: &Decision) -> String {
    let mut name = Family::Findings.name().to_owned();
    push_label(&mut name, GUARDRAIL, guardrail);
    push_label(&mut name, FINDING, kind);
    push_label(&mut name, VERDICT, decision.verdict.as_str());
    push_label(&mut name, DIRECTION, decision.direction.map_or("", Direction::as_str));
    name
}

/// Whole milliseconds, the nearest.
fn milliseconds(us: u64) -> u64 {
    us.saturating_add(500) / 1_000
}

fn tokens(usage: &Usage) -> [(Measure, u64); 5] {
    [
        (Measure::Tokens("input"), usage.input_tokens),
        (Measure::Tokens("output"), usage.output_tokens),
        (Measure::TokenParts("cached_input"), usage.cached_input_tokens),
        (Measure::TokenParts("cache_write_input"), usage.cache_write_input_tokens),
        (Measure::TokenParts("reasoning"), usage.reasoning_tokens),
    ]
}

#[cfg(test)]
mod tests;
