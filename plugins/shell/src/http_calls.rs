//! Calls that one exchange makes to others, such as a guardrail's external check.
//!
//! They go out from the stream's own context, and the SDK brings the answer back to it, or drops the answer if the
//! stream has ended since. The host numbers the calls of a whole VM in one row, so those of streams and of roots never
//! share a number.

use crate::host::{Host, OutgoingCall};
use headgate_policy::HttpCall;
use headgate_policy::document::Collector;
use std::time::Duration;

/// Largest answer that is read; longer ones are cut, and then are none.
const MAX_ANSWER: usize = 1 << 20;

/// The number of a call that only wakes its stream; the machine has none so high.
pub(crate) const WAKE: u32 = u32::MAX;
/// Time limit of such a call.
const WAKE_TIME: Duration = Duration::from_millis(200);

/// An answer, or its absence.
#[derive(Debug)]
pub(crate) struct Answer {
    /// The machine's number of the call.
    pub(crate) number: u32,
    /// If there was one.
    pub(crate) status: Option<u16>,
    pub(crate) body: Vec<u8>,
}

/// Calls under way: the host's number and the machine's.
#[derive(Debug, Default)]
pub(crate) struct HttpCalls {
    under_way: Vec<(u32, u32)>,
}

impl HttpCalls {
    /// Sends it; `false` if the host would not.
    pub(crate) fn send(&mut self, host: &impl Host, call: &HttpCall) -> bool {
        let headers: Vec<(&str, &str)> = call.headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let timeout = Duration::from_millis(call.timeout_ms);
        let sent = host.call(OutgoingCall { to: &call.cluster, headers: &headers, body: Some(&call.body), timeout });
        if let Ok(token) = sent {
            self.under_way.push((token, call.number));
        }
        sent.is_ok()
    }

    /// Asks the collector for a sign of life, only to wake this stream; `false` if the host would not.
    pub(crate) fn wake(&mut self, host: &impl Host, collector: &Collector) -> bool {
        let path = format!("{}/healthz", collector.path_prefix);
        let headers = [(":method", "GET"), (":path", path.as_str()), (":authority", collector.authority.as_str())];
        let sent =
            host.call(OutgoingCall { to: &collector.cluster, headers: &headers, body: None, timeout: WAKE_TIME });
        if let Ok(token) = sent {
            self.under_way.push((token, WAKE));
        }
        sent.is_ok()
    }

    /// The answer under the host's number.
    pub(crate) fn answered(&mut self, host: &impl Host, token: u32, body_size: usize) -> Option<Answer> {
        let at = self.under_way.iter().position(|(number, _)| *number == token)?;
        let (_, number) = self.under_way.swap_remove(at);
        let status = host.call_status();
        let body = host.call_body(body_size.min(MAX_ANSWER)).unwrap_or_default();
        Some(Answer { number, status, body })
    }
}
