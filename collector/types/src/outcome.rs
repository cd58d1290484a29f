//! The outcome of a request: one word for the person who reads a list.

use headgate_record::{EndedBy, RejectedBy, RequestRecord};

/// The outcome of a request. Its number is part of stored data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum RequestOutcome {
    /// A status below 400, and the whole answer was sent.
    Success,
    /// The gateway rejected the request by its policy, or another plugin of the proxy did with a status below 500.
    Refused,
    /// Another status of 400 and above, or the answer broke off.
    Error,
    /// The client left before the end.
    Aborted,
}

impl RequestOutcome {
    /// Every outcome, by its number.
    pub const ALL: [Self; 4] = [Self::Success, Self::Refused, Self::Error, Self::Aborted];

    /// Returns the outcome of a request.
    #[must_use]
    pub fn of(record: &RequestRecord) -> Self {
        match record {
            RequestRecord { rejected_by: Some(RejectedBy::Gateway), .. }
            | RequestRecord { rejected_by: Some(RejectedBy::Host), status: 400..=499, .. } => Self::Refused,
            RequestRecord { ended_by: EndedBy::Client, .. } => Self::Aborted,
            RequestRecord { status: 100..=399, ended_by: EndedBy::Complete, .. } => Self::Success,
            _ => Self::Error,
        }
    }

    /// Returns the outcome's word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Refused => "refused",
            Self::Error => "error",
            Self::Aborted => "aborted",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::RequestOutcome;
    use headgate_record::{EndedBy, RejectedBy, RequestRecord};

    #[test]
    fn each_record_has_one_outcome() {
        let of = |status, ended_by, rejected_by| {
            RequestOutcome::of(&RequestRecord { status, ended_by, rejected_by, ..RequestRecord::default() })
        };
        let (gateway, provider) = (Some(RejectedBy::Gateway), Some(RejectedBy::Provider));
        assert_eq!(of(200, EndedBy::Complete, None), RequestOutcome::Success);
        assert_eq!(of(429, EndedBy::Gateway, gateway), RequestOutcome::Refused);
        assert_eq!(of(401, EndedBy::Complete, Some(RejectedBy::Host)), RequestOutcome::Refused);
        assert_eq!(of(502, EndedBy::Complete, Some(RejectedBy::Host)), RequestOutcome::Error);
        // A stream that a guardrail stopped has a success status.
        assert_eq!(of(200, EndedBy::Gateway, gateway), RequestOutcome::Refused);
        assert_eq!(of(429, EndedBy::Complete, provider), RequestOutcome::Error);
        assert_eq!(of(200, EndedBy::Provider, None), RequestOutcome::Error);
        assert_eq!(of(503, EndedBy::Gateway, None), RequestOutcome::Error);
        for status in [0, 200] {
            assert_eq!(of(status, EndedBy::Client, None), RequestOutcome::Aborted);
        }
        assert!(RequestOutcome::ALL.into_iter().zip(0_u8..).all(|(outcome, number)| outcome as u8 == number));
    }
}
