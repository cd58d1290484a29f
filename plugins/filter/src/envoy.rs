//! Envoy, as the shell sees it: its Proxy-Wasm calls, and its names of properties.

use crate::host::{self, Buffer, HeaderMap};
use headgate_policy::{Disconnect, HeaderView, ProxyAnswer};
use headgate_shell::{Body, Capabilities, Headers, Host, HostResult, MemberHost, OutgoingCall, response_flags};
use std::time::Duration;

/// See the module's text.
pub(crate) struct Envoy;

/// Filter state that holds the provider of the next try; the route reads it as `wasm.headgate_target`.
const TARGET: &str = "headgate_target";
/// Filter state that holds the id of an exchange, for the attempts.
const CALL: &str = "headgate_call";
/// Envoy's words for an answer that a provider has sent.
const FROM_PROVIDER: &[u8] = b"via_upstream";

/// Response flags of the stream; none if there are none.
fn stream_flags() -> u64 {
    host::property("response\0flags").ok().and_then(|flags| flags.try_into().ok()).map_or(0, u64::from_le_bytes)
}

impl MemberHost for Envoy {}

impl Host for Envoy {
    /// A delivery must be over before the outbox loses its patience, so that an answer, if only a failure, always comes first.
    const CAN: Capabilities = Capabilities {
        ticks: true,
        other_roots: true,
        headers_choose_route: true,
        shows_own_replies: true,
        loses_workers: true,
        calls_from_answers: true,
        takes_records: false,
        delivery_time: Duration::from_secs(5),
        cooldowns_age_us: 50_000,
    };

    fn now_us(&self) -> u64 {
        host::now_us()
    }

    fn random<const N: usize>(&self) -> [u8; N] {
        host::random()
    }

    fn env(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }

    fn node(&self) -> Option<String> {
        let node = host::property("xds\0node\0id").or_else(|_| host::property("node\0id")).ok()?;
        String::from_utf8(node).ok()
    }

    fn with_headers<T>(&self, which: Headers, act: impl FnOnce(HeaderView<'_>) -> T) -> T {
        host::with_headers(which.into(), act)
    }

    fn set_header(&self, which: Headers, name: &str, value: &str) -> HostResult<()> {
        host::set_header(which.into(), name, value)
    }

    fn add_header(&self, which: Headers, name: &str, value: &str) -> HostResult<()> {
        host::add_header(which.into(), name, value)
    }

    fn remove_header(&self, which: Headers, name: &str) -> HostResult<()> {
        host::remove_header(which.into(), name)
    }

    fn body_part(&self, which: Body, start: usize, len: usize) -> HostResult<Vec<u8>> {
        host::buffer_part(which.into(), start, len)
    }

    fn replace_body(&self, which: Body, bytes: &[u8]) -> HostResult<()> {
        host::replace_buffer(which.into(), bytes)
    }

    fn append_body(&self, which: Body, bytes: &[u8]) -> HostResult<()> {
        host::append_buffer(which.into(), bytes)
    }

    fn reply(&self, status: u16, headers: &[(&str, &str)], body: &[u8]) -> HostResult<()> {
        host::send_local_response(status, headers, body)
    }

    fn route_to(&self, provider: &str) -> HostResult<()> {
        host::set_property(TARGET, provider.as_bytes())
    }

    fn clear_route_cache(&self) -> HostResult<()> {
        host::clear_route_cache()
    }

    fn show_exchange(&self, id: &[u8]) -> HostResult<()> {
        host::set_property(CALL, id)
    }

    fn shown_exchange(&self) -> HostResult<Vec<u8>> {
        host::property(CALL)
    }

    fn call(&self, call: OutgoingCall<'_>) -> HostResult<u32> {
        host::call(call)
    }

    fn with_call_headers<T>(&self, act: impl FnOnce(HeaderView<'_>) -> T) -> T {
        host::with_headers(HeaderMap::CallResponse, act)
    }

    fn call_status(&self) -> Option<u16> {
        host::call_status()
    }

    fn call_body(&self, len: usize) -> HostResult<Vec<u8>> {
        host::buffer(Buffer::CallResponseBody, len)
    }

    fn shared(&self, key: &str) -> (Vec<u8>, u32) {
        host::shared_data(key)
    }

    fn set_shared(&self, key: &str, value: &[u8], cas: u32) -> HostResult<()> {
        host::set_shared_data(key, value, cas)
    }

    fn is_http_1_0(&self) -> bool {
        host::property("request\0protocol").is_ok_and(|one| one == b"HTTP/1.0")
    }

    fn caller_name(&self, path: &str) -> Option<Vec<u8>> {
        host::property(path).ok()
    }

    fn cluster(&self) -> Option<Vec<u8>> {
        host::property("xds\0cluster_name").ok()
    }

    fn client_address(&self) -> Vec<u8> {
        host::property("source\0address").unwrap_or_default()
    }

    fn connection(&self) -> Option<Vec<u8>> {
        host::property("upstream\0local_address").ok().filter(|address| !address.is_empty())
    }

    fn failed_in_handshake(&self) -> bool {
        !host::property("connection\0transport_failure_reason").unwrap_or_default().is_empty()
    }

    fn proxy_answer(&self) -> ProxyAnswer {
        let from_provider = host::property("response\0code_details").is_ok_and(|details| details == FROM_PROVIDER);
        let tries = host::property("upstream\0request_attempt_count").unwrap_or_default();
        let tries = tries.first_chunk().map_or(1, |bytes| u64::from_le_bytes(*bytes));
        let failure = if from_provider { None } else { response_flags::failure(stream_flags()) };
        ProxyAnswer { from_provider, tries: u32::try_from(tries).unwrap_or(u32::MAX), failure }
    }

    fn answer_details(&self) -> Vec<u8> {
        host::property("response\0code_details").unwrap_or_default()
    }

    fn disconnect(&self) -> Disconnect {
        response_flags::disconnect(stream_flags())
    }

    fn set_log_field(&self, name: &str, value: &str) -> HostResult<()> {
        host::set_property(name, value.as_bytes())
    }

    fn resume_request(&self) -> HostResult<()> {
        host::resume_request()
    }

    fn resume_response(&self) -> HostResult<()> {
        host::resume_response()
    }

    fn reset_response(&self) -> HostResult<()> {
        host::reset_response()
    }

    fn act_for(&self, context: u32) -> HostResult<()> {
        host::act_for(context)
    }

    fn set_tick(&self, period: Duration) -> HostResult<()> {
        host::set_tick_period(period)
    }

    fn root_is_done(&self) -> HostResult<()> {
        host::root_is_done()
    }

    fn define_metric(&self, kind: u32, name: &str) -> HostResult<u32> {
        host::define_metric(kind, name)
    }

    fn increment_metric(&self, id: u32, amount: u64) -> HostResult<()> {
        host::increment_metric(id, amount)
    }

    fn record_metric(&self, id: u32, value: u64) -> HostResult<()> {
        host::record_metric(id, value)
    }
}
