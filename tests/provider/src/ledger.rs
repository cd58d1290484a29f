//! The provider's own list of the requests that reached it, for tests that compare it with the gateway's.
//!
//! It has one line per event, `arrived TRACEPARENT` and `done|closed|left TRACEPARENT`, appended without a buffer, so that
//! it survives a `kill -9` of the provider.

use crate::steps::Ending;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};

/// A file of events; without one, events are not kept.
pub(crate) struct Ledger(Option<File>);

impl Ledger {
    /// Opens the file for appending.
    pub(crate) fn open(path: Option<&str>) -> io::Result<Self> {
        let file = path.map(|path| OpenOptions::new().create(true).append(true).open(path)).transpose()?;
        Ok(Self(file))
    }

    /// Notes that a complete request has arrived.
    pub(crate) fn arrived(&self, trace: &str) {
        self.write("arrived", trace);
    }

    /// Notes the end of its answer.
    pub(crate) fn ended(&self, trace: &str, ending: Ending) {
        let event = match ending {
            Ending::Done => "done",
            Ending::Closed => "closed",
            Ending::ClientLeft => "left",
        };
        self.write(event, trace);
    }

    fn write(&self, event: &str, trace: &str) {
        if let Some(mut file) = self.0.as_ref() {
            // One write for each line, so that lines of concurrent answers do not mix.
            file.write_all(format!("{event} {trace}\n").as_bytes()).ok();
        }
    }
}
