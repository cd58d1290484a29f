//! The meaning of a receiver's answer.

use std::fmt;
use std::time::Duration;

/// The next step after an answer, or without one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The receiver has the batch, except the events at these places, which it will never take.
    Delivered {
        /// The places in the batch, ascending, with the reason of each.
        refused: Vec<(usize, Fault)>,
    },
    /// The receiver has the batch, and acknowledges later that it is stored.
    Awaiting {
        /// The number by which it is asked.
        ack: u64,
    },
    /// The same batch may succeed later.
    Retry {
        /// The reason.
        fault: Fault,
        /// The pause that the receiver asks for.
        after: Option<Duration>,
    },
    /// Nothing succeeds until an operator changes a setting, here or at the receiver.
    Blocked(Fault),
    /// The receiver refuses the batch for one of its events.
    Split(Fault),
}

impl Verdict {
    /// The receiver has all of the batch.
    pub const DELIVERED: Self = Self::Delivered { refused: Vec::new() };
}

/// The reason why a batch or an event was not taken. It quotes nothing: neither the address nor the receiver's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The receiver cannot be reached, or not in time.
    Unreachable,
    /// The TLS connection fails.
    Tls,
    /// The receiver has closed the connection before it had everything.
    Closed,
    /// The receiver answers with this status.
    Status(u16),
    /// The receiver answers with this status and this code of its own.
    Code(u16, i64),
    /// The answer has another form than that of such a receiver.
    Malformed,
    /// The stored entry is damaged.
    Damaged,
    /// The event is larger than the receiver takes.
    TooLarge,
    /// The event is older than the receiver takes.
    TooOld,
    /// The batch cannot be written in the form of the receiver.
    Unwritten,
    /// The receiver has not acknowledged the batch in time.
    Unacknowledged,
    /// The receiver counts this number of events of the batch as refused, and does not say which.
    Uncounted(u64),
}

impl Fault {
    /// Returns the status of the answer; 0 without one.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::Status(status) | Self::Code(status, _) => status,
            _ => 0,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable => f.write_str("the receiver cannot be reached, or not in time"),
            Self::Tls => f.write_str("the TLS connection to the receiver fails; check its certificate and `ca_file`"),
            Self::Closed => f.write_str("the receiver closed the connection before it had everything"),
            Self::Status(status @ (401 | 403)) => {
                write!(f, "the receiver answers with status {status}; check the token")
            }
            Self::Status(status @ 404) => write!(f, "the receiver answers with status {status}; check the address"),
            Self::Status(status) => write!(f, "the receiver answers with status {status}"),
            Self::Code(status, code) => write!(f, "the receiver answers with status {status}, code {code}"),
            Self::Malformed => f.write_str("the answer is not that of such a receiver; check `kind` and `url`"),
            Self::Damaged => f.write_str("the stored entry is damaged; GET /v1/damage"),
            Self::TooLarge => f.write_str("the event is larger than the receiver takes"),
            Self::TooOld => f.write_str("the event is older than the receiver takes"),
            Self::Unwritten => f.write_str("the batch cannot be written in the form of the receiver"),
            Self::Unacknowledged => {
                f.write_str("the receiver has not acknowledged the batch in time; it is sent again")
            }
            Self::Uncounted(count) => {
                write!(f, "the receiver refuses {count} events of a batch, and does not say which")
            }
        }
    }
}

/// Returns the verdict on a status that is not a success, where a receiver has no rule of its own.
#[must_use]
pub(crate) fn of_status(status: u16, after: Option<Duration>) -> Verdict {
    let fault = Fault::Status(status);
    match status {
        400 | 413 | 415 | 422 => Verdict::Split(fault),
        // 408 Request Timeout, 425 Too Early, 429 Too Many Requests.
        408 | 425 | 429 | 500.. => Verdict::Retry { fault, after },
        _ => Verdict::Blocked(fault),
    }
}
