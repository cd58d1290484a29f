//! `check`: for the operator who wants to know, not for the service, which looks by itself.

use super::{cannot_open, no_database, say};
use crate::store::{self, Checked};
use std::path::Path;

pub(super) fn run(data: &Path) -> Result<(), String> {
    if !store::database(data).is_file() {
        return Err(no_database(data));
    }
    let Checked { entries, problems, more } = store::check(data).map_err(|e| cannot_open(data.display(), e))?;
    problems.iter().try_for_each(|problem| say(problem))?;
    if more > 0 {
        say(&format!("{more} problems more"))?;
    }
    match problems.is_empty() {
        true => say(&format!("{entries} entries looked at: all is well")),
        false => Err("the database is damaged; `serve` makes it whole, as far as that can be".to_owned()),
    }
}
