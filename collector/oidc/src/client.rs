//! Calls to the identity provider. Its answers are bounded in time and size, and its redirects are not followed.

use crate::fault::Fault;
use headgate_http_client::Trust;
use serde_json::{Map, Value};
use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;
use ureq::Agent;
use ureq::http::Response;

/// The longest time for a call, its answer included.
const CALL_TIMEOUT: Duration = Duration::from_secs(8);
/// The longest time for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// Largest answer, bytes.
const MAX_BYTES: u64 = 256 << 10;
/// Largest head of an answer, bytes.
const MAX_HEAD_BYTES: usize = 32 << 10;

/// The members of a JSON object.
pub(crate) type Members = Map<String, Value>;

/// The client.
#[derive(Debug)]
pub(crate) struct Client(Agent);

/// An answer to a form.
pub(crate) enum Answered {
    /// A success.
    Success(Members),
    /// A refusal, which has a reason if it is the provider's own.
    Refused(Option<String>),
}

impl Client {
    /// Returns a client that trusts the authorities in a file (PEM), or else those of the operating system.
    pub(crate) fn new(ca_file: Option<&Path>, tls_only: bool) -> Result<Self, String> {
        let tls = Trust::of(ca_file)?.tls_config();
        let config = Agent::config_builder()
            .timeout_global(Some(CALL_TIMEOUT))
            .timeout_connect(Some(CONNECT_TIMEOUT))
            .max_redirects(0)
            .max_redirects_will_error(false)
            .max_response_header_size(MAX_HEAD_BYTES)
            .http_status_as_error(false)
            .https_only(tls_only)
            .tls_config(tls)
            .user_agent(concat!("headgate-collector/", env!("CARGO_PKG_VERSION")))
            .build();
        Ok(Self(config.into()))
    }

    /// Reads a JSON object.
    pub(crate) fn get(&self, address: &str) -> Result<Members, Fault> {
        let answer = self.0.get(address).header("accept", "application/json").call().map_err(|error| fault(&error))?;
        match answer.status().as_u16() {
            200 => members(answer),
            300..=399 => Err(Fault::Redirect),
            _ => Err(Fault::Status),
        }
    }

    /// Sends a form. `authorization` is the value of the header, if there is one.
    pub(crate) fn post(&self, address: &str, authorization: Option<&str>, form: &str) -> Result<Answered, Fault> {
        let mut request = self.0.post(address).header("accept", "application/json");
        request = request.header("content-type", "application/x-www-form-urlencoded");
        if let Some(value) = authorization {
            request = request.header("authorization", value);
        }
        let answer = request.send(form).map_err(|error| fault(&error))?;
        match answer.status().as_u16() {
            200 => members(answer).map(Answered::Success),
            300..=399 => Err(Fault::Redirect),
            400..=499 => {
                let reason = members(answer).ok();
                let reason = reason.as_ref().and_then(|members| members.get("error")).and_then(Value::as_str);
                Ok(Answered::Refused(reason.map(str::to_owned)))
            }
            _ => Err(Fault::Status),
        }
    }
}

fn members(mut answer: Response<ureq::Body>) -> Result<Members, Fault> {
    let text = answer.body_mut().with_config().limit(MAX_BYTES).read_to_vec().map_err(|error| fault(&error))?;
    serde_json::from_slice(&text).map_err(|_| Fault::Answer)
}

fn fault(error: &ureq::Error) -> Fault {
    match error {
        ureq::Error::Timeout(_) | ureq::Error::BodyStalled => Fault::Slow,
        ureq::Error::BodyExceedsLimit(_) | ureq::Error::LargeResponseHeader(..) => Fault::TooLarge,
        ureq::Error::Protocol(_) | ureq::Error::Http(_) => Fault::Answer,
        ureq::Error::Rustls(rustls::Error::InvalidCertificate(_)) => Fault::Untrusted,
        ureq::Error::Io(io) => of_io(io),
        _ => Fault::Unreachable,
    }
}

fn of_io(error: &std::io::Error) -> Fault {
    let inner = error.get_ref();
    let direct = inner.and_then(|inner| inner.downcast_ref::<rustls::Error>());
    let nested = inner.and_then(|inner| inner.source()).and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match direct.or(nested) {
        Some(rustls::Error::InvalidCertificate(_)) => Fault::Untrusted,
        _ if error.kind() == ErrorKind::TimedOut => Fault::Slow,
        _ if error.kind() == ErrorKind::UnexpectedEof => Fault::Answer,
        _ => Fault::Unreachable,
    }
}
