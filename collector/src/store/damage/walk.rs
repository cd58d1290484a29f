//! One step of a walk over a log: is each entry what was stored, and does what is derived from it agree?
//!
//! The scrub of a running service and the `check` command both go by these steps. A server looks after its own indexes, and
//! each look at them would be a way there and back, so they are left to its tools (pg_amcheck); so are the identities of
//! records, for there they are not derived but lead to the entries.

use super::{Finding, Kind, Log};
use crate::audit::Entry;
use crate::store::audit;
use crate::store::columns::{self, SEGMENT, first_of};
use crate::store::db::{Db, OptionalExtension, Row};
use crate::store::derived::Identity;
use crate::store::gaps::Boot;
use crate::store::names::Names;
use crate::store::retention;
use crate::store::{Kept, StoreError, db};
use crate::validate::parse_uuid;
use headgate_record::RequestRecord;
use std::collections::{BTreeMap, HashMap};

/// What a step found: positions segment * 16384 + 1 and on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::store) struct Step {
    /// Entries that are not what was stored, or gone.
    pub(in crate::store) found: Vec<Finding>,
    /// Entries with which what is derived from them does not agree.
    pub(in crate::store) disagreeing: Vec<i64>,
    /// Places that were looked at.
    pub(in crate::store) looked_at: i64,
    /// Whether the log goes on.
    pub(in crate::store) more: bool,
}

/// Walks over one segment of a log.
///
/// # Errors
/// It cannot be read; [`StoreError::Damaged`] if SQLite's own structure is what is damaged.
pub(in crate::store) fn step(db: &Db, log: Log, segment: i64) -> Result<Step, StoreError> {
    let (first, head) = (first_of(segment), head(db, log)?);
    let end = first.saturating_add(SEGMENT).min(head);
    let looked_at = end.saturating_sub(first).max(0);
    let gone = retention::gone(db, log, first, end)?;
    let mut walk = Walk { log, expected: first, gone, step: Step { more: end < head, looked_at, ..Step::default() } };
    match log {
        Log::Requests => requests(db, segment, (first, end), &mut walk)?,
        Log::Audit => audit(db, (first, end), &mut walk)?,
    }
    walk.missing(end);
    Ok(walk.step)
}

/// Whether the log goes on behind a segment.
pub(in crate::store) fn goes_on(db: &Db, log: Log, segment: i64) -> Result<bool, StoreError> {
    Ok(first_of(segment.saturating_add(1)) < head(db, log)?)
}

fn head(db: &Db, log: Log) -> Result<i64, StoreError> {
    let mut select = db.prepare_cached("SELECT next_position FROM log_heads WHERE log = ?1")?;
    Ok(select.query_row([log.as_str()], |row| row.get(0))?)
}

struct Walk {
    log: Log,
    expected: i64,
    /// Runs of places that retention has deleted, ascending, both ends included.
    gone: Vec<(i64, i64)>,
    step: Step,
}

impl Walk {
    /// Up to here there was no entry.
    fn missing(&mut self, position: i64) {
        while position > self.expected {
            // What retention has deleted is not lost.
            let gone = self.gone.iter().find(|(_, last)| *last >= self.expected).copied();
            let (first, last) = gone.unwrap_or((position, position));
            if first > self.expected {
                let last = first.min(position).saturating_sub(1);
                self.step.found.push(Finding { log: self.log, first: self.expected, last, kind: Kind::Lost });
            }
            self.expected = last.saturating_add(1).min(position.max(self.expected));
        }
        self.expected = position.saturating_add(1);
    }

    /// Judges the entry at this position; its bytes if they are what was stored.
    fn judge(&mut self, position: i64, row: &Row<'_>) -> db::Result<Option<Vec<u8>>> {
        self.missing(position);
        match Kept::judge(position, row, 1, 2)? {
            Kept::Sound(bytes) => Ok(Some(bytes)),
            Kept::Damaged(place) => {
                self.step.found.push(Finding { log: self.log, first: place, last: place, kind: Kind::Altered });
                Ok(None)
            }
        }
    }
}

fn requests(db: &Db, segment: i64, (first, end): (i64, i64), walk: &mut Walk) -> Result<(), StoreError> {
    let (cells, identities) = (columns::stored(db, segment)?, identities(db, first, end)?);
    let (mut names, mut boots) = (Names::looking(), HashMap::new());
    let sql = "SELECT position, bytes, leaf, received_at FROM request_entries WHERE position >= ?1 AND position < ?2 ORDER BY position";
    let mut select = db.prepare_cached(sql)?;
    let mut rows = select.query([first, end])?;
    while let Some(row) = rows.next()? {
        let position: i64 = row.get(0)?;
        let Some(bytes) = walk.judge(position, &row)? else { continue };
        reach(db, "SELECT position FROM request_entries WHERE position = ?1", [position], position)?;
        let stored = usize::try_from(position - first).ok().and_then(|place| *cells.get(place)?);
        let identity = identities.get(&position);
        if let Some(Identity { id, boot, seq, .. }) = identity {
            reach(db, "SELECT position FROM requests WHERE id = ?1", [*id], position)?;
            reach(db, "SELECT position FROM requests WHERE boot = ?1 AND seq = ?2", [*boot, *seq], position)?;
        }
        let agrees = match serde_json::from_slice::<RequestRecord>(&bytes) {
            Ok(record) => {
                let is_known = db.is_shared() || identity_of(db, &mut boots, &record)?.as_ref() == identity;
                is_known && Some(columns::cells(db, &mut names, &record, row.get(3)?)?) == stored
            }
            // A record that this version cannot read has nothing derived from it but its place.
            Err(_) => stored.is_some(),
        };
        if !agrees {
            walk.step.disagreeing.push(position);
        }
    }
    Ok(())
}

