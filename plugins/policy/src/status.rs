//! The meaning of HTTP statuses of providers.

use headgate_record::AttemptError;

/// Returns the error that a status stands for; none for a success.
pub(crate) fn status_error(status: u16) -> Option<AttemptError> {
    match status {
        // A redirect would lead the body and the credential to a host outside of the policy.
        300..400 => Some(AttemptError::Redirect),
        429 => Some(AttemptError::RateLimited),
        400..500 => Some(AttemptError::ClientError),
        0 | 500.. => Some(AttemptError::ServerError),
        _ => None,
    }
}

/// Whether an answer sends the client elsewhere, or to its own copy.
pub(crate) fn is_redirect(status: u16) -> bool {
    (300..400).contains(&status)
}
