//! Files of an archive: a range of a log, with a name and bytes that depend on its positions alone, so that repeating is harmless.

mod parquet;

use crate::event::Event;
use crate::format::object;
use crate::settings::{Encoding, Settings};
use crate::verdict::{Verdict, of_status};
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::{self, Write as _};
use std::time::Duration;

/// A file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct File {
    /// Its name below the prefix of the settings.
    pub(crate) name: String,
    /// Its media type.
    pub(crate) media_type: &'static str,
    /// Its bytes.
    pub(crate) bytes: Vec<u8>,
}

/// Returns the file of events, which are of one log.
pub(super) fn file(settings: &Settings, events: &[Event]) -> io::Result<File> {
    let (end, media_type, bytes) = match settings.encoding {
        Encoding::Ndjson => ("ndjson.gz", "application/gzip", ndjson(settings, events)?),
        Encoding::Parquet => {
            ("parquet", "application/vnd.apache.parquet", parquet::bytes(events).map_err(io::Error::other)?)
        }
    };
    Ok(File { name: format!("{}.{end}", name(events)), media_type, bytes })
}

/// Returns the name without its end: log, hour of the first event, and the positions of the first and the last one.
fn name(events: &[Event]) -> String {
    let (Some(first), Some(last)) = (events.first(), events.last()) else { return "empty".to_owned() };
    let time = first.rfc3339();
    let (date, hour) = (time.get(..10).unwrap_or_default(), time.get(11..13).unwrap_or_default());
    format!("log={}/dt={date}/hh={hour}/{:020}-{:020}", first.log.as_str(), first.position, last.position)
}

fn ndjson(settings: &Settings, events: &[Event]) -> io::Result<Vec<u8>> {
    let mut out = GzEncoder::new(Vec::new(), Compression::default());
    for event in events {
        out.write_all(object(event, settings.format).as_bytes())?;
        out.write_all(b"\n")?;
    }
    out.finish()
}

/// Returns what a status means. A file is whole or not there, so nothing is gained by dividing it.
pub(crate) fn judge(status: u16, after: Option<Duration>) -> Verdict {
    match status {
        200..300 => Verdict::DELIVERED,
        status => match of_status(status, after) {
            Verdict::Split(fault) => Verdict::Blocked(fault),
            verdict => verdict,
        },
    }
}
