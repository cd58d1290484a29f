//! `check`, for the operator. The service runs its own checks in the background.

use super::{cannot_open, no_database, print_line};
use headgate_collector_recovery::{self as recovery, Checked};
use headgate_collector_store as store;
use std::path::Path;

pub(super) fn run(data: &Path) -> Result<(), String> {
    if !store::database(data).is_file() {
        return Err(no_database(data));
    }
    let Checked { entries, problems, more } = recovery::check(data).map_err(|e| cannot_open(data.display(), e))?;
    problems.iter().try_for_each(|problem| print_line(problem))?;
    if more > 0 {
        print_line(&format!("{more} problems more"))?;
    }
    match problems.is_empty() {
        true => print_line(&format!("{entries} entries looked at: all is well")),
        false => Err("the database is damaged; `recover` builds a new one from the intact entries, and so does `serve` unless `recovery` is `refuse`".to_owned()),
    }
}
