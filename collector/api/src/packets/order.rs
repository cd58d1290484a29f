//! The request for a packet, checked.

use crate::error::ApiError;
use crate::query::Filters;
use crate::values::{ParamValue as _, Time, bad, invalid};
use headgate_collector_columns::Filter;
use headgate_collector_packet::Scope;
use headgate_collector_store::QUARTER_S;
use headgate_collector_types::audit::Actor;
use headgate_collector_types::validate::{parse_uuid, reason_of};
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// The sections that a request may choose. Gaps, damage, retention, sources, fields and proofs are in every packet.
pub(crate) const SECTIONS: [&str; 5] = ["requests", "audit", "usage", "policies", "access"];
/// The sections that show no name which redaction hides.
const UNNAMED: [&str; 2] = ["requests", "usage"];
/// The fields that can be redacted: the name, and the path in a record.
pub(super) const REDACTABLE: [(&str, &[&str]); 13] = [
    ("key_id", &["caller", "key_id"]),
    ("owner", &["caller", "owner"]),
    ("team", &["caller", "team"]),
    ("project", &["caller", "project"]),
    ("application", &["caller", "application"]),
    ("cost_center", &["caller", "cost_center"]),
    ("tenant", &["caller", "tenant"]),
    ("use_case", &["caller", "use_case"]),
    ("end_user", &["client", "end_user"]),
    ("session_id", &["client", "session_id"]),
    ("agent_id", &["client", "agent_id"]),
    ("user_agent", &["client", "user_agent"]),
    ("tags", &["client", "tags"]),
];
/// Filters that may hold a value of any redacted field.
const TELLING: [&str; 3] = ["q", "any_id", "policy_id"];
/// The most values of all filters.
const MAX_VALUES: usize = 200;
/// A quarter of an hour, in µs.
const QUARTER_US: i64 = QUARTER_S * 1_000_000;

/// The body of `POST /v1/packets`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewPacket {
    /// Beginning of the period: a day of UTC, RFC 3339 or µs; a full quarter of an hour.
    from: String,
    /// End of the period, exclusive; likewise.
    to: String,
    /// Filters on records, as `GET /v1/requests` has them: name and values, any of which matches. With any, the packet is *filtered*.
    #[serde(default)]
    filters: BTreeMap<String, Vec<String>>,
    /// `requests`, `audit`, `usage`, `policies`, `access`; all of them without it.
    #[serde(default)]
    sections: Option<BTreeSet<String>>,
    /// Id of the record that the sample trace shows.
    #[serde(default)]
    sample_request: Option<String>,
    /// Fields to replace by pseudonyms: `key_id`, `owner`, `team`, `project`, `application`, `cost_center`, `tenant`, `use_case`, `end_user`,
    /// `session_id`, `agent_id`, `user_agent`, `tags`.
    #[serde(default)]
    redact: BTreeSet<String>,
}

/// All that a packet is made from.
#[derive(Debug, Clone)]
pub struct PacketOrder {
    /// The request.
    pub scope: Scope,
    /// Its filters, read.
    pub(super) filters: Vec<Filter>,
    /// The actor that asked for it.
    pub actor: Actor,
    /// Entries of the request log that the packet before covers.
    pub grown_from: Option<u64>,
    /// The key of pseudonyms.
    pub redaction_key: [u8; 32],
}

impl PacketOrder {
    /// Returns the order of a scope that was checked before.
    ///
    /// # Errors
    /// The scope has a filter that this version does not know.
    pub fn new(scope: Scope, actor: Actor, grown_from: Option<u64>, redaction_key: [u8; 32]) -> Result<Self, String> {
        let filters = filters(&scope).map_err(|error| error.into_parts().1)?;
        Ok(Self { scope, filters, actor, grown_from, redaction_key })
    }
}

fn filters(scope: &Scope) -> Result<Vec<Filter>, ApiError> {
    let pairs =
        scope.filters.iter().flat_map(|(name, values)| values.iter().map(move |value| (name.clone(), value.clone())));
    Filters::<false>::of(pairs).read()
}

/// Reads the body of `POST /v1/packets`.
pub(crate) fn read(body: &[u8]) -> Result<Scope, ApiError> {
    let new: NewPacket = serde_json::from_slice(body).map_err(|error| {
        let shape = r#"{"from":"2026-01-01","to":"2026-02-01","filters":{"team":["search"]},"redact":["end_user"]}"#;
        invalid(
            format!("The body is no request for a packet: {}. It looks like {shape}.", reason_of(&error)),
            "invalid_body",
        )
    })?;
    scope(new)
}

/// Reads the parts of a request, as the command has them.
///
/// # Errors
/// The message names the part and the form that it must have.
pub fn packet_scope(body: &[u8]) -> Result<Scope, String> {
    read(body).map_err(|error| error.into_parts().1)
}

