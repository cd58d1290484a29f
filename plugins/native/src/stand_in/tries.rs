//! The router: it sends a request to the provider that the filter state names, and makes other tries.

use super::filter::{Configuration, Log};
use super::host::{Entry, Fields};
use super::pass_us;
use super::stream::{Shared, Stream};
use headgate_simulation::{Failure, ProviderAct, Upstream};
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

/// Filter state with the provider of the next try.
const TARGET: &[u8] = b"wasm.headgate_target";
/// Response header by which the module asks for another try, and Envoy's own against it.
const RETRY: &str = headgate_policy::RETRY_HEADER;
const NOT_AGAIN: &str = "x-envoy-ratelimited";
const MAX_RETRIES: &str = "x-envoy-max-retries";
/// Headers that the rendered route, or Envoy itself, removes towards a provider.
const REMOVED: [&str; 2] = [MAX_RETRIES, "x-envoy-upstream-rq-per-try-timeout-ms"];
/// Envoy's response flag of a try that the provider has reset.
const REMOTE_RESET: u64 = 0x10;

/// The answer that goes to the client: its chunks, and whether it ends.
pub(super) struct Answer {
    pub(super) chunks: Vec<Vec<u8>>,
    pub(super) ends: bool,
}

/// The end of a try.
enum Try {
    Again,
    /// Its answer goes to the client.
    Answered(Answer),
    /// The client has left.
    Left,
}

/// The router of one request.
pub(super) struct Router<'a> {
    pub(super) clusters: &'a BTreeMap<String, Configuration>,
    pub(super) log: &'a Log,
    pub(super) acts: VecDeque<ProviderAct>,
    pub(super) split: &'a dyn Fn(&[u8]) -> Vec<Vec<u8>>,
    pub(super) seen: Vec<Upstream>,
    pub(super) faults: Vec<String>,
    pub(super) retries: u32,
    /// The number of the last connection.
    pub(super) connections: &'a Cell<u64>,
    pub(super) client: &'a Patience,
    /// Tries that are under way when the client leaves, each at the place that the module knows.
    #[allow(clippy::vec_box, reason = "the module has pointers to them")]
    pub(super) left: Vec<Box<Stream>>,
}

/// A client that leaves after so many steps of the proxy.
pub(super) struct Patience(pub(super) Cell<usize>);

impl Patience {
    /// Whether it is still there for the next step.
    pub(super) fn stays(&self) -> bool {
        let left = self.0.get();
        self.0.set(left.saturating_sub(1));
        left > 0
    }
}

/// Returns the values of a header map by name.
pub(super) fn by_name(fields: &RefCell<Fields>) -> BTreeMap<String, String> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    fields.borrow().iter().map(|(name, value)| (text(name), text(value))).collect()
}

/// Returns a header map of these values.
pub(super) fn fields(headers: impl IntoIterator<Item = (String, String)>) -> Fields {
    let each = headers.into_iter();
    each.map(|(name, value)| (name.to_ascii_lowercase().into_bytes(), value.into_bytes())).collect()
}

