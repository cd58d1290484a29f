//! The rules of retention: for how many days entries are kept.
//!
//! The policy of its gateway gives a record a retention class. A rule sets the days for a class. A class without a rule may
//! be spelled as a number of days, as `logging.retention` writes it, and is kept for that many. All other classes are kept
//! for the log's default.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One day, µs.
pub const DAY_US: i64 = 86_400_000_000;
/// Most days of a rule, a hundred years; gateway.yaml has the same bound.
const MAX_DAYS: u32 = 36_500;
/// Most rules for classes.
const MAX_CLASSES: usize = 64;

/// Times of retention that standards ask for: the standard, and the days.
pub const PRESETS: [(&str, u32); 3] = [
    // Six months: Regulation (EU) 2024/1689, articles 19 and 26(6).
    ("EU AI Act", 183),
    // Twelve months: PCI DSS 4.0.1, requirement 10.5.1.
    ("PCI DSS", 365),
    // Six years: 45 CFR 164.316(b)(2)(i).
    ("HIPAA", 2_192),
];

/// The rules for both logs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rules {
    /// Of the request log.
    pub requests: RequestRules,
    /// Of the audit log.
    pub audit: AuditRules,
}

/// The rules for the request log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RequestRules {
    /// For classes that neither have a rule nor are spelled as days.
    #[schemars(range(min = 1, max = 36_500))]
    pub days: u32,
    /// Days by class.
    #[serde(default)]
    pub classes: BTreeMap<String, u32>,
}

/// The rules for the audit log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AuditRules {
    /// For all entries.
    #[schemars(range(min = 1, max = 36_500))]
    pub days: u32,
}

impl Rules {
    /// Returns the path of the first invalid member, and the requirement.
    #[must_use]
    pub fn invalid_member(&self) -> Option<(String, &'static str)> {
        let is_class = |class: &str| crate::validate::is_name(class);
        if self.requests.classes.len() > MAX_CLASSES {
            return Some(("requests.classes".to_owned(), "may name at most 64 classes"));
        }
        if self.requests.classes.keys().any(|class| !is_class(class)) {
            return Some(("requests.classes".to_owned(), "must name classes of 1 to 256 characters"));
        }
        let days = [("requests.days", self.requests.days), ("audit.days", self.audit.days)];
        let classes = self.requests.classes.values().map(|days| ("requests.classes", *days));
        let (name, _) = days.into_iter().chain(classes).find(|(_, days)| !(1..=MAX_DAYS).contains(days))?;
        Some((name.to_owned(), "must be 1 to 36500 days"))
    }

    /// Returns whether these rules keep every entry at least as long as the others do.
    #[must_use]
    pub fn keeps_all_of(&self, other: &Self) -> bool {
        let (mine, others) = (&self.requests, &other.requests);
        let mut named = mine.classes.keys().chain(others.classes.keys());
        mine.days >= others.days
            && self.audit.days >= other.audit.days
            && named.all(|class| mine.days_of(class) >= others.days_of(class))
    }

    /// Returns rules that keep every entry as long as the longer of the two.
    #[must_use]
    pub fn longest(&self, other: &Self) -> Self {
        let (mine, others) = (&self.requests, &other.requests);
        let named = mine.classes.keys().chain(others.classes.keys());
        let classes = named.map(|class| (class.clone(), mine.days_of(class).max(others.days_of(class))));
        Self {
            requests: RequestRules { days: mine.days.max(others.days), classes: classes.collect() },
            audit: AuditRules { days: self.audit.days.max(other.audit.days) },
        }
    }
}

impl RequestRules {
    /// Returns the days for which a class is kept.
    #[must_use]
    pub fn days_of(&self, class: &str) -> u32 {
        self.classes.get(class).copied().or_else(|| days_in_name(class)).unwrap_or(self.days)
    }
}

/// Parses a class that is spelled as days: `90d` is 90.
fn days_in_name(class: &str) -> Option<u32> {
    let digits = class.strip_suffix('d')?;
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit()) && !digits.starts_with('0');
    digits.parse().ok().filter(|days| plain && (1..=MAX_DAYS).contains(days))
}

/// Returns the time before which entries have expired, µs.
///
/// Entries expire by whole days (UTC). So one run a day finds all of them, and a store with a partition for each day can drop
/// it. Every entry is kept for its days at least, and for one more at most.
#[must_use]
pub fn cutoff(days: u32, now: i64) -> i64 {
    let today = now.div_euclid(DAY_US).saturating_mul(DAY_US);
    today.saturating_sub(i64::from(days).saturating_mul(DAY_US))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(days: u32, classes: &[(&str, u32)], audit: u32) -> Rules {
        let classes = classes.iter().map(|(class, days)| ((*class).to_owned(), *days)).collect();
        Rules { requests: RequestRules { days, classes }, audit: AuditRules { days: audit } }
    }

    #[test]
    fn days_come_from_rule_then_name_then_default() {
        let rules = rules(90, &[("30d", 400), ("billing", 3_650)], 180);
        let cases = [("30d", 400), ("billing", 3_650), ("7d", 7), ("36500d", 36_500), ("default", 90)];
        for (class, days) in
            cases.into_iter().chain(["0d", "07d", "36501d", "+7d", "d", "", "7 d"].map(|odd| (odd, 90)))
        {
            assert_eq!(rules.requests.days_of(class), days, "{class}");
        }
    }

    #[test]
    fn rules_out_of_bounds_are_refused() {
        assert_eq!(rules(1, &[("a", 36_500)], 36_500).invalid_member(), None);
        let long = "x".repeat(257);
        for bad in [
            rules(0, &[], 1),
            rules(1, &[], 36_501),
            rules(1, &[("a", 0)], 1),
            rules(1, &[("", 1)], 1),
            rules(1, &[(&long, 1)], 1),
        ] {
            assert!(bad.invalid_member().is_some(), "{bad:?}");
        }
    }

    #[test]
    fn longest_covers_classes_of_either_rules() {
        let both = rules(30, &[("a", 400), ("5d", 9)], 10).longest(&rules(90, &[("b", 1)], 7));
        assert_eq!(both, rules(90, &[("a", 400), ("b", 30), ("5d", 9)], 10));
        assert!(both.keeps_all_of(&rules(90, &[("b", 1)], 7)) && both.keeps_all_of(&rules(30, &[("a", 400)], 10)));
        assert!(!rules(90, &[], 180).keeps_all_of(&rules(90, &[("a", 91)], 180)), "a class that lost its rule");
        assert!(!rules(90, &[("a", 89)], 180).keeps_all_of(&rules(90, &[], 180)), "a class that has a shorter one");
        assert!(rules(1, &[("1d", 1)], 1).keeps_all_of(&rules(1, &[], 1)));
    }

    #[test]
    fn entries_are_kept_at_most_one_extra_day() {
        let noon = 20_000 * DAY_US + DAY_US / 2;
        assert!(cutoff(1, noon + DAY_US - 1) <= noon);
        assert!(cutoff(1, noon + 2 * DAY_US) > noon);
        assert_eq!(cutoff(36_500, 0), -36_500 * DAY_US);
    }
}
