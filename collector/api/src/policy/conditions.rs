//! The base revision of a change. Without it, the later of two concurrent operators would undo the earlier one's change.
//!
//! RFC 9110, section 13: `If-Match` names the revision by its ETag, `If-None-Match: *` means that there is none yet.

use crate::error::ApiError;
use crate::values::bad;
use axum::http::{HeaderMap, StatusCode, header};
use headgate_collector_store::PolicyRevision;
use jiff::Timestamp;
use serde_json::{Value, json};

/// Returns the number of the revision that a change is based on; 0 for none.
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

/// Returns 412 with the revision in force and the way to proceed.
pub(super) fn precondition_failed(base: i64, in_force: Option<&PolicyRevision>) -> ApiError {
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
    fn only_a_tag_of_one_number_is_accepted() {
        assert_eq!((number(b"\"7\""), number(b"7")), (Some(7), Some(7)));
        for odd in ["", "*", "\"\"", "W/\"7\"", "\"7\", \"8\"", "+7", "0", "-1", "99999999999999999999"] {
            assert_eq!(number(odd.as_bytes()), None, "{odd}");
        }
    }
}