fn scope(new: NewPacket) -> Result<Scope, ApiError> {
    let scope = Scope {
        from: time("from", &new.from)?,
        to: time("to", &new.to)?,
        sections: sections(new.sections, !new.redact.is_empty())?,
        filters: new.filters,
        sample_request: new.sample_request,
        redact: new.redact.into_iter().collect(),
    };
    if scope.from >= scope.to {
        return Err(bad("to", "must be behind `from`"));
    }
    if scope.sample_request.as_deref().is_some_and(|id| parse_uuid(id).is_none()) {
        return Err(bad("sample_request", "must be the id of a record"));
    }
    if let Some(name) = scope.redact.iter().find(|name| !REDACTABLE.iter().any(|(known, _)| known == name)) {
        return Err(bad("redact", &format!("has `{}`, which cannot be redacted", crate::values::shown(name))));
    }
    if scope.filters.values().map(Vec::len).sum::<usize>() > MAX_VALUES {
        return Err(bad("filters", &format!("has more than {MAX_VALUES} values")));
    }
    for (name, values) in &scope.filters {
        if !Filters::<false>::has(name) || values.is_empty() {
            return Err(bad(name, "is no filter of `GET /v1/requests` with a value"));
        }
        let tells =
            |redacted: &String| name.starts_with(redacted.trim_end_matches('s')) || TELLING.contains(&name.as_str());
        if scope.redact.iter().any(tells) {
            return Err(bad(name, "cannot be filtered by and redacted: the filter would tell the value"));
        }
    }
    filters(&scope)?;
    Ok(scope)
}

fn sections(asked: Option<BTreeSet<String>>, redacted: bool) -> Result<Vec<String>, ApiError> {
    let all: &[&str] = if redacted { &UNNAMED } else { &SECTIONS };
    let Some(asked) = asked else { return Ok(all.iter().map(|&name| name.to_owned()).collect()) };
    if !asked.iter().all(|name| all.contains(&name.as_str())) {
        let most = all.join(", ");
        let why = if redacted { "; the others would show what is redacted" } else { "" };
        return Err(bad("sections", &format!("must be among {most}{why}")));
    }
    // The order of the packet, not of the request: one scope has one form.
    Ok(all.iter().filter(|name| **name == "requests" || asked.contains(**name)).map(|&name| name.to_owned()).collect())
}

fn time(name: &str, text: &str) -> Result<i64, ApiError> {
    let us = Time::read(text).map_err(|must| bad(name, &must))?.us();
    if us.rem_euclid(QUARTER_US) == 0 {
        Ok(us)
    } else {
        Err(bad(name, "must be a full quarter of an hour, for which usage is counted"))
    }
}

#[cfg(test)]
mod tests {
    use super::packet_scope;

    fn scope(more: &str) -> Result<headgate_collector_packet::Scope, String> {
        packet_scope(format!(r#"{{"from":"2026-01-01","to":"2026-01-02T00:15:00Z"{more}}}"#).as_bytes())
    }

    #[test]
    fn a_scope_has_one_form() {
        let whole = scope("").unwrap();
        assert_eq!(whole.to - whole.from, 87_300_000_000);
        assert_eq!(whole.sections.join(" "), "requests audit usage policies access");
        assert_eq!(scope(r#","sections":["usage","requests"]"#).unwrap(), scope(r#","sections":["usage"]"#).unwrap());
        assert_eq!(scope(r#","redact":["owner","end_user"]"#).unwrap().sections, ["requests", "usage"]);
    }

    #[test]
    fn a_bad_request_is_refused_with_the_part_that_is_wrong() {
        for (more, part) in [
            (r#","filters":{"colour":["red"]}"#, "colour"),
            (r#","filters":{"status":["abc"]}"#, "status"),
            (r#","filters":{"team":[]}"#, "team"),
            (r#","filters":{"owner":["a"]},"redact":["owner"]"#, "owner"),
            (r#","filters":{"tag[a]":["a"]},"redact":["tags"]"#, "tag[a]"),
            (r#","filters":{"q":["alice"]},"redact":["owner"]"#, "`q`"),
            (r#","sections":["audit"],"redact":["owner"]"#, "sections"),
            (r#","sections":["prompts"]"#, "sections"),
            (r#","redact":["status"]"#, "redact"),
            (r#","sample_request":"1""#, "sample_request"),
            (r#","colour":1"#, "unknown"),
        ] {
            let refused = scope(more).unwrap_err();
            assert!(refused.contains(part), "{more}: {refused}");
        }
        for body in
            [r#"{"from":"2026-01-01","to":"2026-01-01"}"#, r#"{"from":"2026-01-01T00:00:01Z","to":"2026-01-02"}"#, "[]"]
        {
            packet_scope(body.as_bytes()).unwrap_err();
        }
    }
}
