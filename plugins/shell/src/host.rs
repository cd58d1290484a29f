//! The host, as the shell sees it: everything that a request, a worker or a root asks the proxy for.
//!
//! The trait names nothing of a proxy or of an ABI. A host that lacks something says so in [`Host::CAN`], and refuses the calls with a
//! status. No call panics, and none decides.

use headgate_policy::{Disconnect, HeaderView, ProxyAnswer};
use std::time::Duration;

/// A refusal of the host, by its own number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HostError(pub u32);

/// The outcome of a call of the host.
pub type HostResult<T> = Result<T, HostError>;

/// There is no room in this worker's memory for the host's bytes.
pub const NO_ROOM: HostError = HostError(u32::MAX);

/// The host has no such call.
pub const UNSUPPORTED: HostError = HostError(12);

/// The abilities in which hosts differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities {
    /// It calls a root again and again. Without ticks, their work is done when a request begins.
    pub ticks: bool,
    /// Beside the root with the policy, a worker has others that use it.
    pub other_roots: bool,
    /// It chooses the route again by itself after a header of the request was set.
    pub headers_choose_route: bool,
    /// It shows a filter the answer that it has given by itself, as one of the proxy's.
    pub shows_own_replies: bool,
    /// A worker can end while the proxy lives on, and its requests with it.
    pub loses_workers: bool,
    /// A root may begin a call while it is told the answer to its last one. Where it may not, it waits for the next tick.
    pub calls_from_answers: bool,
    /// It takes the record of a request from the request's context: see [`Host::set_record`].
    pub takes_records: bool,
    /// Time that a delivery to the collector may take. Where nothing but a request can carry it, a client waits for it.
    pub delivery_time: Duration,
    /// Greatest age of a worker's view of the targets in cooldown, µs: 0 where a look costs next to nothing.
    pub cooldowns_age_us: u64,
}

/// A header map of the stream that is being served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Headers {
    /// Of the request.
    Request,
    /// Of the response.
    Response,
}

/// A body of the stream that is being served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Body {
    /// Of the request.
    Request,
    /// Of the response, or the part of it that is there.
    Response,
}

/// The next action of the host on a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Pass it on.
    Continue,
    /// Hold it back.
    Pause,
}

/// An HTTP request of the gateway itself.
#[derive(Debug, Clone, Copy)]
pub struct OutgoingCall<'a> {
    /// The destination, as the policy document names it for this host.
    pub to: &'a str,
    /// `:method`, `:path` and `:authority` among them.
    pub headers: &'a [(&'a str, &'a str)],
    /// Its body, if it has one.
    pub body: Option<&'a [u8]>,
    /// Time that the answer is waited for.
    pub timeout: Duration,
}

