//! The compiled rules: built once per VM or command, then only read.

use crate::context::KindSet;
use crate::injection;
use crate::kinds::{Group, KINDS, Kind};
use crate::pattern::Pattern;
use crate::phrases::Phrases;
use crate::policies::{MAX_POLICIES, Policies};
use crate::secrets::prefixed::{Prefixes, first_words};
use crate::spec::{Action, DEFAULT_THRESHOLD, DetectorSpec, UrlSpec, resolve};
use crate::words::lexicon::{Lexicon, Meaning};
use crate::words::vocabulary::VOCABULARY;
use crate::{Finding, MAX_WORD_BYTES};
use std::collections::{BTreeSet, HashSet};
use std::fmt;

/// Compiled detectors of all policies.
#[derive(Debug)]
pub struct Guard {
    policies: Vec<Policy>,
    /// For each kind, in the order of [`KINDS`]: the policies that asked for it.
    wanted: Vec<Policies>,
    /// For each policy: which kinds it asked for.
    kinds: Vec<KindSet>,
    lexicon: Lexicon,
    prefixes: Prefixes,
    phrases: Phrases,
    patterns: Vec<Pattern>,
    urls: Vec<(usize, Hosts)>,
}

/// One policy of a guard.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    /// Its id.
    pub id: String,
    /// The effect of its findings.
    pub action: Action,
    /// From which score on prompt injection is a finding.
    pub threshold: f32,
}

/// The reason why a spec cannot be compiled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidSpec {
    /// Index of the spec.
    pub spec: usize,
    /// The value that is wrong: a kind, a word, a pattern, a host. It comes from the policy, not from traffic.
    pub value: String,
    /// The mistake.
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
        let mut guard = Self::empty();
        for (index, spec) in specs.iter().enumerate() {
            guard.add(index, spec).map_err(|(value, reason)| InvalidSpec { spec: index, value, reason })?;
        }
        guard.phrases.finish();
        Ok(guard)
    }

    /// Returns a guard with one policy that wants every built-in kind.
    #[must_use]
    pub fn with_all_kinds() -> Self {
        let mut guard = Self::empty();
        guard.policies.push(Policy { id: String::new(), action: Action::Monitor, threshold: DEFAULT_THRESHOLD });
        let built_in = KINDS.iter().filter(|row| row.group != Group::Custom);
        built_in.for_each(|row| guard.want(row.kind, 0));
        guard
    }

    fn empty() -> Self {
        let topics = VOCABULARY.iter().map(|(topics, words)| (Meaning { topics: *topics, roles: 0 }, *words));
        let parts = injection::PARTS.iter().map(|(roles, words)| (Meaning { topics: 0, roles: *roles }, *words));
        let words = topics.chain(parts).flat_map(|(meaning, words)| words.iter().map(move |word| (*word, meaning)));
        let mut lexicon = Lexicon::new(words);
        first_words().for_each(|word| lexicon.note(word));
        Self {
            policies: Vec::new(),
            wanted: vec![Policies::NONE; KINDS.len()],
            kinds: Vec::new(),
            lexicon,
            prefixes: Prefixes::new(),
            phrases: Phrases::default(),
            patterns: Vec::new(),
            urls: Vec::new(),
        }
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
        for word in &spec.words {
            self.add_word(word, index)?;
        }
        for pattern in &spec.patterns {
            self.patterns.push(Pattern::new(pattern, index).map_err(|reason| (pattern.clone(), reason))?);
            self.want(Kind::Pattern, index);
        }
        if let Some(urls) = &spec.urls {
            self.urls.push((index, Hosts::new(urls)));
            self.want(Kind::Url, index);
        }
        self.policies.push(Policy { id: spec.policy.clone(), action: spec.action, threshold });
        Ok(())
    }

    fn add_word(&mut self, word: &str, policy: usize) -> Result<(), (String, String)> {
        let wrong = match word.trim() {
            "" => Some("a word has at least one letter".to_owned()),
            word if word.len() > MAX_WORD_BYTES => Some(format!("a word or phrase has {MAX_WORD_BYTES} bytes at most")),
            _ => None,
        };
        if let Some(reason) = wrong {
            return Err((word.to_owned(), reason));
        }
        self.phrases.add(word, policy);
        self.want(Kind::Words, policy);
        Ok(())
    }

    fn want(&mut self, kind: Kind, policy: usize) {
        if let Some(policies) = self.wanted.get_mut(kind as usize) {
            policies.insert(policy);
        }
        if self.kinds.len() <= policy {
            self.kinds.resize(policy + 1, KindSet::default());
        }
        if let Some(kinds) = self.kinds.get_mut(policy) {
            kinds.insert(kind);
        }
    }

    /// Returns the policies, in the order of the specs.
    #[must_use]
    pub fn policies(&self) -> &[Policy] {
        &self.policies
    }

    /// Returns the policy of a finding.
    #[must_use]
    pub fn policy(&self, finding: &Finding) -> Option<&Policy> {
        self.policies.get(usize::from(finding.policy))
    }

    /// Returns the policies that asked for a kind.
    #[inline]
    pub(crate) fn wanted(&self, kind: Kind) -> Policies {
        self.wanted.get(kind as usize).copied().unwrap_or_default()
    }

    /// Returns those of these policies with a threshold that the score reaches.
    pub(crate) fn reached(&self, policies: Policies, score: f32) -> Policies {
        let reached = self.policies.iter().enumerate().filter(|(_, policy)| score >= policy.threshold);
        policies.and(reached.map(|(index, _)| index).collect())
    }

    /// Returns the kinds that these policies want.
    pub(crate) fn kinds(&self, policies: Policies) -> KindSet {
        let known = policies.and((0..self.policies.len()).collect());
        known
            .iter()
            .filter_map(|policy| self.kinds.get(usize::from(policy)))
            .fold(KindSet::default(), |all, kinds| all.or(*kinds))
    }

    pub(crate) fn lexicon(&self) -> &Lexicon {
        &self.lexicon
    }

    pub(crate) fn prefixes(&self) -> &Prefixes {
        &self.prefixes
    }

    pub(crate) fn phrases(&self) -> &Phrases {
        &self.phrases
    }

    pub(crate) fn patterns(&self) -> &[Pattern] {
        &self.patterns
    }

    /// Returns the policies that do not want this host.
    pub(crate) fn url_policies(&self, host: &[u8]) -> Policies {
        if self.urls.is_empty() {
            return Policies::NONE;
        }
        let host = String::from_utf8_lossy(host).to_lowercase();
        let host = host.strip_suffix('.').unwrap_or(&host);
        self.urls.iter().filter(|(_, hosts)| hosts.refuse(host)).map(|(policy, _)| *policy).collect()
    }
}

