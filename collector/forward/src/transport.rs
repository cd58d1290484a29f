//! Delivers batches: by HTTP, or as frames over a connection.

use crate::event::Event;
use crate::settings::Settings;
use crate::verdict::{Fault, Verdict};
use crate::wire::archive::File;
use crate::wire::{self, Answer, Call, Headers, Wire, splunk_hec, standard_webhooks};
use headgate_collector_bucket::Object;
use headgate_http_client::{Stream, Trust};
use std::io::{Read, Write};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// The longest time for a call.
const CALL_TIME: Duration = Duration::from_secs(20);
/// The most bytes of an answer that are read. A bulk answer has a line for each document.
const MAX_ANSWER: u64 = 4 << 20;
/// The longest pause that a receiver may ask for.
const MAX_PAUSE: Duration = Duration::from_secs(3_600);

/// A batch as its receiver gets it. It is kept until it is delivered, so that a receiver that is away costs no second reading.
#[derive(Debug)]
pub(crate) struct Parcel {
    wire: Wire,
    events: usize,
    message_id: String,
}

/// The way to a receiver; clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Transport {
    settings: Arc<Settings>,
    agent: ureq::Agent,
    trust: Trust,
}

impl Transport {
    /// Returns the transport of a forwarder.
    ///
    /// # Errors
    /// The file of certificates cannot be used; the message names it.
    pub(crate) fn new(settings: Arc<Settings>) -> Result<Self, String> {
        let trust = Trust::of(settings.ca_file.as_deref())?;
        let name = concat!("headgate-collector/", env!("CARGO_PKG_VERSION"));
        Ok(Self { settings, agent: headgate_http_client::agent_with(name, CALL_TIME, &trust), trust })
    }

    /// Writes a batch in the form of its receiver, on a thread that may block.
    pub(crate) async fn render(&self, channel: String, events: Vec<Event>) -> Result<Arc<Parcel>, Fault> {
        let settings = Arc::clone(&self.settings);
        let rendering = tokio::task::spawn_blocking(move || {
            let message_id = standard_webhooks::message_id(&events);
            let wire = wire::encode(&settings, &channel, &events).map_err(|_| Fault::Unwritten)?;
            Ok(Arc::new(Parcel { wire, events: events.len(), message_id }))
        });
        // A task fails only if it panics or the process ends.
        rendering.await.unwrap_or(Err(Fault::Unwritten))
    }

    /// Delivers a batch on a thread that may block, and returns the verdict.
    pub(crate) async fn deliver(&self, parcel: Arc<Parcel>) -> Verdict {
        let transport = self.clone();
        let calling = tokio::task::spawn_blocking(move || transport.call_and_judge(&parcel));
        calling.await.unwrap_or(Verdict::Retry { fault: Fault::Unreachable, after: None })
    }

    fn call_and_judge(&self, parcel: &Parcel) -> Verdict {
        let judge = |answer: Answer| wire::judge(&self.settings, parcel.events, &answer);
        let delivered = match &parcel.wire {
            Wire::Frames(frames) => self.write(frames).map(|()| Verdict::DELIVERED),
            Wire::File(file) => self.put(file).map(judge),
            Wire::Call(call) => self.call(call, &self.signature(call, parcel)).map(judge),
        };
        delivered.unwrap_or_else(|fault| Verdict::Retry { fault, after: None })
    }

    /// Returns the headers that sign a webhook's message; none without a key.
    fn signature(&self, call: &Call, parcel: &Parcel) -> Headers {
        let Some(key) = &self.settings.signing_key else { return Headers::new() };
        let now_s = headgate_collector_types::clock::host_us() / 1_000_000;
        standard_webhooks::headers(&key.0, parcel.message_id.clone(), now_s, &call.body).into()
    }

    /// Asks the receiver, on a thread that may block, whether it has stored a batch; `None` if it cannot be asked.
    pub(crate) async fn is_acknowledged(&self, channel: String, ack: u64) -> Option<bool> {
        let transport = self.clone();
        let asking = tokio::task::spawn_blocking(move || {
            let answer = transport.call(&splunk_hec::ask(&transport.settings, &channel, ack), &[]);
            // One that cannot be reached now may answer the next time.
            answer.map_or(Some(false), |answer| splunk_hec::is_acknowledged(ack, &answer))
        });
        asking.await.unwrap_or(Some(false))
    }

    fn call(&self, call: &Call, more: &[(&'static str, String)]) -> Result<Answer, Fault> {
        let address = format!("{}{}", self.settings.url.0.trim_end_matches('/'), call.path);
        let mut request = self.agent.post(&address);
        for (name, value) in call.headers.iter().chain(more) {
            request = request.header(*name, value);
        }
        request.send(&call.body[..]).map(read).map_err(|error| fault_of(&error))
    }

    /// Puts a file into the bucket.
    fn put(&self, file: &File) -> Result<Answer, Fault> {
        let archive = self.settings.archive.as_ref().ok_or(Fault::Unwritten)?;
        let File { name, media_type, bytes } = file;
        let object = Object { name, media_type, bytes, locked_days: None };
        let now = headgate_collector_types::clock::host_us();
        archive.bucket.put(&self.agent, &object, now).map(read).map_err(|error| fault_of(&error))
    }

    /// Writes frames on a new connection, ends it, and waits until the receiver has ended it too: it has read everything then.
    fn write(&self, frames: &[u8]) -> Result<(), Fault> {
        let mut stream =
            Stream::connect(&self.settings.url.0, CALL_TIME, &self.trust).map_err(|error| io_fault(&error))?;
        stream.write_all(frames).and_then(|()| stream.finish()).map_err(|error| io_fault(&error))?;
        let mut rest = [0; 256];
        loop {
            match stream.read(&mut rest) {
                Ok(0) => return Ok(()),
                Ok(_) => {}
                // Many receivers end TLS without saying so.
                Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(()),
                Err(error) => return Err(io_fault(&error)),
            }
        }
    }
}

/// Reads an answer.
fn read(mut answer: ureq::http::Response<ureq::Body>) -> Answer {
    let after = answer.headers().get("retry-after").and_then(|value| pause(value.to_str().ok()?));
    let mut body = Vec::new();
    // A success without a readable body is judged by what there is of it.
    let _ = answer.body_mut().as_reader().take(MAX_ANSWER).read_to_end(&mut body);
    Answer { status: answer.status().as_u16(), after, body }
}

fn fault_of(error: &ureq::Error) -> Fault {
    match error {
        ureq::Error::Io(error) => io_fault(error),
        ureq::Error::Tls(_) | ureq::Error::Rustls(_) => Fault::Tls,
        _ => Fault::Unreachable,
    }
}

fn io_fault(error: &std::io::Error) -> Fault {
    use std::io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, InvalidData, UnexpectedEof};
    match error.kind() {
        // This is how errors of TLS arrive.
        InvalidData => Fault::Tls,
        BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof => Fault::Closed,
        _ => Fault::Unreachable,
    }
}

/// Reads `Retry-After`: seconds or a date.
fn pause(text: &str) -> Option<Duration> {
    let pause = match text.trim().parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let date = httpdate::parse_http_date(text.trim()).ok()?;
            let now = SystemTime::UNIX_EPOCH
                + Duration::from_micros(headgate_collector_types::clock::host_us().try_into().ok()?);
            date.duration_since(now).unwrap_or_default()
        }
    };
    Some(pause.min(MAX_PAUSE))
}
