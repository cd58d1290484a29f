//! `recover`, and recovery at the start of the service.

use super::{cannot_open, no_database, print_line};
use crate::args::Recovery;
use headgate_collector_recovery::{recover, refuse};
use headgate_collector_store as store;
use std::path::Path;

/// Returns the function that handles a damaged database at the start.
pub(super) fn at_start(recovery: Recovery) -> store::RecoverFn {
    match recovery {
        Recovery::OnStart => |data| recover(data).map(drop),
        Recovery::Refuse => refuse,
    }
}

pub(super) fn run(data: &Path) -> Result<(), String> {
    // The folder is decisive: a database without its main file can be recovered from its write-ahead log.
    if !data.is_dir() {
        return Err(no_database(data));
    }
    let _lock = store::lock(data).map_err(|e| cannot_open(data.display(), e))?;
    match recover(data).map_err(|e| cannot_open(data.display(), e))? {
        true => print_line("the database is recovered; standard error names the entries that are lost"),
        false => print_line("the database is not damaged; nothing was changed"),
    }
}
