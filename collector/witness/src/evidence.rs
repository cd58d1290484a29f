//! Requests that show that a log has signed two trees: a line of JSON each, in a file beside the memory.

use crate::memory::Seen;
use serde_json::json;
use std::fs::File;
use std::io::{Result, Write as _};
use std::path::{Path, PathBuf};

/// The most bytes of the file. A log that repeats itself must not fill the disk.
const MAX_BYTES: u64 = 8 << 20;

/// The file.
#[derive(Debug)]
pub(crate) struct Evidence(PathBuf);

impl Evidence {
    pub(crate) fn beside(memory: &Path) -> Self {
        Self(memory.with_added_extension("evidence"))
    }

    /// Keeps a request with what was confirmed before. The refusal stands, whether the file can be written or not.
    pub(crate) fn keep(&self, reason: &str, known: &Seen, request: &str, now: u64) {
        let origin = known.checkpoint.lines().next().unwrap_or_default();
        tracing::warn!("the log {} has signed two trees: {reason}", origin.escape_debug());
        let line = json!({"time": now, "reason": reason, "confirmed": known.checkpoint, "request": request});
        if let Err(error) = self.append(&format!("{line}\n")) {
            tracing::error!("the evidence cannot be kept in {}: {error}", self.0.display());
        }
    }

    fn append(&self, line: &str) -> Result<()> {
        let mut file = File::options().create(true).append(true).open(&self.0)?;
        let room = MAX_BYTES.saturating_sub(file.metadata()?.len());
        if u64::try_from(line.len()).unwrap_or(u64::MAX) > room {
            tracing::warn!("{} is full; no more is kept", self.0.display());
            return Ok(());
        }
        file.write_all(line.as_bytes())?;
        file.sync_all()
    }
}
