//! The file in which a monitor keeps what it has seen.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::{ErrorKind, Write};
use std::path::Path;

/// The most bytes of the file.
const MAX_BYTES: u64 = 1 << 20;

/// The state of a monitor.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct State {
    /// The public key of the logs.
    pub(super) public_key: Option<String>,
    /// The last state of each log.
    pub(super) logs: BTreeMap<String, Seen>,
}

/// The last state of one log.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Seen {
    /// The number of entries.
    pub(super) size: u64,
    /// The root, in base64.
    pub(super) root: String,
    /// The checkpoint, to be shown if the log ever contradicts it.
    pub(super) checkpoint: String,
    /// The tile at which the next look at old entries begins.
    #[serde(default)]
    pub(super) next_tile: u64,
}

/// Reads the file; an empty state if there is none.
pub(super) fn read(path: &Path) -> Result<State, String> {
    let shown = path.display();
    let failed = |e: &dyn std::fmt::Display| format!("cannot read {shown}: {e}; nothing was checked");
    match std::fs::metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(State::default()),
        Err(error) => return Err(failed(&error)),
        Ok(meta) if meta.len() > MAX_BYTES => return Err(failed(&"it is too large")),
        Ok(_) => {}
    }
    let text = std::fs::read(path).map_err(|e| failed(&e))?;
    serde_json::from_slice(&text).map_err(|e| failed(&e))
}

/// Writes the file: the old one stays until the new one is complete.
pub(super) fn write(path: &Path, state: &State) -> Result<(), String> {
    let failed = |e: &dyn std::fmt::Display| format!("cannot write {}: {e}", path.display());
    let text = serde_json::to_vec_pretty(state).map_err(|e| failed(&e))?;
    let new = path.with_added_extension("new");
    let mut file = std::fs::File::create(&new).map_err(|e| failed(&e))?;
    file.write_all(&text).and_then(|()| file.sync_all()).map_err(|e| failed(&e))?;
    std::fs::rename(&new, path).map_err(|e| failed(&e))
}
