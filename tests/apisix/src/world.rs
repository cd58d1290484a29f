//! The state that host calls read and change: one worker with one request at a time.

use std::collections::BTreeMap;

/// Headers in order, pseudo headers among them. Names are in lower case.
pub type Fields = Vec<(String, String)>;

/// The part of a request's life that a callback belongs to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Phase {
    /// No request is there.
    #[default]
    None,
    /// Rewrite or access: calls can be made.
    Access,
    /// The head of the response is not out yet.
    HeaderFilter,
    /// It is.
    BodyFilter,
    /// The request is freed: the host finds no state.
    Freed,
}

/// A status that a host call gives in place of its own, without doing anything.
#[derive(Debug, Clone)]
pub struct Force {
    /// The callback in which it does.
    pub callback: &'static str,
    /// The call.
    pub call: String,
    /// The status.
    pub status: u32,
}

/// A call of the filter that waits for its answer.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pending {
    pub(crate) number: u32,
    pub(crate) to: String,
    pub(crate) headers: Fields,
    pub(crate) body: Vec<u8>,
    pub(crate) timeout_ms: u64,
}

/// An answer of the filter itself.
#[derive(Debug, Clone, Default)]
pub(crate) struct LocalReply {
    pub(crate) status: u32,
    pub(crate) headers: Fields,
    pub(crate) body: Vec<u8>,
}

/// See the module's text.
#[derive(Debug, Default)]
pub struct World {
    pub(crate) phase: Phase,
    /// The callback that is running.
    pub(crate) callback: &'static str,
    pub(crate) configuration: Vec<u8>,
    pub(crate) environment: Vec<(String, String)>,
    pub(crate) clock_us: u64,
    pub(crate) random: u64,
    /// Lines of the filter's log.
    pub log: Vec<String>,
    pub(crate) variables: BTreeMap<String, Vec<u8>>,
    pub(crate) request: Fields,
    pub(crate) response: Fields,
    pub(crate) request_body: Vec<u8>,
    pub(crate) chunk: Vec<u8>,
    pub(crate) reply: Option<LocalReply>,
    pub(crate) pending: Option<Pending>,
    /// Head and body of the answer to a call.
    pub(crate) call_answer: Option<(Fields, Vec<u8>)>,
    pub(crate) next_call: u32,
    /// Number of calls that were accepted since the last decision about the request.
    pub(crate) force: Option<Force>,
    /// Every host call that was made, by callback.
    pub(crate) made: BTreeMap<(&'static str, String), u32>,
}

impl World {
    /// Returns the names of the host calls that were made, by callback.
    pub fn made(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.made.keys().map(|(callback, call)| (*callback, call.as_str()))
    }

    /// Forces a call of the host to a status.
    pub fn force(&mut self, force: Option<Force>) {
        self.force = force;
    }

    /// Whether a request is there.
    pub(crate) fn has_request(&self) -> bool {
        !matches!(self.phase, Phase::None | Phase::Freed)
    }

    /// Returns the status that this call is forced to.
    pub(crate) fn forced(&self, call: &str) -> Option<u32> {
        let force = self.force.as_ref()?;
        (force.callback == self.callback && force.call == call).then_some(force.status)
    }

    /// Returns a variable as text.
    pub(crate) fn variable(&self, name: &str) -> String {
        self.variables.get(name).map(|value| String::from_utf8_lossy(value).into_owned()).unwrap_or_default()
    }
}

/// Returns the first value of a header.
pub(crate) fn field<'a>(fields: &'a Fields, name: &str) -> Option<&'a str> {
    fields.iter().find(|(one, _)| one.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
}