/// Hosts of one policy.
#[derive(Debug)]
struct Hosts {
    allow: HostSet,
    deny: HostSet,
}

impl Hosts {
    fn new(urls: &UrlSpec) -> Self {
        Self { allow: HostSet::new(&urls.allow), deny: HostSet::new(&urls.deny) }
    }

    fn refuse(&self, host: &str) -> bool {
        self.deny.has(host) || !self.allow.is_empty() && !self.allow.has(host)
    }
}

/// Hosts, and domains with all hosts below them. A lookup costs one step for each length of a domain, however many are listed.
#[derive(Debug, Default)]
struct HostSet {
    hosts: HashSet<String>,
    parents: HashSet<String>,
    lengths: BTreeSet<usize>,
}

impl HostSet {
    fn new(listed: &[String]) -> Self {
        let mut set = Self::default();
        for host in listed.iter().map(|host| host.to_lowercase()) {
            match host.strip_prefix("*.") {
                Some(parent) => {
                    set.lengths.insert(parent.len());
                    set.parents.insert(parent.to_owned());
                }
                None => {
                    set.hosts.insert(host);
                }
            }
        }
        set
    }

    fn is_empty(&self) -> bool {
        self.hosts.is_empty() && self.parents.is_empty()
    }

    fn has(&self, host: &str) -> bool {
        let parent = |length: &usize| {
            let (below, parent) = host.split_at_checked(host.len().checked_sub(*length)?)?;
            Some(below.ends_with('.') && self.parents.contains(parent))
        };
        self.hosts.contains(host) || self.lengths.iter().any(|length| parent(length) == Some(true))
    }
}
