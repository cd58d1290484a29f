//! The wire forms of receivers: the calls that deliver a batch, and the meaning of their answers.

pub(crate) mod archive;
mod cloud_events;
mod datadog;
mod elasticsearch;
mod otlp;
pub(crate) mod splunk_hec;
pub(crate) mod standard_webhooks;
mod syslog;

use crate::event::Event;
use crate::settings::{Kind, Settings};
use crate::verdict::{Verdict, of_status};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde::Serialize;
use std::io::{self, BufWriter, IntoInnerError, Write};
use std::time::Duration;

/// Names and values of headers. A value may be a secret.
pub(crate) type Headers = Vec<(&'static str, String)>;

/// A call by HTTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Call {
    /// The path that follows the address of the settings.
    pub(crate) path: &'static str,
    /// The headers.
    pub(crate) headers: Headers,
    /// The body.
    pub(crate) body: Vec<u8>,
}

/// An answer by HTTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    /// The status.
    pub(crate) status: u16,
    /// `Retry-After`.
    pub(crate) after: Option<Duration>,
    /// The beginning of the body.
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// Returns the body as JSON.
    fn json(&self) -> Option<serde_json::Value> {
        serde_json::from_slice(&self.body).ok()
    }

    /// Returns the verdict on its status alone.
    fn by_status(&self) -> Verdict {
        if (200..300).contains(&self.status) { Verdict::DELIVERED } else { of_status(self.status, self.after) }
    }
}

/// Bounds of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bounds {
    /// The most events.
    pub(crate) events: usize,
    /// The most bytes of stored entries.
    pub(crate) bytes: usize,
}

impl Bounds {
    /// No bounds.
    pub(crate) const NONE: Self = Self { events: u32::MAX as usize, bytes: usize::MAX };
}

/// Returns the bounds of batches for a kind of receiver.
#[must_use]
pub(crate) const fn bounds(kind: Kind) -> Bounds {
    match kind {
        // The intake takes 1,000 events and 5 MB.
        Kind::Datadog => Bounds { events: 500, bytes: 2 << 20 },
        Kind::Webhook => Bounds { events: 200, bytes: 1 << 20 },
        // A file is made in memory: it takes some ten times the bytes of its entries.
        Kind::ObjectStore => Bounds { events: 20_000, bytes: 16 << 20 },
        Kind::SplunkHec | Kind::Otlp | Kind::Elasticsearch | Kind::Syslog => Bounds { events: 1_000, bytes: 2 << 20 },
    }
}

/// A batch as its receiver gets it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Wire {
    /// By HTTP.
    Call(Call),
    /// On a connection of its own.
    Frames(Vec<u8>),
    /// As a file.
    File(archive::File),
}

/// Returns a batch as its receiver gets it; `channel` names this forwarder to it.
///
/// # Errors
/// The batch cannot be written in that form.
pub(crate) fn encode(settings: &Settings, channel: &str, events: &[Event]) -> io::Result<Wire> {
    let call = match settings.kind {
        Kind::ObjectStore => return archive::file(settings, events).map(Wire::File),
        Kind::Syslog => return syslog::frames(events, settings.format).map(Wire::Frames),
        Kind::SplunkHec => splunk_hec::call(settings, channel, events),
        Kind::Elasticsearch => elasticsearch::call(settings, events),
        Kind::Datadog => datadog::call(settings, events),
        Kind::Otlp => otlp::call(settings, events),
        Kind::Webhook => cloud_events::call(settings, events),
    };
    call.map(Wire::Call)
}

/// Returns what an answer to the call of a batch with this number of events means.
#[must_use]
pub(crate) fn judge(settings: &Settings, events: usize, answer: &Answer) -> Verdict {
    match settings.kind {
        Kind::SplunkHec => splunk_hec::judge(settings, answer),
        Kind::Elasticsearch => elasticsearch::judge(events, answer),
        Kind::Otlp => otlp::judge(answer),
        Kind::ObjectStore => archive::judge(answer.status, answer.after),
        Kind::Datadog | Kind::Webhook | Kind::Syslog => answer.by_status(),
    }
}

/// A body that is compressed while it is written.
type Packed = BufWriter<GzEncoder<Vec<u8>>>;

/// Returns the headers of a body of this type, and that body as `write` writes it, compressed.
fn compressed(media_type: &str, write: impl FnOnce(&mut Packed) -> io::Result<()>) -> io::Result<(Headers, Vec<u8>)> {
    let mut out = BufWriter::with_capacity(1 << 16, GzEncoder::new(Vec::new(), Compression::fast()));
    write(&mut out)?;
    let body = out.into_inner().map_err(IntoInnerError::into_error)?.finish()?;
    Ok((vec![("content-type", media_type.to_owned()), ("content-encoding", "gzip".to_owned())], body))
}

/// Writes an object with one more member at its end, whose JSON is taken as it is.
fn with_member(out: &mut impl Write, object: &impl Serialize, name: &str, json: &str) -> io::Result<()> {
    let head = serde_json::to_vec(object)?;
    out.write_all(head.strip_suffix(b"}").unwrap_or_default())?;
    write!(out, ",\"{name}\":{json}}}")
}
