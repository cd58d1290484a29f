//! Envoy, as the shell sees it from a dynamic module: the calls of its ABI, and memory that all workers share.
//!
//! One value is made for each hook. What makes the host call its filters waits until the hook is done with its own work, as on Proxy-Wasm:
//! an exchange that a callback works on would not be found by the filters that are called.

use crate::abi::{Attribute, Map, Stream};
use crate::at::{At, CallAnswer};
use crate::later::Later;
use crate::{bodies, calls, clock, gates, metrics, node, shared};
use headgate_policy::{Disconnect, HeaderView, ProxyAnswer};
use headgate_shell::{Body, Capabilities, Headers, Host, HostError, HostResult, NO_ROOM, OutgoingCall, response_flags};
use std::cell::{Cell, RefCell};
use std::time::Duration;

/// See the module's text.
#[derive(Debug)]
pub(crate) struct Native {
    at: Cell<At>,
    /// The number of another gate that it acts for.
    acts_for: Cell<Option<u32>>,
    /// Bytes of a body have just come. They are another body then than the bytes that wait.
    brings_body: Cell<bool>,
    /// The connection of a try that has ended.
    connection: Option<u64>,
    answer: Option<CallAnswer>,
    later: RefCell<Vec<(Option<u32>, Stream, Later)>>,
}

/// Filter state that holds the provider of the next try: the one that Proxy-Wasm writes.
const TARGET: &str = "wasm.headgate_target";
/// Filter state that holds the id of an exchange, for the attempts.
const CALL: &str = "wasm.headgate_call";
/// Envoy's words for an answer that a provider has sent.
const FROM_PROVIDER: &[u8] = b"via_upstream";
/// The host has no such thing now.
const ABSENT: HostError = HostError(1);

impl Native {
    pub(crate) fn new(at: At) -> Self {
        Self {
            at: Cell::new(at),
            acts_for: Cell::new(None),
            brings_body: Cell::new(false),
            connection: None,
            answer: None,
            later: RefCell::new(Vec::new()),
        }
    }

    pub(crate) fn with_answer(at: At, answer: Option<CallAnswer>) -> Self {
        Self { answer, ..Self::new(at) }
    }

    /// For a hook that brings bytes of a body.
    pub(crate) fn with_body(stream: Stream) -> Self {
        let native = Self::new(At::Stream(stream));
        native.brings_body.set(true);
        native
    }

    /// For a try that has ended, on this connection; 0 for none.
    pub(crate) fn after_try(connection: u64) -> Self {
        Self { connection: Some(connection), ..Self::new(At::Nothing) }
    }

    fn stream(&self) -> HostResult<Stream> {
        match self.at.get() {
            At::Stream(stream) => Ok(stream),
            _ => Err(ABSENT),
        }
    }

    fn later(&self, what: Later) -> HostResult<()> {
        let stream = self.stream()?;
        self.later.borrow_mut().push((self.acts_for.get(), stream, what));
        Ok(())
    }

    /// Does what has waited for the end of the hook's own work. Another gate may be gone by now.
    pub(crate) fn finish(self) {
        for (number, stream, what) in self.later.into_inner() {
            if number.is_some_and(|number| gates::stream_of(number) != Some(stream)) {
                continue;
            }
            what.run(stream);
        }
    }

    fn response_flags(&self) -> u64 {
        match self.at.get() {
            At::Stream(stream) => stream.number(Attribute::ResponseFlags).unwrap_or(0),
            At::Log(logger) => logger.flags(),
            At::Nothing | At::Root(_) => 0,
        }
    }

    fn text(&self, attribute: Attribute) -> Option<Vec<u8>> {
        self.stream().ok()?.text(attribute).filter(|text| !text.is_empty())
    }

    /// Returns the number of bytes of a body: those that have just come, and those that wait.
    pub(crate) fn body_size(&self, which: Body) -> usize {
        self.stream().map_or(0, |stream| bodies::size(stream, which))
    }
}

fn map(which: Headers) -> Map {
    match which {
        Headers::Request => Map::Request,
        Headers::Response => Map::Response,
    }
}

fn done(taken: bool) -> HostResult<()> {
    if taken { Ok(()) } else { Err(ABSENT) }
}

