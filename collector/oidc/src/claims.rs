//! The person that an ID token names, and the role that settings give to the person.

use crate::client::Members;
use crate::settings::{RoleMapping, Settings};
use headgate_collector_types::validate::{MAX_NAME_CHARS, is_name};
use headgate_collector_types::{Role, visible};
use serde_json::Value;

/// A person whom the identity provider knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The issuer and the subject: `https://login.example#1234`.
    pub id: String,
    /// The name to show.
    pub name: Option<String>,
    /// The role, or the reason for none.
    pub role: Result<Role, RoleFinding>,
}

/// The reason why a person has no role.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RoleFinding {
    /// The claim is not in the ID token, or is no text and no list of texts.
    NoClaim,
    /// The claim has this number of values, none of which has a role.
    NoMatch(usize),
    /// The claim is an e-mail address that the provider has not verified.
    Unverified,
}

impl Identity {
    /// Reads verified claims; `None` if issuer and subject together are too long to be stored.
    pub(crate) fn read(claims: &Members, settings: &Settings) -> Option<Self> {
        let subject = claims.get("sub")?.as_str()?;
        let id = format!("{}#{subject}", settings.issuer.as_str());
        is_name(&id).then(|| Self { id, name: name(claims, &settings.name_claim), role: role(claims, &settings.roles) })
    }
}

/// Returns the claim at a path. A name that contains dots goes before names that are joined by dots.
fn at<'c>(claims: &'c Members, path: &str) -> Option<&'c Value> {
    if let Some(found) = claims.get(path) {
        return Some(found);
    }
    let mut names = path.split('.');
    let first = claims.get(names.next()?)?;
    names.try_fold(first, |value, name| value.get(name))
}

/// Returns the name to show, without characters that nobody sees. An address that the provider says is not verified is not
/// shown, because the person may have chosen it.
fn name(claims: &Members, claim: &str) -> Option<String> {
    let text = at(claims, claim)?.as_str()?.trim();
    if claim == "email" && !is_verified(claims).unwrap_or(true) {
        return None;
    }
    let shown: String = text.chars().take(MAX_NAME_CHARS).collect();
    let shown: String = visible(&shown).chars().take(MAX_NAME_CHARS).collect();
    (!shown.is_empty()).then_some(shown)
}

fn is_verified(claims: &Members) -> Option<bool> {
    let value = claims.get("email_verified")?;
    Some(value == &Value::Bool(true) || value == "true")
}

/// Returns the highest role that the values of the claim have.
fn role(claims: &Members, mapping: &RoleMapping) -> Result<Role, RoleFinding> {
    let found = match mapping.claim.as_str() {
        "email" if at(claims, "email").is_some() && is_verified(claims) != Some(true) => Err(RoleFinding::Unverified),
        path => at(claims, path).map(values).ok_or(RoleFinding::NoClaim).and_then(|values| highest(&values?, mapping)),
    };
    found.or_else(|finding| mapping.default.ok_or(finding))
}

fn values(claim: &Value) -> Result<Vec<&str>, RoleFinding> {
    match claim {
        Value::String(one) => Ok(vec![one]),
        Value::Array(all) => Ok(all.iter().filter_map(Value::as_str).collect()),
        _ => Err(RoleFinding::NoClaim),
    }
}

