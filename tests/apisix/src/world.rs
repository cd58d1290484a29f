//! The state that host calls read and change: that of a worker, and that of the request whose callback runs.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

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

/// The clock and the log of a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Surroundings {
    /// Those of a test: time passes when it is told to, µs since the Unix epoch.
    Test(u64),
    /// Those of this machine.
    Machine,
}

/// One request. The host has many at a time, and shows the VM the one whose callback runs.
#[derive(Debug, Default)]
pub(crate) struct RequestState {
    pub(crate) phase: Phase,
    pub(crate) variables: BTreeMap<String, Vec<u8>>,
    pub(crate) request: Fields,
    pub(crate) response: Fields,
    pub(crate) request_body: Vec<u8>,
    pub(crate) chunk: Vec<u8>,
    pub(crate) reply: Option<LocalReply>,
    pub(crate) pending: Option<Pending>,
    /// Head and body of the answer to a call.
    pub(crate) call_answer: Option<(Fields, Vec<u8>)>,
}

impl RequestState {
    /// Whether a request is there.
    pub(crate) fn is_there(&self) -> bool {
        !matches!(self.phase, Phase::None | Phase::Freed)
    }

    /// Returns a variable as text.
    pub(crate) fn variable(&self, name: &str) -> String {
        self.variables.get(name).map(|value| String::from_utf8_lossy(value).into_owned()).unwrap_or_default()
    }
}

/// See the module's text.
#[derive(Debug)]
pub struct World {
    /// The request whose callback runs.
    pub(crate) now: RequestState,
    /// The callback that is running.
    pub(crate) callback: &'static str,
    pub(crate) configuration: Vec<u8>,
    pub(crate) environment: Vec<(String, String)>,
    pub(crate) surroundings: Surroundings,
    pub(crate) random: u64,
    /// Lines of the filter's log.
    pub log: Vec<String>,
    pub(crate) next_call: u32,
    pub(crate) force: Option<Force>,
    /// Every host call that was made, by callback.
    pub(crate) made: BTreeMap<(&'static str, String), u32>,
}

impl World {
    /// A worker that starts.
    pub(crate) fn new(environment: &[(String, String)]) -> Self {
        Self {
            now: RequestState::default(),
            callback: "",
            configuration: Vec::new(),
            environment: environment.to_vec(),
            surroundings: Surroundings::Test(1_790_000_000_000_000),
            random: 7,
            log: Vec::new(),
            next_call: 0,
            force: None,
            made: BTreeMap::new(),
        }
    }

    /// Returns the time, µs since the Unix epoch.
    #[allow(clippy::disallowed_methods, reason = "by address, a worker has the clock of this machine")]
    pub(crate) fn clock_us(&self) -> u64 {
        match self.surroundings {
            Surroundings::Test(now_us) => now_us,
            Surroundings::Machine => SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros() as u64,
        }
    }

    /// Lets time pass. That of this machine passes by itself.
    pub(crate) fn pass_us(&mut self, passed_us: u64) {
        if let Surroundings::Test(now_us) = &mut self.surroundings {
            *now_us += passed_us;
        }
    }

    /// Writes a line of the log.
    #[allow(clippy::print_stderr, reason = "by address, that is the log")]
    pub(crate) fn say(&mut self, line: String) {
        match self.surroundings {
            Surroundings::Test(_) => self.log.push(line),
            Surroundings::Machine => eprintln!("{line}"),
        }
    }

    /// Returns the names of the host calls that were made, by callback.
    pub fn made(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.made.keys().map(|(callback, call)| (*callback, call.as_str()))
    }

    /// Forces a call of the host to a status.
    pub fn force(&mut self, force: Option<Force>) {
        self.force = force;
    }

    /// Returns the status that this call is forced to.
    pub(crate) fn forced(&self, call: &str) -> Option<u32> {
        let force = self.force.as_ref()?;
        (force.callback == self.callback && force.call == call).then_some(force.status)
    }
}

/// Returns the first value of a header.
pub(crate) fn field<'a>(fields: &'a Fields, name: &str) -> Option<&'a str> {
    fields.iter().find(|(one, _)| one.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
}
