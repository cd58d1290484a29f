//! Names of revisions, and the parameters of the paths below `/v1/policy`.

use super::described::REVISION;
use crate::http::error::ApiError;
use crate::http::parameter::{Parameter, Shape};
use crate::http::values::{at_most, bad, position, truth};
use crate::store::PolicyName;

const DEFAULT_LIMIT: usize = 20;
const MAX_LIMIT: usize = 100;
/// Characters of a config revision.
const CONFIG_CHARS: usize = 16;

/// A page of revisions.
#[derive(Debug)]
pub(super) struct PageOf {
    pub(super) limit: usize,
    pub(super) after: Option<i64>,
}

/// What a change may ask for beside the change itself.
#[derive(Debug, Default)]
pub(super) struct Wish {
    /// Only say what would change.
    pub(super) dry_run: bool,
    /// What the caller's own check makes of the text.
    pub(super) config_revision: Option<String>,
}

/// A revision by its number, or by the 16 hex digits that records carry.
pub(super) fn revision(text: &str) -> Option<PolicyName> {
    if is_config_revision(text) {
        return Some(PolicyName::Config(text.to_owned()));
    }
    let digits = (1..CONFIG_CHARS).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| digits).map(PolicyName::Number)
}

fn is_config_revision(text: &str) -> bool {
    text.len() == CONFIG_CHARS && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Of `GET /v1/policy/revisions`.
pub(in crate::http) fn pages() -> Vec<Parameter> {
    vec![
        Parameter::new("limit", "Most revisions; 20 if not given.", Shape::Whole(1, MAX_LIMIT as u64)),
        Parameter::new("after", "`next` of the page before.", Shape::Pattern("^c1_[0-9a-f]{1,15}$", "c1_1")),
    ]
}

/// Reads them.
pub(super) fn page(query: &str) -> Result<PageOf, ApiError> {
    let mut page = PageOf { limit: DEFAULT_LIMIT, after: None };
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        if name == "after" {
            page.after = Some(position(&name, &value)?);
            continue;
        }
        page.limit = at_most(&name, &value, MAX_LIMIT)?;
    }
    Ok(page)
}

/// Of `GET /v1/policy/{rev}/diff`.
pub(in crate::http) fn compared() -> Vec<Parameter> {
    vec![Parameter::new("from", "Compare with this revision instead of the one before.", REVISION)]
}

/// Reads them.
pub(super) fn from(query: &str) -> Result<Option<PolicyName>, ApiError> {
    let Some((name, value)) = form_urlencoded::parse(query.as_bytes()).next() else { return Ok(None) };
    match revision(&value) {
        None => Err(bad(&name, "must be a revision's number or config revision")),
        known => Ok(known),
    }
}

/// Of `PUT /v1/policy` and `POST /v1/policy/rollback`.
pub(super) fn wishes() -> Vec<Parameter> {
    let config = Shape::Pattern("^[0-9a-f]{16}$", "0123456789abcdef");
    vec![
        Parameter::new("dry_run", "Only tell what would change.", Shape::Truth),
        Parameter::new(
            "config_revision",
            "What `headgate` makes of the policy; refused if it is another here.",
            config,
        ),
    ]
}

/// Reads them.
pub(super) fn wish(query: &str) -> Result<Wish, ApiError> {
    let mut wish = Wish::default();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        match name.as_ref() {
            "dry_run" => wish.dry_run = truth(&name, &value)?,
            _ if is_config_revision(&value) => wish.config_revision = Some(value.into_owned()),
            _ => return Err(bad(&name, "must be 16 hex digits in lower case")),
        }
    }
    Ok(wish)
}

#[cfg(test)]
mod tests {
    use super::{PolicyName, revision};

    #[test]
    fn a_revision_is_named_by_its_number_or_by_what_records_carry() {
        assert_eq!(revision("17"), Some(PolicyName::Number(17)));
        let config = "0123456789abcdef";
        assert_eq!(revision(config), Some(PolicyName::Config(config.to_owned())));
        for odd in ["", "-1", "+1", "1.0", "0123456789ABCDEF", "0123456789abcde", "01234567890abcdef", "é"] {
            assert_eq!(revision(odd), None, "{odd}");
        }
    }
}
