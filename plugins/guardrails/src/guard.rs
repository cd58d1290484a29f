//! The compiled rules: built once per VM or command, then only read.

use crate::kinds::{KINDS, Kind};
use crate::policies::{MAX_POLICIES, Policies};
use crate::scan;
use crate::spec::{Action, DEFAULT_THRESHOLD, DetectorSpec, resolve};
use crate::{Finding, Window};
use std::fmt;

/// Compiled detectors of all policies.
#[derive(Debug)]
pub struct Guard {
    policies: Vec<Policy>,
    /// For each kind, in the order of [`KINDS`]: who asked for it.
    wanted: Vec<Policies>,
}

/// What is known of one policy.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    /// Its id.
    pub id: String,
    /// What becomes of its findings.
    pub action: Action,
    /// From which score on prompt injection is a finding.
    pub threshold: f32,
}

/// Why a spec cannot be compiled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidSpec {
    /// Index of the spec.
    pub spec: usize,
    /// The value that is wrong: a kind, a word, a pattern, a host. It comes from the policy, not from traffic.
    pub value: String,
    /// What is wrong with it.
    pub reason: String,
}

impl fmt::Display for InvalidSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`: {}", self.value, self.reason)
    }
}

impl std::error::Error for InvalidSpec {}

impl Guard {
    /// Compiles specs; a finding's `policy` is the index of its spec.
    ///
    /// A pattern is a regular expression in the syntax of Rust's `regex` without Unicode classes: `\d`, `\w`, `\b` and
    /// case folding are ASCII, literals may be anything. It must not match the empty text. It is searched in linear
    /// time; a match of up to [`crate::KINDS`]'s reach for `pattern`, halved, is certain to be found.
    ///
    /// # Errors
    /// The first value that is no kind, no pattern, too large, or out of range.
    pub fn compile(specs: &[DetectorSpec]) -> Result<Self, InvalidSpec> {
        let mut guard = Self { policies: Vec::new(), wanted: vec![Policies::NONE; KINDS.len()] };
        for (index, spec) in specs.iter().enumerate() {
            guard.add(index, spec).map_err(|(value, reason)| InvalidSpec { spec: index, value, reason })?;
        }
        Ok(guard)
    }

    /// A guard with one policy that wants every built-in kind.
    #[must_use]
    pub fn with_all_kinds() -> Self {
        let policies = vec![Policy { id: String::new(), action: Action::Monitor, threshold: DEFAULT_THRESHOLD }];
        Self { policies, wanted: vec![Policies::from_iter([0]); KINDS.len()] }
    }

    fn add(&mut self, index: usize, spec: &DetectorSpec) -> Result<(), (String, String)> {
        if index >= MAX_POLICIES {
            return Err((spec.policy.clone(), format!("there can be {MAX_POLICIES} guardrails at most")));
        }
        let threshold = spec.threshold.unwrap_or(DEFAULT_THRESHOLD);
        if !(threshold > 0.0 && threshold <= 1.0) {
            return Err((threshold.to_string(), "a threshold is above 0 and at most 1".into()));
        }
        for name in &spec.kinds {
            let kinds = resolve(name).ok_or_else(|| (name.clone(), "there is no such kind or group".into()))?;
            kinds.into_iter().for_each(|kind| self.want(kind, index));
        }
        self.policies.push(Policy { id: spec.policy.clone(), action: spec.action, threshold });
        Ok(())
    }

    fn want(&mut self, kind: Kind, policy: usize) {
        if let Some(policies) = self.wanted.get_mut(kind as usize) {
            policies.insert(policy);
        }
    }

    /// The policies, in the order of the specs.
    #[must_use]
    pub fn policies(&self) -> &[Policy] {
        &self.policies
    }

    /// The policy of a finding.
    #[must_use]
    pub fn policy(&self, finding: &Finding) -> Option<&Policy> {
        self.policies.get(usize::from(finding.policy))
    }

    /// Everything that any policy looks for in this text, sorted by its start.
    #[must_use]
    pub fn find(&self, text: &str) -> Vec<Finding> {
        self.find_in(text.as_bytes(), Policies::ALL)
    }

    /// What some of the policies look for. Bytes that are not UTF-8 are not part of anything.
    #[must_use]
    pub fn find_in(&self, text: &[u8], policies: Policies) -> Vec<Finding> {
        let mut window = Window::new(policies);
        window.whole(self, text)
    }

    /// Most bytes that a [`Window`] for these policies holds back: those that the longest match could still need.
    #[must_use]
    pub fn hold_limit(&self, policies: Policies) -> usize {
        let wanted = KINDS.iter().filter(|row| !self.wanted(row.kind).and(policies).is_empty());
        wanted.map(|row| row.reach).max().unwrap_or(0).max(scan::LONGEST_TOKEN)
    }

    /// Who asked for a kind.
    #[inline]
    pub(crate) fn wanted(&self, kind: Kind) -> Policies {
        self.wanted.get(kind as usize).copied().unwrap_or_default()
    }

    /// Of these policies those whose threshold a score reaches.
    pub(crate) fn reached(&self, policies: Policies, score: f32) -> Policies {
        let reached = self.policies.iter().enumerate().filter(|(_, policy)| score >= policy.threshold);
        policies.and(reached.map(|(index, _)| index).collect())
    }
}