/// A row that is there must be found by its keys too: a tree whose signposts are wrong hides what it holds.
fn reach(db: &Db, sql: &str, key: impl db::Params, position: i64) -> Result<(), StoreError> {
    if db.is_shared() {
        return Ok(());
    }
    let found: Option<i64> = db.prepare_cached(sql)?.query_row(key, |row| row.get(0)).optional()?;
    if found == Some(position) { Ok(()) } else { Err(StoreError::Damaged) }
}

fn identities(db: &Db, first: i64, end: i64) -> Result<BTreeMap<i64, Identity>, StoreError> {
    let sql = "SELECT position, id, boot, seq, started_at FROM requests WHERE position >= ?1 AND position < ?2";
    let mut select = db.prepare_cached(sql)?;
    let rows = select.query_map([first, end], |row| {
        let identity = Identity { id: row.get(1)?, boot: row.get(2)?, seq: row.get(3)?, started_at: row.get(4)? };
        Ok((row.get(0)?, identity))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Numbers of boots by node and boot.
type Boots = HashMap<(String, String), i64>;

fn identity_of(db: &Db, boots: &mut Boots, record: &RequestRecord) -> Result<Option<Identity>, StoreError> {
    let (Some(id), Ok(seq)) = (parse_uuid(&record.id), i64::try_from(record.seq)) else {
        return Ok(None);
    };
    let key = (record.node.clone(), record.boot.clone());
    let boot = match boots.get(&key) {
        Some(boot) => *boot,
        None => {
            let boot = Boot::find(db, &record.node, &record.boot)?.map_or(-1, |boot| boot.boot);
            boots.insert(key, boot);
            boot
        }
    };
    Ok(Some(Identity { id, boot, seq, started_at: i64::try_from(record.started_at).unwrap_or(i64::MAX) }))
}

/// What filters of the audit log read, with names as texts.
type Indexed = ([u8; 16], i64, Option<i64>, [Option<String>; 5]);

fn audit(db: &Db, (first, end): (i64, i64), walk: &mut Walk) -> Result<(), StoreError> {
    let indexed = indexed(db, first, end)?;
    let sql =
        "SELECT position, bytes, leaf FROM audit_entries WHERE position >= ?1 AND position < ?2 ORDER BY position";
    let mut select = db.prepare_cached(sql)?;
    let mut rows = select.query([first, end])?;
    while let Some(row) = rows.next()? {
        let position: i64 = row.get(0)?;
        let Some(bytes) = walk.judge(position, &row)? else { continue };
        reach(db, "SELECT position FROM audit_entries WHERE position = ?1", [position], position)?;
        if let Some((id, ..)) = indexed.get(&position) {
            reach(db, "SELECT position FROM audit WHERE id = ?1", [*id], position)?;
        }
        let wanted = serde_json::from_slice::<Entry>(&bytes).ok().and_then(|entry| {
            let (id, time, revision) = (parse_uuid(&entry.id)?, audit::time(&entry), audit::revision(&entry));
            let [kind, actor, resource, source] =
                [entry.kind, entry.actor.id, entry.resource.id, entry.source].map(Some);
            let texts = [kind, actor, resource, source, entry.actor.name];
            Some((id, time, revision, texts))
        });
        if wanted.as_ref() != indexed.get(&position) {
            walk.step.disagreeing.push(position);
        }
    }
    Ok(())
}

fn indexed(db: &Db, first: i64, end: i64) -> Result<BTreeMap<i64, Indexed>, StoreError> {
    let sql = "SELECT a.position, a.id, a.time, a.revision, t.text, c.text, r.text, s.text, n.text FROM audit a
           LEFT JOIN names t ON t.name = a.type LEFT JOIN names c ON c.name = a.actor_id
           LEFT JOIN names r ON r.name = a.resource_id LEFT JOIN names s ON s.name = a.source
           LEFT JOIN names n ON n.name = a.actor_name
         WHERE a.position >= ?1 AND a.position < ?2";
    let mut select = db.prepare_cached(sql)?;
    let rows = select.query_map([first, end], |row| {
        let texts = [row.get(4)?, row.get(5)?, row.get(6)?, row.get(7)?, row.get(8)?];
        Ok((row.get(0)?, (row.get(1)?, row.get(2)?, row.get(3)?, texts)))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}
