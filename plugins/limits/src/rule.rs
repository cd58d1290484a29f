//! An operator's rule: its scope, its unit and its bound.
//!
//! Limits and budgets differ in their units and in the words of a rejection, not in how they are kept. So both are one
//! type, and there is one way through admission and settlement for them.

use crate::period::{Period, Zone};
use serde::{Deserialize, Serialize};
use wildmatch::WildMatch;

/// Longest subject, bytes: the values of `per` together.
pub const MAX_SUBJECT_BYTES: usize = 1_024;

/// Nothing stands in a name; joins the parts of a subject.
pub(crate) const SEPARATOR: u8 = 0x1f;

/// Most meters of one rule.
pub(crate) const MAX_METERS: usize = 32;

/// Most dimensions of one subject; the collector takes no more.
pub(crate) const MAX_PER: usize = 8;

/// One entry of `limits` or `budgets`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Its id, unique among limits and budgets.
    pub id: String,
    /// Which section it stands in.
    pub kind: Kind,
    /// All of these must hold; empty means every request.
    #[serde(default, rename = "match", skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// Each combination of these has a count of its own; empty means that there is one count.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub per: Vec<Dimension>,
    /// Meters; at most 32.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub meters: Vec<Meter>,
    /// Most that one request may cost, nano-USD.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_cost: Option<u64>,
    /// Calendar of days, weeks and months.
    #[serde(default, skip_serializing_if = "is_utc")]
    pub zone: Zone,
    /// Decides and records, but rejects nothing.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub monitor: bool,
    /// Tells when thresholds are crossed, but rejects nothing.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub warn_only: bool,
    /// Percents of the budget at which to tell; ascending, at most 8.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warn_at: Vec<u8>,
    /// The behaviour while the collector cannot be reached.
    #[serde(default)]
    pub when_unreachable: WhenUnreachable,
    /// Environment variable of the collector with the address that is told of crossings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub webhook_env: Option<String>,
}

fn is_utc(zone: &Zone) -> bool {
    *zone == Zone::default()
}

/// Which section a rule stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// `limits`.
    Limit,
    /// `budgets`.
    Budget,
}

/// The behaviour while the collector cannot be reached.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum WhenUnreachable {
    /// Go on by the last known totals, within this proxy's share of the rest.
    #[default]
    LastKnown,
    /// Reject nothing.
    Allow,
    /// Reject everything the rule is for.
    Deny,
}

/// A value of a dimension is one of these.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Condition {
    /// Which dimension.
    pub dimension: Dimension,
    /// Names or globs (`*`).
    pub any: Vec<String>,
}

/// The properties that tell subjects apart.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Dimension {
    /// Id of the virtual key.
    Key,
    /// Owner of the key.
    Owner,
    /// Team of the key.
    Team,
    /// Project of the key, else of its team.
    Project,
    /// Application of the key, else of its team.
    Application,
    /// The alias that was asked for.
    Model,
    /// The provider that serves it.
    Provider,
    /// `organization` of the policy.
    Organization,
    /// `environment` of the policy.
    Environment,
    /// A tag of the client, by its name.
    Tag(String),
}

/// The facts of a request that a rule compares.
pub trait Facts {
    /// Its value in this dimension, if it has one.
    fn value(&self, dimension: &Dimension) -> Option<&str>;
}

/// Something that is counted, and how much there may be of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Meter {
    /// The unit.
    pub unit: Unit,
    /// In which time; none for concurrency.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub period: Option<Period>,
    /// At most this, in the unit.
    pub max: u64,
}

/// A unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Requests.
    Requests,
    /// Input and output tokens.
    Tokens,
    /// Input tokens.
    InputTokens,
    /// Output tokens.
    OutputTokens,
    /// Requests under way.
    Concurrency,
    /// Money: 1 USD is 1 000 000 000.
    NanoUsd,
}

impl Unit {
    /// The word in documents and reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::Tokens => "tokens",
            Self::InputTokens => "input_tokens",
            Self::OutputTokens => "output_tokens",
            Self::Concurrency => "concurrency",
            Self::NanoUsd => "nano_usd",
        }
    }
}

impl Meter {
    /// Its name in reports: `tokens/minute`, `nano_usd/month`, `concurrency`.
    #[must_use]
    pub fn name(&self) -> String {
        match self.period {
            Some(period) => format!("{}/{}", self.unit.as_str(), period.as_str()),
            None => self.unit.as_str().to_owned(),
        }
    }
}

/// The amounts of a request: estimated at admission, known at settlement.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Amounts {
    /// 1, or 0 if it does not count.
    pub requests: u64,
    /// Input tokens.
    pub input_tokens: u64,
    /// Output tokens.
    pub output_tokens: u64,
    /// Nano-USD.
    pub nano_usd: u64,
}

impl Amounts {
    /// The amount of a unit while the request runs.
    pub(crate) fn held(&self, unit: Unit) -> u64 {
        if unit == Unit::Concurrency { 1 } else { self.used(unit) }
    }