/// The services of a host that the shell asks for. Calls about a stream mean the one whose callback is running.
pub trait Host: 'static {
    /// Its abilities.
    const CAN: Capabilities;

    /// Microseconds since the Unix epoch.
    fn now_us(&self) -> u64;
    /// Random bytes; should the host have none, zeros: ids then differ by time alone, and the first target is drawn.
    fn random<const N: usize>(&self) -> [u8; N];
    /// A variable of the proxy's environment.
    fn env(&self, name: &str) -> Option<String>;
    /// The name of this proxy, if it has one.
    fn node(&self) -> Option<String>;

    /// Runs `act` on the headers; on none if the host has none.
    fn with_headers<T>(&self, which: Headers, act: impl FnOnce(HeaderView<'_>) -> T) -> T;
    /// Sets a header, replacing all its values.
    fn set_header(&self, which: Headers, name: &str, value: &str) -> HostResult<()>;
    /// Adds a header that is not there. A host may look for one of this name first, and replace it.
    fn add_header(&self, which: Headers, name: &str, value: &str) -> HostResult<()> {
        self.set_header(which, name, value)
    }
    /// Removes a header.
    fn remove_header(&self, which: Headers, name: &str) -> HostResult<()>;

    /// Reads at most `len` bytes of a body from `start` on, or says [`NO_ROOM`].
    fn body_part(&self, which: Body, start: usize, len: usize) -> HostResult<Vec<u8>>;
    /// The same from its beginning.
    fn body(&self, which: Body, len: usize) -> HostResult<Vec<u8>> {
        self.body_part(which, 0, len)
    }
    /// Replaces the whole body, or the part of it that is there.
    fn replace_body(&self, which: Body, bytes: &[u8]) -> HostResult<()>;
    /// Appends to it.
    fn append_body(&self, which: Body, bytes: &[u8]) -> HostResult<()>;

    /// Answers the stream.
    fn reply(&self, status: u16, headers: &[(&str, &str)], body: &[u8]) -> HostResult<()>;
    /// Names the provider of the next try; empty for none.
    fn route_to(&self, provider: &str) -> HostResult<()>;
    /// Makes the proxy choose the route again.
    fn clear_route_cache(&self) -> HostResult<()>;
    /// Shows the id of the stream's exchange to its attempts.
    fn show_exchange(&self, id: &[u8]) -> HostResult<()>;
    /// Returns the id that was shown.
    fn shown_exchange(&self) -> HostResult<Vec<u8>>;

    /// Sends a request; the answer comes to the context that has sent it, with the number that is returned.
    fn call(&self, call: OutgoingCall<'_>) -> HostResult<u32>;
    /// Runs `act` on the headers of the answer that has just come; on none if there was no answer.
    fn with_call_headers<T>(&self, act: impl FnOnce(HeaderView<'_>) -> T) -> T;
    /// Status of the answer that has just come; `None` if there was no answer.
    fn call_status(&self) -> Option<u16>;
    /// Its body.
    fn call_body(&self, len: usize) -> HostResult<Vec<u8>>;

    /// A value that all workers share, and the number to compare with when setting it. Absent is empty with number 0.
    fn shared(&self, key: &str) -> (Vec<u8>, u32);
    /// Sets a shared value if nobody else has since `cas` was read.
    fn set_shared(&self, key: &str, value: &[u8], cas: u32) -> HostResult<()>;

    /// Whether the request came over HTTP/1.0.
    fn is_http_1_0(&self) -> bool;
    /// The name of the caller, as the proxy knows it by this path.
    fn caller_name(&self, path: &str) -> Option<Vec<u8>>;
    /// The cluster that the proxy's route has chosen.
    fn cluster(&self) -> Option<Vec<u8>>;
    /// Address of the client, with its port.
    fn client_address(&self) -> Vec<u8>;
    /// The identity of the connection to a provider, if there is one.
    fn connection(&self) -> Option<Vec<u8>>;
    /// Whether the connection that is logged ended before TLS was agreed on.
    fn failed_in_handshake(&self) -> bool;
    /// The proxy's account of the answer to a request that it has routed.
    fn proxy_answer(&self) -> ProxyAnswer;
    /// The proxy's word for the reason of an answer of its own.
    fn answer_details(&self) -> Vec<u8>;
    /// The reason for an early end of the stream.
    fn disconnect(&self) -> Disconnect;
    /// Sets a field for the proxy's own access log.
    fn set_log_field(&self, name: &str, value: &str) -> HostResult<()>;

    /// Asks for the whole body of the request in a later callback, on a host that does not bring it by itself.
    fn await_request_body(&self) -> HostResult<()> {
        Err(UNSUPPORTED)
    }
    /// The same for the response, chunk by chunk.
    fn await_response_body(&self) -> HostResult<()> {
        Err(UNSUPPORTED)
    }
    /// Statuses of the tries that the host has made by itself, in order; 0 for a try without an answer.
    fn host_tries(&self) -> Vec<u16> {
        Vec::new()
    }
    /// Hands the record of the stream to a logger of the host.
    fn set_record(&self, _record: &[u8]) -> HostResult<()> {
        Err(UNSUPPORTED)
    }

    /// Lets a request go on that an earlier callback has paused.
    fn resume_request(&self) -> HostResult<()>;
    /// The same for a response.
    fn resume_response(&self) -> HostResult<()>;
    /// Resets the response that is being served, and the provider's stream with it. Bytes that were passed on in this very callback are
    /// lost: call it in a later one.
    fn reset_response(&self) -> HostResult<()>;
    /// Until this callback returns, the host takes its calls for those of another context.
    fn act_for(&self, context: u32) -> HostResult<()>;
    /// Sets the time between two ticks.
    fn set_tick(&self, period: Duration) -> HostResult<()>;
    /// Has [`crate::tick_streams`] called on this worker after this time or earlier, on a host where the roots tick elsewhere.
    fn tick_streams(&self, _within: Duration) -> HostResult<()> {
        Err(UNSUPPORTED)
    }
    /// Tells the host that a root which was asked to go is done.
    fn root_is_done(&self) -> HostResult<()>;

    /// Makes the host know a metric, and returns its number there. `kind` is 0 for a counter, 1 for a gauge, 2 for a histogram.
    fn define_metric(&self, kind: u32, name: &str) -> HostResult<u32>;
    /// Adds to a counter.
    fn increment_metric(&self, id: u32, amount: u64) -> HostResult<()>;
    /// Sets a gauge, or adds a value to a histogram.
    fn record_metric(&self, id: u32, value: u64) -> HostResult<()>;
}
