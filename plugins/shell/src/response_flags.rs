//! Envoy's response flags, which both of its hosts show: how a stream ended.

use headgate_policy::Disconnect;
use headgate_record::AttemptError;

/// Envoy's response flags that name the client: connection ended (DC), stream reset (DR), protocol error (DPE).
const CLIENT_FLAGS: u64 = 0x4000 | 0x1000_0000 | 0x4_0000;
/// Those that name the provider: reset (UR), connection failure (UF), termination (UC), protocol error (UPE).
const PROVIDER_FLAGS: u64 = 0x10 | 0x20 | 0x40 | 0x80_0000;
/// Those of a try that has failed, with their meaning: timeout (UT), connection failure (UF), reset (UR), termination (UC), protocol error (UPE).
const FAILURES: [(u64, AttemptError); 5] = [
    (0x4, AttemptError::Timeout),
    (0x20, AttemptError::Connect),
    (0x10, AttemptError::Reset),
    (0x40, AttemptError::Reset),
    (0x80_0000, AttemptError::Reset),
];

/// Returns how a try has failed.
#[must_use]
pub fn failure(flags: u64) -> Option<AttemptError> {
    FAILURES.into_iter().find(|(flag, _)| flags & flag != 0).map(|(_, failure)| failure)
}

/// Returns who has ended a stream early.
#[must_use]
pub fn disconnect(flags: u64) -> Disconnect {
    // A client that resets its HTTP/2 stream without an error code leaves no flag; whatever a provider does, leaves one.
    if flags == 0 || flags & CLIENT_FLAGS != 0 {
        Disconnect::ClientGone
    } else if flags & PROVIDER_FLAGS != 0 {
        Disconnect::ProviderGone
    } else {
        Disconnect::Unknown
    }
}
