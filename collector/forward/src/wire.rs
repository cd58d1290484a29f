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
use crate::verdict::{Fault, Verdict, of_status};
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Write;
use std::time::Duration;

/// A call by HTTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Call {
    /// The path that follows the address of the settings.
    pub(crate) path: &'static str,
    /// Names and values. A value may be a secret.
    pub(crate) headers: Vec<(&'static str, String)>,
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
    /// As a file; or why there is none.
    File(Result<archive::File, Fault>),
}

/// Returns a batch as its receiver gets it; `channel` names this forwarder to it.
#[must_use]
pub(crate) fn encode(settings: &Settings, channel: &str, events: &[Event]) -> Wire {
    Wire::Call(match settings.kind {
        Kind::ObjectStore => return Wire::File(archive::file(settings, events)),
        Kind::Syslog => return Wire::Frames(syslog::frames(events, settings.format)),
        Kind::SplunkHec => splunk_hec::call(settings, channel, events),
        Kind::Elasticsearch => elasticsearch::call(settings, events),
        Kind::Datadog => datadog::call(settings, events),
        Kind::Otlp => otlp::call(settings, events),
        Kind::Webhook => cloud_events::call(settings, events),
    })
}

/// Returns what an answer to the call of a batch means.
#[must_use]
pub(crate) fn judge(settings: &Settings, events: &[Event], answer: &Answer) -> Verdict {
    match settings.kind {
        Kind::SplunkHec => splunk_hec::judge(settings, answer),
        Kind::Elasticsearch => elasticsearch::judge(events, answer),
        Kind::Otlp => otlp::judge(answer),
        Kind::ObjectStore => archive::judge(answer.status, answer.after),
        Kind::Datadog | Kind::Webhook | Kind::Syslog => answer.by_status(),
    }
}

/// Returns the headers of a body of this type, compressed, and that body.
fn compressed(media_type: &str, body: &[u8]) -> (Vec<(&'static str, String)>, Vec<u8>) {
    let mut headers = vec![("content-type", media_type.to_owned())];
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    // A vector takes everything; if it did not, the body would go as it is.
    match encoder.write_all(body).and_then(|()| encoder.finish()) {
        Ok(packed) => {
            headers.push(("content-encoding", "gzip".to_owned()));
            (headers, packed)
        }
        Err(_) => (headers, body.to_vec()),
    }
}
