//! Legal holds: the entries that must not be deleted until the hold is released.

use crate::log::Log;
use crate::validate::is_name;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

/// The scope of a hold: the entries that match all members.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Scope {
    /// All entries. Said in words, so that a hold is not everything by mistake.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub everything: bool,
    /// Records of this key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_id: Option<String>,
    /// Records of this owner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Records of this team.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team: Option<String>,
    /// Records of this project.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<String>,
    /// Audit entries by this actor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor_id: Option<String>,
    /// Audit entries about this resource.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource_id: Option<String>,
    /// From here on, µs: by the sender's clock or by the collector's, so that no clock hides an entry.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "moment")]
    #[schemars(with = "Option<Moment>")]
    pub from: Option<i64>,
    /// Before this, µs, likewise.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "moment")]
    #[schemars(with = "Option<Moment>")]
    pub to: Option<i64>,
}

/// RFC 3339, or µs since the Unix epoch.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
enum Moment {
    Us(i64),
    Text(#[schemars(extend("format" = "date-time"))] String),
}

fn moment<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    let moment = Option::<Moment>::deserialize(deserializer)?;
    moment
        .map(|moment| match moment {
            Moment::Us(us) => Ok(us),
            Moment::Text(text) => text.parse::<Timestamp>().map(Timestamp::as_microsecond),
        })
        .transpose()
        .map_err(|_| serde::de::Error::custom("invalid value"))
}

impl Scope {
    /// Returns the first invalid member of the scope as a hold on this log, and the remedy.
    #[must_use]
    pub fn invalid_member(&self, log: Log) -> Option<(&'static str, &'static str)> {
        let named = match log {
            Log::Requests => self.request_filters(),
            Log::Audit => self.audit_filters(),
        };
        let foreign = match log {
            Log::Requests => self.audit_filters(),
            Log::Audit => self.request_filters(),
        };
        if let Some((name, _)) = foreign.first() {
            return Some((*name, "is nothing that entries of this log have"));
        }
        if named.iter().any(|(_, text)| !is_name(text)) {
            return Some(("scope", "must name what is 1 to 256 characters long"));
        }
        if let (Some(from), Some(to)) = (self.from, self.to)
            && from >= to
        {
            return Some(("to", "must be later than `from`"));
        }
        let anything = !named.is_empty() || self.from.is_some() || self.to.is_some();
        (anything == self.everything).then_some(("scope", "must name what is held, or else say `\"everything\": true`"))
    }

    /// Returns the members that select records, by column.
    #[must_use]
    pub fn request_filters(&self) -> Vec<(&'static str, &str)> {
        present([("key_id", &self.key_id), ("owner", &self.owner), ("team", &self.team), ("project", &self.project)])
    }

    /// Returns the members that select audit entries, by column.
    #[must_use]
    pub fn audit_filters(&self) -> Vec<(&'static str, &str)> {
        present([("actor_id", &self.actor_id), ("resource_id", &self.resource_id)])
    }
}

fn present<'a, const N: usize>(named: [(&'static str, &'a Option<String>); N]) -> Vec<(&'static str, &'a str)> {
    named.into_iter().filter_map(|(name, text)| Some((name, text.as_deref()?))).collect()
}

#[cfg(test)]
mod tests {
    use super::Scope;
    use crate::log::Log;

    fn invalid_member(log: Log, scope: &str) -> Option<&'static str> {
        serde_json::from_str::<Scope>(scope).unwrap().invalid_member(log).map(|(name, _)| name)
    }

    #[test]
    fn a_hold_has_filters_or_says_everything() {
        assert_eq!(invalid_member(Log::Requests, r#"{"team":"search","from":"2026-01-01T00:00:00Z"}"#), None);
        assert_eq!(invalid_member(Log::Audit, r#"{"actor_id":"tok_1","to":1}"#), None);
        assert_eq!(invalid_member(Log::Audit, r#"{"everything":true}"#), None);
        assert_eq!(invalid_member(Log::Requests, "{}"), Some("scope"));
        assert_eq!(invalid_member(Log::Requests, r#"{"everything":true,"team":"a"}"#), Some("scope"));
        assert_eq!(invalid_member(Log::Requests, r#"{"actor_id":"a"}"#), Some("actor_id"));
        assert_eq!(invalid_member(Log::Audit, r#"{"team":"a"}"#), Some("team"));
        assert_eq!(invalid_member(Log::Audit, r#"{"actor_id":""}"#), Some("scope"));
        assert_eq!(invalid_member(Log::Audit, r#"{"from":2,"to":2}"#), Some("to"));
    }

    #[test]
    fn unknown_scope_members_are_refused() {
        for odd in [r#"{"teams":"search"}"#, r#"{"from":"soon"}"#, r#"{"from":[]}"#, r#"{"team":null,"x":1}"#] {
            assert!(serde_json::from_str::<Scope>(odd).is_err(), "{odd}");
        }
    }
}
