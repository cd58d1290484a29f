//! What a change was made from: without it, of two operators at work the later would undo what the earlier did.
//!
//! RFC 9110, section 13: `If-Match` names the revision as its ETag does, `If-None-Match: *` says that there is none yet.

use crate::http::error::ApiError;
use crate::http::values::bad;
use crate::store::PolicyRevision;
use axum::http::{HeaderMap, StatusCode, header};
use jiff::Timestamp;
use serde_json::{Value, json};

/// Number of the revision that a change was made from; 0 for none.
pub(super) fn base(headers: &HeaderMap) -> Result<i64, ApiError> {
    match (headers.get(header::IF_MATCH), headers.get(header::IF_NONE_MATCH)) {
        (Some(tag), None) => number(tag.as_bytes())
            .ok_or_else(|| bad("If-Match", "must be one revision's number in quotes, as in \"7\"")),
        (None, Some(any)) if any == "*" => Ok(0),
        (None, Some(_)) => Err(bad("If-None-Match", "must be *, for the first policy")),
        (Some(_), Some(_)) => Err(bad("If-None-Match", "cannot be combined with If-Match")),
        (None, None) => Err(ApiError::invalid(
            StatusCode::PRECONDITION_REQUIRED,
            "base_revision_required",
            "Say which revision your change was made from: `If-Match: \"NUMBER\"`, as in the ETag of GET /v1/policy; \
             for the first policy, `If-None-Match: *`.",
        )
        .param("If-Match")),
    }
}

fn number(tag: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(tag).ok()?;
    let digits = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(text);
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|number| plain && *number > 0)
}

/// 412: who is ahead, and what to do.
pub(super) fn moved(base: i64, in_force: Option<&PolicyRevision>) -> ApiError {
    let message = match in_force {
        None => {
            "No policy is in force here yet, so yours cannot have been made from one. Send it with `If-None-Match: *`."
                .to_owned()
        }
        Some(now) => ahead(base, now),
    };
    let shown = in_force.map_or(Value::Null, |revision| json!(revision));
    ApiError::invalid(StatusCode::PRECONDITION_FAILED, "policy_moved_on", message)
        .param("If-Match")
        .beside("in_force", shown)
}

fn ahead(base: i64, now: &PolicyRevision) -> String {
    let number = now.number;
    let at = Timestamp::from_microsecond(now.effective_at).unwrap_or_default();
    let (made_from, since) = if base == 0 {
        ("no revision".to_owned(), format!("GET /v1/policy/{number}"))
    } else {
        (format!("revision {base}"), format!("GET /v1/policy/{number}/diff?from={base}"))
    };
    format!(
        "Revision {number} is in force since {at:.0}, by {}; yours was made from {made_from}, and nothing was changed. \
         {since} tells what is different: take it into your file, then send that with `If-Match: \"{number}\"`.",
        now.by.id
    )
}

#[cfg(test)]
mod tests {
    use super::number;

    #[test]
    fn a_tag_is_one_number_and_nothing_that_would_match_any() {
        assert_eq!((number(b"\"7\""), number(b"7")), (Some(7), Some(7)));
        for odd in ["", "*", "\"\"", "W/\"7\"", "\"7\", \"8\"", "+7", "0", "-1", "99999999999999999999"] {
            assert_eq!(number(odd.as_bytes()), None, "{odd}");
        }
    }
}
