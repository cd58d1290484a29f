//! Apache APISIX, as the shell sees it: the calls that its Proxy-Wasm host has, and variables of nginx in the place of the others.
//!
//! Three lines of Lua beside the filter carry bodies: they put `$headgate_request_body` in the place of the request's body, and
//! `$headgate_response_chunk` in the place of a chunk of the response. A worker shares nothing with others, so shared data is memory of
//! the VM.

use crate::host::{self, Buffer, HeaderMap};
use crate::pairs::decode_pairs;
use headgate_policy::{Disconnect, HeaderView, ProxyAnswer};
use headgate_shell::{Body, Capabilities, Headers, Host, HostError, HostResult, MemberHost, OutgoingCall, UNSUPPORTED};
use std::cell::RefCell;
use std::collections::HashMap;
use std::time::Duration;

/// See the module's text.
pub(crate) struct Apisix;

/// Switch of the host: with any text in it, the host reads the body of a request and brings it.
const READS_REQUEST: &str = "wasm_process_req_body";
/// The same for the response.
const READS_RESPONSE: &str = "wasm_process_resp_body";
/// Takes the body of the request.
const REQUEST_BODY: &str = "headgate_request_body";
/// Takes the next chunk of the response.
const RESPONSE_CHUNK: &str = "headgate_response_chunk";
/// Stands for a chunk without bytes: an empty variable means that the chunk stays.
const NO_BYTES: &[u8] = b"\0";
/// Ends the response, and the provider's stream.
const CUT: &[u8] = b"\x01";
/// Status of a property that cannot be read outside a request. Envoy says that it knows no such property.
const OUTSIDE_A_REQUEST: HostError = HostError(2);

/// The headers of a response that matter here. The host's list of all of them is wrong once there are many.
const RESPONSE: [&str; 38] = [
    ":status",
    "access-control-allow-credentials",
    "access-control-allow-headers",
    "access-control-allow-methods",
    "access-control-allow-origin",
    "access-control-expose-headers",
    "access-control-max-age",
    "alt-svc",
    "anthropic-ratelimit-requests-limit",
    "anthropic-ratelimit-requests-remaining",
    "anthropic-ratelimit-requests-reset",
    "anthropic-ratelimit-tokens-limit",
    "anthropic-ratelimit-tokens-remaining",
    "anthropic-ratelimit-tokens-reset",
    "clear-site-data",
    "content-encoding",
    "content-length",
    "content-type",
    "location",
    "nel",
    "report-to",
    "reporting-endpoints",
    "request-id",
    "retry-after",
    "retry-after-ms",
    "set-cookie",
    "strict-transport-security",
    "transfer-encoding",
    "x-headgate-attempts",
    "x-headgate-rejected-by",
    "x-headgate-request-id",
    "x-headgate-retry",
    "x-headgate-served-by",
    "x-ratelimit-limit-requests",
    "x-ratelimit-limit-tokens",
    "x-ratelimit-remaining-requests",
    "x-ratelimit-remaining-tokens",
    "x-request-id",
];

type Memory = HashMap<String, (Vec<u8>, u32)>;

thread_local! {
    static MEMORY: RefCell<Memory> = RefCell::new(Memory::new());
}

/// Whether this module runs in APISIX. To be asked while a root is configured: no request is there, and the two hosts have different
/// words for that.
pub(crate) fn is_host() -> bool {
    host::property(READS_REQUEST) == Err(OUTSIDE_A_REQUEST)
}

impl MemberHost for Apisix {}

