//! A complete check of a data folder, without a running service and without changes.

use headgate_collector_columns::first_of;
use headgate_collector_db::{Db, StoreError};
use headgate_collector_store::{DamageKind, DamagedRange, damage, file, schema};
use headgate_collector_types::Log;
use std::path::Path;

/// Most problems that are named one by one.
const MAX_NAMED: usize = 1_000;

/// The result of a check.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// Positions of both logs that were checked.
    pub entries: i64,
    /// The problems in words for people, one line each.
    pub problems: Vec<String>,
    /// Number of further problems.
    pub more: usize,
}

impl Checked {
    fn add(&mut self, problem: String) {
        if self.problems.len() < MAX_NAMED {
            self.problems.push(problem);
        } else {
            self.more += 1;
        }
    }

    fn add_range(&mut self, range: &DamagedRange) {
        let state = match range.kind {
            DamageKind::Altered => "is not what was stored",
            DamageKind::Lost => "is gone",
        };
        self.add(format!("{} {state}", range.places()));
    }
}

/// Checks the database of a data folder.
///
/// # Errors
/// The database cannot be opened, or its schema is of another version. Damage is a finding, not an error.
pub fn check(data: &Path) -> Result<Checked, StoreError> {
    let db = Db::sqlite_reader(&file::database(data))?;
    let mut checked = Checked::default();
    match schema::is_current(&db) {
        Ok(true) => {}
        Ok(false) => return Err(StoreError::Older),
        Err(StoreError::Newer) => return Err(StoreError::Newer),
        Err(_) => {
            checked.add("the database's header or schema is damaged".to_owned());
            return Ok(checked);
        }
    }
    check_structure(&db, &mut checked);
    for log in Log::ALL {
        check_log(&db, log, &mut checked);
    }
    Ok(checked)
}

/// Adds the problems that SQLite's own check of its structure finds.
fn check_structure(db: &Db, checked: &mut Checked) {
    match db.structure_problems(MAX_NAMED) {
        Ok(problems) => problems.into_iter().for_each(|problem| checked.add(format!("structure: {problem}"))),
        Err(_) => checked.add("structure: SQLite cannot read it".to_owned()),
    }
}

/// Checks every segment of a log.
fn check_log(db: &Db, log: Log, checked: &mut Checked) {
    for segment in 0.. {
        let more = match damage::check_segment(db, log, segment) {
            Ok(check) => {
                checked.entries = checked.entries.saturating_add(check.checked);
                check.damage.iter().for_each(|range| checked.add_range(range));
                let problems = check.disagreeing.iter().map(|at| format!("{} {at}: its index disagrees", log.as_str()));
                problems.for_each(|problem| checked.add(problem));
                check.more
            }
            Err(error) => {
                checked.add(format!("{} from position {}: {error}", log.as_str(), first_of(segment)));
                damage::log_continues(db, log, segment).unwrap_or(false)
            }
        };
        if !more {
            return;
        }
    }
}
