//! The detectors that a policy asks for, as they travel inside the compiled policy document.
//!
//! A spec is one guardrail of gateway.yaml after its names were resolved. It does not contain its scope (key, team, model,
//! direction): callers choose the policies of an exchange with [`crate::Policies`].

use crate::kinds::{Group, Kind};
use serde::{Deserialize, Serialize};

/// One guardrail.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DetectorSpec {
    /// Its id in gateway.yaml; clients and records see it.
    pub policy: String,
    /// The effect of a finding.
    pub action: Action,
    /// Names of built-in kinds, or of groups (`secrets`, `pii`, `prompt_injection`, `invisible_text`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kinds: Vec<String>,
    /// Words and phrases, without regard to case and width; a letter before or after makes it another word, except in
    /// scripts that do not separate words. At most [`crate::MAX_WORD_BYTES`] each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub words: Vec<String>,
    /// Regular expressions, as [`crate::Guard::compile`] describes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub patterns: Vec<String>,
    /// Hosts that URLs may or may not name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub urls: Option<UrlSpec>,
    /// From which score on `prompt_injection` is a finding, above 0 and up to 1; [`DEFAULT_THRESHOLD`] if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold: Option<f32>,
}

impl DetectorSpec {
    /// Returns whether it asks for anything.
    #[must_use]
    pub fn looks_for_something(&self) -> bool {
        !(self.kinds.is_empty() && self.words.is_empty() && self.patterns.is_empty() && self.urls.is_none())
    }
}

/// Score from which on [`Kind::PromptInjection`] is a finding.
pub const DEFAULT_THRESHOLD: f32 = 0.8;

/// The effect of a finding.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// It is counted.
    Monitor,
    /// It is replaced.
    Mask,
    /// The request or the answer ends here.
    #[default]
    Block,
}

/// Hosts of URLs. A host stands for itself and, with `*.` before it, for everything below it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UrlSpec {
    /// If it is not empty, every other host is a finding.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allow: Vec<String>,
    /// These hosts are findings.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deny: Vec<String>,
}

/// Returns the kinds of a name in [`DetectorSpec::kinds`]; none if there is no such name.
#[must_use]
pub fn resolve(name: &str) -> Option<Vec<Kind>> {
    let group = Group::ALL.into_iter().find(|group| *group != Group::Custom && group.name() == name);
    let kinds = group.map(|group| Kind::of(group).collect());
    kinds.or_else(|| Kind::named(name).filter(|kind| kind.info().group != Group::Custom).map(|kind| vec![kind]))
}