impl Host for Apisix {
    const CAN: Capabilities = Capabilities {
        ticks: false,
        other_roots: false,
        headers_choose_route: true,
        shows_own_replies: true,
        loses_workers: true,
        calls_from_answers: true,
        takes_records: true,
        delivery_time: Duration::from_millis(250),
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

    /// Each worker is a member of the fleet of its own. Its name is known in a request alone.
    fn node(&self) -> Option<String> {
        let name = String::from_utf8(host::property("hostname").ok()?).ok()?;
        let worker = String::from_utf8(host::property("pid").ok()?).ok()?;
        Some(format!("{name}-{worker}"))
    }

    fn with_headers<T>(&self, which: Headers, act: impl FnOnce(HeaderView<'_>) -> T) -> T {
        match which {
            // Without a host, as HTTP/1.0 may have it, the host crashes over the list.
            Headers::Request if host::property("http_host").is_err() => act(HeaderView::new(&[])),
            Headers::Request => with_lower_case(HeaderMap::Request, act),
            Headers::Response => {
                let found: Vec<(&str, Vec<u8>)> = RESPONSE
                    .iter()
                    .filter_map(|name| Some((*name, host::header(HeaderMap::Response, name).ok()?)))
                    .collect();
                let fields: Vec<(&[u8], &[u8])> =
                    found.iter().map(|(name, value)| (name.as_bytes(), value.as_slice())).collect();
                act(HeaderView::new(&fields))
            }
        }
    }

    fn set_header(&self, which: Headers, name: &str, value: &str) -> HostResult<()> {
        host::set_header(which.into(), name, value)
    }

    fn remove_header(&self, which: Headers, name: &str) -> HostResult<()> {
        host::remove_header(which.into(), name)
    }

    fn body_part(&self, which: Body, start: usize, len: usize) -> HostResult<Vec<u8>> {
        host::buffer_part(which.into(), start, len)
    }

    fn replace_body(&self, which: Body, bytes: &[u8]) -> HostResult<()> {
        let (variable, empty) = match which {
            Body::Request => (REQUEST_BODY, &b""[..]),
            Body::Response => (RESPONSE_CHUNK, NO_BYTES),
        };
        host::set_property(variable, if bytes.is_empty() { empty } else { bytes })
    }

    fn append_body(&self, _: Body, _: &[u8]) -> HostResult<()> {
        Err(UNSUPPORTED)
    }

    fn reply(&self, status: u16, headers: &[(&str, &str)], body: &[u8]) -> HostResult<()> {
        // For an empty body, the host would send a page of its own.
        host::send_local_response(status, headers, if body.is_empty() { b"\n" } else { body })
    }

    fn route_to(&self, _: &str) -> HostResult<()> {
        Err(UNSUPPORTED)
    }

    fn clear_route_cache(&self) -> HostResult<()> {
        Err(UNSUPPORTED)
    }

    fn show_exchange(&self, _: &[u8]) -> HostResult<()> {
        Err(UNSUPPORTED)
    }

    fn shown_exchange(&self) -> HostResult<Vec<u8>> {
        Err(UNSUPPORTED)
    }

    fn call(&self, call: OutgoingCall<'_>) -> HostResult<u32> {
        let (scheme, to) = call.to.split_once("://").unwrap_or(("http", call.to));
        let named = |wanted: &str| call.headers.iter().find(|(name, _)| *name == wanted).map(|(_, value)| *value);
        // A pseudo header that is left out keeps the value of another request's call.
        let mut headers = vec![
            (":method", named(":method").unwrap_or("POST")),
            (":scheme", scheme),
            (":authority", named(":authority").unwrap_or(to)),
            (":path", named(":path").unwrap_or("/")),
        ];
        headers.extend(call.headers.iter().filter(|(name, _)| !name.starts_with(':')));
        host::call(OutgoingCall { to, headers: &headers, ..call })
    }

    fn with_call_headers<T>(&self, act: impl FnOnce(HeaderView<'_>) -> T) -> T {
        with_lower_case(HeaderMap::CallResponse, act)
    }

    fn call_status(&self) -> Option<u16> {
        host::call_status()
    }

    fn call_body(&self, len: usize) -> HostResult<Vec<u8>> {
        if len == 0 { Ok(Vec::new()) } else { host::buffer(Buffer::CallResponseBody, len) }
    }

    fn shared(&self, key: &str) -> (Vec<u8>, u32) {
        MEMORY.with(|memory| memory.try_borrow().ok().and_then(|memory| memory.get(key).cloned())).unwrap_or_default()
    }

    fn set_shared(&self, key: &str, value: &[u8], cas: u32) -> HostResult<()> {
        MEMORY.with(|memory| {
            let mut memory = memory.try_borrow_mut().map_err(|_| UNSUPPORTED)?;
            let (bytes, version) = memory.entry(key.to_owned()).or_default();
            if cas != 0 && cas != *version {
                return Err(UNSUPPORTED);
            }
            value.clone_into(bytes);
            *version = version.wrapping_add(1).max(1);
            Ok(())
        })
    }

    fn is_http_1_0(&self) -> bool {
        host::property("server_protocol").is_ok_and(|one| one == b"HTTP/1.0")
    }

    fn caller_name(&self, _: &str) -> Option<Vec<u8>> {
        None
    }

    fn cluster(&self) -> Option<Vec<u8>> {
        None
    }

    fn client_address(&self) -> Vec<u8> {
        host::property("remote_addr").unwrap_or_default()
    }

    fn connection(&self) -> Option<Vec<u8>> {
        None
    }

    fn failed_in_handshake(&self) -> bool {
        false
    }

    fn proxy_answer(&self) -> ProxyAnswer {
        ProxyAnswer { from_provider: !self.host_tries().is_empty(), tries: 1, failure: None }
    }

    fn answer_details(&self) -> Vec<u8> {
        Vec::new()
    }

    fn disconnect(&self) -> Disconnect {
        Disconnect::Unknown
    }

    fn set_log_field(&self, name: &str, value: &str) -> HostResult<()> {
        host::set_property(name, value.as_bytes())
    }

    fn await_request_body(&self) -> HostResult<()> {
        host::set_property(READS_REQUEST, b"1")
    }

    fn await_response_body(&self) -> HostResult<()> {
        host::set_property(READS_RESPONSE, b"1")
    }

    fn host_tries(&self) -> Vec<u16> {
        let statuses = host::property("upstream_status").unwrap_or_default();
        let statuses = String::from_utf8_lossy(&statuses).into_owned();
        let words = statuses.split([',', ':']).map(str::trim).filter(|word| !word.is_empty());
        words.map(|word| word.parse().unwrap_or(0)).collect()
    }

    fn set_record(&self, record: &[u8]) -> HostResult<()> {
        host::set_property("headgate_record", record)
    }

    fn resume_request(&self) -> HostResult<()> {
        Err(UNSUPPORTED)
    }

    fn resume_response(&self) -> HostResult<()> {
        Err(UNSUPPORTED)
    }

    fn reset_response(&self) -> HostResult<()> {
        host::set_property(RESPONSE_CHUNK, CUT)
    }

    fn act_for(&self, _: u32) -> HostResult<()> {
        Err(UNSUPPORTED)
    }

    fn set_tick(&self, _: Duration) -> HostResult<()> {
        Err(UNSUPPORTED)
    }

    fn root_is_done(&self) -> HostResult<()> {
        Err(UNSUPPORTED)
    }

    fn define_metric(&self, _: u32, _: &str) -> HostResult<u32> {
        Err(UNSUPPORTED)
    }

    fn increment_metric(&self, _: u32, _: u64) -> HostResult<()> {
        Err(UNSUPPORTED)
    }

    fn record_metric(&self, _: u32, _: u64) -> HostResult<()> {
        Err(UNSUPPORTED)
    }
}

/// Runs `act` on all headers of a map, with names in lower case.
fn with_lower_case<T>(kind: HeaderMap, act: impl FnOnce(HeaderView<'_>) -> T) -> T {
    let encoded = host::headers(kind).unwrap_or_default();
    let fields: Vec<(Vec<u8>, &[u8])> =
        decode_pairs(&encoded).into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value)).collect();
    let fields: Vec<(&[u8], &[u8])> = fields.iter().map(|(name, value)| (name.as_slice(), *value)).collect();
    act(HeaderView::new(&fields))
}
