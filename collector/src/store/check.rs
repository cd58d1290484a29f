//! A look at everything in a data folder, without a service and without a change.

use super::columns::first_of;
use super::damage::{self, Finding, Kind, Log};
use super::db::Db;
use super::{StoreError, file, schema};
use std::path::Path;

/// Problems that are named one by one.
const NAMED: usize = 1_000;

/// What a look has found.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// Places of both logs that were looked at.
    pub entries: i64,
    /// For people, a line each.
    pub problems: Vec<String>,
    /// Problems that are not among them.
    pub more: usize,
}

impl Checked {
    fn add(&mut self, problem: String) {
        if self.problems.len() < NAMED {
            self.problems.push(problem);
        } else {
            self.more += 1;
        }
    }

    fn found(&mut self, finding: &Finding) {
        let what = match finding.kind {
            Kind::Altered => "is not what was stored",
            Kind::Lost => "is gone",
        };
        self.add(format!("{} {what}", finding.places()));
    }
}

/// Looks at the database of a folder.
///
/// # Errors
/// It cannot be opened, or its tables are of another version. Damage is no error but what is looked for.
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
    structure(&db, &mut checked);
    for log in Log::ALL {
        walk(&db, log, &mut checked);
    }
    Ok(checked)
}

/// SQLite's own check of its structure.
fn structure(db: &Db, checked: &mut Checked) {
    match db.structure_problems(NAMED) {
        Ok(problems) => problems.into_iter().for_each(|problem| checked.add(format!("structure: {problem}"))),
        Err(_) => checked.add("structure: SQLite cannot read it".to_owned()),
    }
}

fn walk(db: &Db, log: Log, checked: &mut Checked) {
    for segment in 0.. {
        let more = match damage::step(db, log, segment) {
            Ok(step) => {
                checked.entries = checked.entries.saturating_add(step.looked_at);
                step.found.iter().for_each(|finding| checked.found(finding));
                let places = step.disagreeing.iter().map(|at| format!("{} {at}: its index disagrees", log.as_str()));
                places.for_each(|place| checked.add(place));
                step.more
            }
            Err(error) => {
                checked.add(format!("{} from position {}: {error}", log.as_str(), first_of(segment)));
                damage::goes_on(db, log, segment).unwrap_or(false)
            }
        };
        if !more {
            return;
        }
    }
}