fn highest(values: &[&str], mapping: &RoleMapping) -> Result<Role, RoleFinding> {
    let roles = values.iter().filter_map(|value| mapping.roles.get(*value)).copied();
    let rank = |role: &Role| Role::ALL.iter().position(|one| one == role);
    roles.max_by_key(rank).ok_or(RoleFinding::NoMatch(values.len()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn mapping(claim: &str, default: Option<Role>) -> RoleMapping {
        let roles =
            [("sec-audit", Role::Auditor), ("ops", Role::Admin), ("all", Role::Viewer), ("a@b.example", Role::Owner)];
        RoleMapping {
            claim: claim.to_owned(),
            roles: roles.map(|(value, role)| (value.to_owned(), role)).into(),
            default,
        }
    }

    fn found(claim: &str, claims: &Value) -> Result<Role, RoleFinding> {
        role(claims.as_object().unwrap(), &mapping(claim, None))
    }

    #[test]
    fn the_highest_role_wins() {
        for (claims, expected) in [
            (json!({"groups": "ops"}), Ok(Role::Admin)),
            (json!({"groups": ["all", "ops", "sec-audit"]}), Ok(Role::Admin)),
            (json!({"groups": ["all", 5, null, ["ops"], {"ops": 1}]}), Ok(Role::Viewer)),
            (json!({"groups": ["OPS", "ops "]}), Err(RoleFinding::NoMatch(2))),
            (json!({"groups": []}), Err(RoleFinding::NoMatch(0))),
            (json!({"groups": {"ops": true}}), Err(RoleFinding::NoClaim)),
            (json!({"groups": 7}), Err(RoleFinding::NoClaim)),
            (json!({"group": "ops"}), Err(RoleFinding::NoClaim)),
        ] {
            assert_eq!(found("groups", &claims), expected, "{claims}");
        }
        let nobody = json!({"groups": ["x"]});
        assert_eq!(role(nobody.as_object().unwrap(), &mapping("groups", Some(Role::Viewer))), Ok(Role::Viewer));
        let many = json!({ "groups": vec!["x"; 20_000] });
        assert_eq!(found("groups", &many), Err(RoleFinding::NoMatch(20_000)));
    }

    #[test]
    fn a_claim_is_found_by_its_name_or_by_a_path() {
        assert_eq!(found("realm_access.roles", &json!({"realm_access": {"roles": ["ops"]}})), Ok(Role::Admin));
        assert_eq!(found("https://a.example/roles", &json!({"https://a.example/roles": ["ops"]})), Ok(Role::Admin));
        assert_eq!(found("a.b", &json!({"a.b": "ops", "a": {"b": "all"}})), Ok(Role::Admin));
        for claims in [json!({"realm_access": "ops"}), json!({"realm_access": ["ops"]}), json!({})] {
            assert_eq!(found("realm_access.roles", &claims), Err(RoleFinding::NoClaim), "{claims}");
        }
    }

    #[test]
    fn an_address_that_is_not_verified_gives_no_role_and_no_name() {
        let with = |verified: Value| json!({"email": "a@b.example", "email_verified": verified});
        assert_eq!(found("email", &with(json!(true))), Ok(Role::Owner));
        for verified in [json!(false), json!("false"), json!(1), json!(null)] {
            assert_eq!(found("email", &with(verified)), Err(RoleFinding::Unverified));
        }
        assert_eq!(found("email", &json!({"email": "a@b.example"})), Err(RoleFinding::Unverified));
        assert_eq!(name(with(json!(false)).as_object().unwrap(), "email"), None);
        assert_eq!(name(with(json!(true)).as_object().unwrap(), "email"), Some("a@b.example".to_owned()));
        assert_eq!(name(json!({"email": "a@b.example"}).as_object().unwrap(), "email"), Some("a@b.example".to_owned()));
    }

    #[test]
    fn a_name_has_no_hidden_characters_and_an_end() {
        let shown = |text: &str| name(json!({ "n": text }).as_object().unwrap(), "n");
        assert_eq!(shown("\u{202e}Eve\u{1b}[31m\n"), Some("\\u{202e}Eve\\u{1b}[31m".to_owned()));
        assert_eq!(shown(&"é".repeat(9_000)).unwrap().chars().count(), MAX_NAME_CHARS);
        assert_eq!(shown(&"\u{202e}".repeat(9_000)).unwrap().chars().count(), MAX_NAME_CHARS);
        assert_eq!((shown(""), shown("  ")), (None, None));
    }
}