    /// The amount of a unit when the request is over.
    pub(crate) fn used(&self, unit: Unit) -> u64 {
        match unit {
            Unit::Requests => self.requests,
            Unit::Tokens => self.input_tokens.saturating_add(self.output_tokens),
            Unit::InputTokens => self.input_tokens,
            Unit::OutputTokens => self.output_tokens,
            Unit::Concurrency => 0,
            Unit::NanoUsd => self.nano_usd,
        }
    }
}

/// The fault of a list of rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RuleFault {
    /// Two rules cannot be told apart.
    SameRule(String),
    /// More than 32 meters, 8 thresholds or 8 dimensions.
    TooMany(String),
}

/// The rules of a policy, ready for use.
#[derive(Debug, Default)]
pub struct Rules {
    pub(crate) all: Vec<Compiled>,
}

#[derive(Debug)]
pub(crate) struct Compiled {
    pub(crate) rule: Rule,
    /// Names the rule and its meters in cells: with other meters it is another rule.
    pub(crate) tag: u64,
    globs: Vec<(Dimension, Vec<WildMatch>)>,
    by_provider: bool,
}

impl Rules {
    /// Compiles them.
    ///
    /// # Errors
    /// If two are the same or one is too large.
    pub fn new(rules: Vec<Rule>) -> Result<Self, RuleFault> {
        let all: Vec<Compiled> = rules.into_iter().map(Compiled::new).collect();
        for (index, one) in all.iter().enumerate() {
            if one.rule.meters.len() > MAX_METERS || one.rule.warn_at.len() > 8 || one.rule.per.len() > MAX_PER {
                return Err(RuleFault::TooMany(one.rule.id.clone()));
            }
            if all.iter().take(index).any(|other| other.tag == one.tag || other.rule.id == one.rule.id) {
                return Err(RuleFault::SameRule(one.rule.id.clone()));
            }
        }
        Ok(Self { all })
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// The rule at this index of [`Rules::new`]'s list.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<&Rule> {
        self.all.get(index).map(|one| &one.rule)
    }

    /// The rules as they are told to the collector: a zone by its name alone.
    pub(crate) fn told(&self) -> Vec<Rule> {
        let named = |rule: &Rule| {
            let zone = Zone { name: rule.zone.name.clone(), offsets: Vec::new() };
            Rule { zone, ..rule.clone() }
        };
        self.all.iter().map(|one| named(&one.rule)).collect()
    }

    pub(crate) fn by_tag(&self, tag: u64) -> Option<&Compiled> {
        self.all.iter().find(|one| one.tag == tag)
    }

    pub(crate) fn by_id(&self, id: &str) -> Option<&Compiled> {
        self.all.iter().find(|one| one.rule.id == id)
    }
}

impl Compiled {
    fn new(rule: Rule) -> Self {
        let globs = rule.conditions.iter().map(|condition| {
            let any = condition.any.iter().map(|glob| WildMatch::new(glob)).collect();
            (condition.dimension.clone(), any)
        });
        let dimensions = rule.conditions.iter().map(|condition| &condition.dimension).chain(&rule.per);
        let by_provider = dimensions.into_iter().any(|dimension| *dimension == Dimension::Provider);
        Self { globs: globs.collect(), by_provider, tag: tag(&rule), rule }
    }

    /// Whether the rule is for this request.
    pub(crate) fn applies(&self, facts: &impl Facts) -> bool {
        self.globs.iter().all(|(dimension, any)| {
            facts.value(dimension).is_some_and(|value| any.iter().any(|glob| glob.matches(value)))
        })
    }

    /// Returns the subject of the request: the values of `per`, one after another; a missing value is empty.
    pub(crate) fn subject(&self, facts: &impl Facts) -> Vec<u8> {
        let mut subject = String::new();
        for (index, dimension) in self.rule.per.iter().enumerate() {
            if index > 0 {
                subject.push(char::from(SEPARATOR));
            }
            let value = facts.value(dimension).unwrap_or_default();
            subject.extend(value.split(char::from(SEPARATOR)));
        }
        // A character cut in two would come back from the collector as another one, and so as another subject.
        subject.truncate(subject.floor_char_boundary(MAX_SUBJECT_BYTES));
        subject.into_bytes()
    }

    /// Whether the rule depends on the provider of a request.
    pub(crate) fn by_provider(&self) -> bool {
        self.by_provider
    }
}

/// FNV-1a over all that tells one rule's counts from another's.
fn tag(rule: &Rule) -> u64 {
    let meters = rule.meters.iter().map(Meter::name);
    let dimensions = rule.per.iter().map(|dimension| format!("{dimension:?}"));
    let parts = std::iter::once(rule.id.clone()).chain(dimensions).chain(meters).chain([rule.zone.name.clone()]);
    parts.fold(FNV_START, |hash, part| fnv(fnv(hash, part.as_bytes()), &[SEPARATOR]))
}

pub(crate) const FNV_START: u64 = 0xcbf2_9ce4_8422_2325;

pub(crate) fn fnv(start: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(start, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}