impl Router<'_> {
    /// Makes tries until an answer goes to the client, or the client leaves. `body` is what the listener's filter lets pass.
    pub(super) fn route(&mut self, shared: &Rc<Shared>, body: Option<&[u8]>) -> Option<Answer> {
        if let Some(most) = by_name(&shared.request).get(MAX_RETRIES) {
            self.retries = most.parse().unwrap();
        }
        loop {
            let target = shared.state.borrow().get(TARGET).map(|target| String::from_utf8_lossy(target).into_owned());
            let target = target.unwrap_or_default();
            let Some(act) = self.acts.pop_front().filter(|act| act.provider == target) else {
                self.faults.push(format!("a try went to {target:?}, and the case has no such act"));
                return Some(refuse(shared, Failure::Connect));
            };
            let stream = Box::new(Stream::new(shared));
            match self.one(&stream, body, &act) {
                Try::Again => {}
                Try::Answered(answer) => return Some(answer),
                Try::Left => {
                    self.left.push(stream);
                    return None;
                }
            }
        }
    }

    /// Makes one try.
    fn one(&mut self, stream: &Stream, body: Option<&[u8]>, act: &ProviderAct) -> Try {
        pass_us(100);
        let name = act.provider.trim_end_matches("#fresh");
        self.clusters[name].filter(stream);
        if !self.client.stays() {
            return Try::Left;
        }
        stream.request_headers(body.is_none());
        if stream.reply.borrow().is_some() {
            self.faults.push("a try was refused".to_owned());
            stream.destroy();
            return Try::Answered(refuse(&stream.shared, Failure::Connect));
        }
        let mut sent = Vec::new();
        if let Some(body) = body {
            stream.receive(0, body);
            stream.request_body(true);
            sent = stream.take(0);
        }
        let mut headers = by_name(&stream.shared.request);
        REMOVED.iter().for_each(|name| drop(headers.remove(*name)));
        self.seen.push(Upstream { provider: act.provider.clone(), headers, body: sent });
        match act.fails {
            _ if !self.client.stays() => Try::Left,
            Some(Failure::Silence) => {
                self.connect(stream);
                assert!(!head(stream, act, false), "a head alone was taken for an answer");
                self.fails(stream, Failure::Timeout)
            }
            Some(failure) => self.fails(stream, failure),
            None => self.answers(stream, act),
        }
    }

    fn connect(&self, stream: &Stream) {
        self.connections.set(self.connections.get() + 1);
        stream.connection.set(self.connections.get());
    }

    /// The try ends without an answer.
    fn fails(&mut self, stream: &Stream, failure: Failure) -> Try {
        pass_us(if failure == Failure::Timeout { 480_000 } else { 300 });
        if failure != Failure::Connect && stream.connection.get() == 0 {
            self.connect(stream);
        }
        let flags = if failure == Failure::Lost { REMOTE_RESET } else { 0 };
        self.end(stream, flags);
        let is_named = stream.shared.state.borrow().get(TARGET).is_some_and(|target| !target.is_empty());
        if self.retries > 0 && is_named {
            self.retries -= 1;
            return Try::Again;
        }
        Try::Answered(refuse(&stream.shared, failure))
    }

    /// The router logs a try, and lets go of it.
    fn end(&self, stream: &Stream, flags: u64) {
        self.log.write(&Entry { flags, connection: stream.connection.get() });
        stream.destroy();
    }

    fn answers(&mut self, stream: &Stream, act: &ProviderAct) -> Try {
        pass_us(400);
        self.connect(stream);
        let whole = act.body.is_empty() && !act.breaks_off;
        let chunks = if act.body.is_empty() { Vec::new() } else { (self.split)(act.body.as_bytes()) };
        let mut goes_on = head(stream, act, whole);
        let last = chunks.len().saturating_sub(1);
        let mut passed: Vec<Vec<u8>> = Vec::new();
        for (at, chunk) in chunks.iter().enumerate() {
            if !self.client.stays() {
                return Try::Left;
            }
            stream.receive(2, chunk);
            goes_on = stream.response_body(at == last && !act.breaks_off);
            if goes_on { passed.push(stream.take(2)) } else { stream.keep(2) }
        }
        if !goes_on && !whole {
            return self.fails(stream, Failure::Reset);
        }
        let head = by_name(&stream.shared.response);
        let asks = head.contains_key(RETRY) && !head.contains_key(NOT_AGAIN);
        self.end(stream, 0);
        if self.retries > 0 && asks {
            self.retries -= 1;
            stream.shared.response.borrow_mut().clear();
            return Try::Again;
        }
        Try::Answered(Answer { chunks: passed, ends: !act.breaks_off })
    }
}

/// Envoy's own answer when no try is left.
fn refuse(shared: &Shared, failure: Failure) -> Answer {
    let status = if failure == Failure::Timeout { "504" } else { "503" };
    *shared.response.borrow_mut() = vec![(b":status".to_vec(), status.into())];
    let body = b"upstream connect error or disconnect/reset before headers";
    Answer { chunks: vec![body.to_vec()], ends: true }
}

/// Shows the head of an answer to the filter of the try. Returns whether it goes on.
fn head(stream: &Stream, act: &ProviderAct, whole: bool) -> bool {
    let mut head = vec![(b":status".to_vec(), act.status.to_string().into_bytes())];
    head.append(&mut fields(act.headers.clone()));
    *stream.shared.response.borrow_mut() = head;
    stream.response_headers(whole)
}
