//! Actions that a machine asks for. The host layer translates each into one host call and decides nothing.

use headgate_routing::TargetKey;
use std::borrow::Cow;
use std::sync::Arc;

/// Collected by a caller that keeps the vector for reuse.
pub type Effects = Vec<Effect>;

/// One thing to do.
#[derive(Debug, PartialEq, Eq)]
pub enum Effect {
    /// Set a request header, replacing all its values.
    SetRequestHeader(&'static str, Cow<'static, str>),
    /// Remove a request header.
    RemoveRequestHeader(Cow<'static, str>),
    /// Add a response header. The answer has none of this name: a try has removed those of a provider.
    AddResponseHeader(&'static str, Cow<'static, str>),
    /// Set a response header, replacing all its values; `:status` among them.
    SetResponseHeader(&'static str, Cow<'static, str>),
    /// Remove a response header.
    RemoveResponseHeader(Cow<'static, str>),
    /// The next try goes to this provider; empty means that there is to be none.
    Route(Arc<str>),
    /// Answer the client; nothing goes upstream.
    Reply(Reply),
    /// The request's body becomes this.
    ReplaceRequest(Vec<u8>),
    /// The response chunk becomes this.
    ReplaceChunk(Vec<u8>),
    /// This chunk is the last thing that the client gets; the provider's stream is closed, so that nothing more is
    /// generated and paid for.
    EndStream,
    /// Reset the response at once: the rest of it cannot be sent, and the client must not take it for whole.
    ResetStream,
    /// Ask somebody over HTTP; the answer goes to [`crate::Gate::call_done`].
    Call(HttpCall),
    /// Put a target in cooldown on all workers.
    SetCooldown {
        /// The target.
        target: TargetKey,
        /// The end of the cooldown, ms since the Unix epoch.
        until_ms: u64,
        /// Whether the target sent `Retry-After`.
        unavailable: bool,
    },
}

/// A request to an external check.
#[derive(PartialEq, Eq)]
pub struct HttpCall {
    /// By which the answer is told from others of the same exchange.
    pub number: u32,
    /// Cluster of the proxy.
    pub cluster: String,
    /// `:method`, `:path` and `:authority` among them.
    pub headers: Vec<(&'static str, String)>,
    /// JSON.
    pub body: Vec<u8>,
    /// How long the answer is waited for, ms.
    pub timeout_ms: u64,
}

// Its headers hold a secret and its body a prompt.
impl std::fmt::Debug for HttpCall {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "HttpCall {} to {}", self.number, self.cluster)
    }
}

/// An answer of the gateway's own.
#[derive(Debug, PartialEq, Eq)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// Headers beside the ones HTTP itself needs.
    pub headers: Vec<(&'static str, Cow<'static, str>)>,
    /// JSON.
    pub body: Vec<u8>,
}