impl Host for Native {
    const CAN: Capabilities = Capabilities {
        ticks: true,
        other_roots: true,
        headers_choose_route: false,
        shows_own_replies: false,
        loses_workers: false,
        // A proxy that ends fails its calls when it can begin no other any more: it would crash.
        calls_from_answers: false,
        takes_records: false,
        delivery_time: Duration::from_secs(5),
        cooldowns_age_us: 0,
    };

    fn now_us(&self) -> u64 {
        clock::now_us()
    }

    fn random<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        let _ = getrandom::fill(&mut bytes);
        bytes
    }

    fn env(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }

    fn node(&self) -> Option<String> {
        node::name()
    }

    fn with_headers<T>(&self, which: Headers, act: impl FnOnce(HeaderView<'_>) -> T) -> T {
        match self.at.get() {
            At::Stream(stream) => stream.with_headers(map(which), |fields| act(HeaderView::new(fields))),
            At::Log(logger) => logger.with_headers(map(which), |fields| act(HeaderView::new(fields))),
            At::Nothing | At::Root(_) => act(HeaderView::new(&[])),
        }
    }

    fn set_header(&self, which: Headers, name: &str, value: &str) -> HostResult<()> {
        done(self.stream()?.set_header(map(which), name, Some(value)))
    }

    fn add_header(&self, which: Headers, name: &str, value: &str) -> HostResult<()> {
        done(self.stream()?.add_header(map(which), name, value))
    }

    fn remove_header(&self, which: Headers, name: &str) -> HostResult<()> {
        done(self.stream()?.set_header(map(which), name, None))
    }

    fn body_part(&self, which: Body, start: usize, len: usize) -> HostResult<Vec<u8>> {
        bodies::part(self.stream()?, which, start, len).ok_or(NO_ROOM)
    }

    fn replace_body(&self, which: Body, bytes: &[u8]) -> HostResult<()> {
        bodies::clear(self.stream()?, which);
        if bytes.is_empty() { Ok(()) } else { self.append_body(which, bytes) }
    }

    fn append_body(&self, which: Body, bytes: &[u8]) -> HostResult<()> {
        done(bodies::append(self.stream()?, which, bytes, self.brings_body.get()))
    }

    fn reply(&self, status: u16, headers: &[(&str, &str)], body: &[u8]) -> HostResult<()> {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        self.later(Later::Reply(status, headers, body.to_vec()))
    }

    fn route_to(&self, provider: &str) -> HostResult<()> {
        done(self.stream()?.set_state(TARGET, provider.as_bytes()))
    }

    fn clear_route_cache(&self) -> HostResult<()> {
        self.stream()?.clear_route_cache();
        Ok(())
    }

    fn show_exchange(&self, id: &[u8]) -> HostResult<()> {
        done(self.stream()?.set_state(CALL, id))
    }

    fn shown_exchange(&self) -> HostResult<Vec<u8>> {
        self.stream()?.state(CALL).ok_or(ABSENT)
    }

    fn call(&self, call: OutgoingCall<'_>) -> HostResult<u32> {
        let timeout_ms = u64::try_from(call.timeout.as_millis()).unwrap_or(u64::MAX);
        let body = call.body.unwrap_or_default();
        let sent = match self.at.get() {
            At::Stream(stream) => stream.call(call.to, call.headers, body, timeout_ms),
            At::Root(root) => root.call(call.to, call.headers, body, timeout_ms).inspect(|id| calls::begin(root, *id)),
            At::Nothing | At::Log(_) => return Err(ABSENT),
        };
        sent.map_err(HostError).and_then(|id| u32::try_from(id).map_err(|_| ABSENT))
    }

    fn with_call_headers<T>(&self, act: impl FnOnce(HeaderView<'_>) -> T) -> T {
        let fields: Vec<(&[u8], &[u8])> = self
            .answer
            .iter()
            .flat_map(|answer| &answer.headers)
            .map(|(name, value)| (name.as_slice(), value.as_slice()))
            .collect();
        act(HeaderView::new(&fields))
    }

    fn call_status(&self) -> Option<u16> {
        self.with_call_headers(|head| head.text(":status").and_then(|status| status.parse().ok()))
    }

    fn call_body(&self, len: usize) -> HostResult<Vec<u8>> {
        let body = self.answer.as_ref().map(|answer| answer.body.as_slice()).unwrap_or_default();
        Ok(body.get(..len).unwrap_or(body).to_vec())
    }

    fn shared(&self, key: &str) -> (Vec<u8>, u32) {
        shared::get(key)
    }

    fn set_shared(&self, key: &str, value: &[u8], cas: u32) -> HostResult<()> {
        done(shared::set(key, value, cas))
    }

    fn is_http_1_0(&self) -> bool {
        self.stream().is_ok_and(|stream| stream.is_text(Attribute::Protocol, b"HTTP/1.0"))
    }

    /// Claims of a token are not among what this ABI shows; `headgate render` refuses such a policy.
    fn caller_name(&self, path: &str) -> Option<Vec<u8>> {
        let attribute = match path.split('\0').next_back()? {
            "subject_peer_certificate" => Attribute::PeerSubject,
            "dns_san_peer_certificate" => Attribute::PeerDnsSan,
            "uri_san_peer_certificate" => Attribute::PeerUriSan,
            _ => return None,
        };
        self.text(attribute)
    }

    fn cluster(&self) -> Option<Vec<u8>> {
        self.text(Attribute::ClusterName)
    }

    fn client_address(&self) -> Vec<u8> {
        match self.at.get() {
            At::Log(logger) => logger.client(),
            _ => self.text(Attribute::SourceAddress),
        }
        .unwrap_or_default()
    }

    fn connection(&self) -> Option<Vec<u8>> {
        let number = match (self.connection, self.at.get()) {
            (Some(connection), _) => connection,
            (None, At::Stream(stream)) => stream.upstream_connection(),
            (None, At::Log(logger)) => logger.upstream_connection(),
            (None, At::Nothing | At::Root(_)) => 0,
        };
        (number != 0).then(|| number.to_le_bytes().to_vec())
    }

    fn failed_in_handshake(&self) -> bool {
        match self.at.get() {
            At::Log(logger) => logger.transport_failure().is_some_and(|reason| !reason.is_empty()),
            _ => false,
        }
    }

    fn proxy_answer(&self) -> ProxyAnswer {
        let from_provider = self.answer_details() == FROM_PROVIDER;
        let tries = self.stream().ok().and_then(|stream| stream.number(Attribute::AttemptCount)).unwrap_or(1);
        let failure = if from_provider { None } else { response_flags::failure(self.response_flags()) };
        ProxyAnswer { from_provider, tries: u32::try_from(tries).unwrap_or(u32::MAX), failure }
    }

    fn answer_details(&self) -> Vec<u8> {
        match self.at.get() {
            At::Log(logger) => logger.code_details(),
            _ => self.text(Attribute::CodeDetails),
        }
        .unwrap_or_default()
    }

    fn disconnect(&self) -> Disconnect {
        response_flags::disconnect(self.response_flags())
    }

    fn set_log_field(&self, name: &str, value: &str) -> HostResult<()> {
        done(self.stream()?.set_state(&format!("wasm.{name}"), value.as_bytes()))
    }

    fn resume_request(&self) -> HostResult<()> {
        self.later(Later::ContinueRequest)
    }

    fn resume_response(&self) -> HostResult<()> {
        self.later(Later::ContinueResponse)
    }

    fn reset_response(&self) -> HostResult<()> {
        self.later(Later::Reset)
    }

    fn act_for(&self, context: u32) -> HostResult<()> {
        let stream = gates::stream_of(context).ok_or(ABSENT)?;
        self.at.set(At::Stream(stream));
        self.acts_for.set(Some(context));
        Ok(())
    }

    fn set_tick(&self, period: Duration) -> HostResult<()> {
        clock::set_tick(period);
        Ok(())
    }

    fn tick_streams(&self, within: Duration) -> HostResult<()> {
        clock::tick_streams(within);
        Ok(())
    }

    fn root_is_done(&self) -> HostResult<()> {
        Ok(())
    }

    fn define_metric(&self, _: u32, name: &str) -> HostResult<u32> {
        metrics::define(name).ok_or(ABSENT)
    }

    fn increment_metric(&self, id: u32, amount: u64) -> HostResult<()> {
        done(metrics::update(self.at.get(), id, amount))
    }

    fn record_metric(&self, id: u32, value: u64) -> HostResult<()> {
        done(metrics::update(self.at.get(), id, value))
    }
}
