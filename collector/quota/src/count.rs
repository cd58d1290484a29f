//! A count as the API shows it. `/openapi.json` is generated from these types.

use headgate_limits::{Kind, Rule, WhenUnreachable};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

/// The use of a limit or budget by one subject.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Count {
    /// Id of the rule.
    pub id: String,
    /// Which section of the policy it stands in.
    pub kind: Kind,
    /// The meter, such as `tokens/minute`.
    pub meter: String,
    /// The subject, by the rule's dimensions; null where the rule is not known any more.
    pub subject: Option<Map<String, Value>>,
    /// In which time.
    pub window: Window,
    /// Used in it, in the meter's unit.
    pub used: u64,
    /// Reserved by requests under way.
    pub reserved: u64,
    /// The maximum that the rule allows.
    pub max: u64,
    /// `used` in USD, of money.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub used_usd: Option<String>,
    /// `reserved` in USD, of money.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reserved_usd: Option<String>,
    /// `max` in USD, of money.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_usd: Option<String>,
    /// Used of `max`.
    pub percent: f64,
    /// Whether it is close to its end, or has crossed a threshold of its rule.
    pub close: bool,
    /// Thresholds that were told of, percent.
    pub told: Vec<u8>,
    /// Proxies that share the rest.
    pub proxies: u64,
    /// Revision of the policy that the rule is of.
    pub revision: Option<String>,
    /// The rule.
    pub rule: Option<CountedRule>,
}

/// From `start` until before `end`, s since the Unix epoch.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Window {
    /// First second.
    pub start: u64,
    /// First second after it; null if it has no end.
    pub end: Option<u64>,
}

/// A rule without its meters.
#[derive(Debug, Serialize, JsonSchema)]
pub struct CountedRule {
    /// `block` or `warn`.
    pub action: &'static str,
    /// Whether it only watches.
    pub monitor: bool,
    /// Percents at which to tell.
    pub warn_at: Vec<u8>,
    /// The decision of proxies while the collector cannot be reached.
    pub when_unreachable: WhenUnreachable,
    /// IANA name.
    pub time_zone: String,
}

impl CountedRule {
    pub(super) fn of(rule: &Rule) -> Self {
        Self {
            action: if rule.warn_only { "warn" } else { "block" },
            monitor: rule.monitor,
            warn_at: rule.warn_at.clone(),
            when_unreachable: rule.when_unreachable,
            time_zone: if rule.zone.name.is_empty() { "UTC".to_owned() } else { rule.zone.name.clone() },
        }
    }
}
