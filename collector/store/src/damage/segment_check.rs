//! The check of one segment of a log: each entry against its hash, and the derived data against the entry.
//!
//! The scrub of a running service and the `check` command both use it. The indexes of a server are left to its
//! own tools (pg_amcheck), because each lookup would cost a round trip. The identities of records on a server are
//! left out too: there they are not derived, but lead to the entries.

use super::{DamageKind, DamagedRange};
use crate::gaps::Boot;
use crate::{audit, leaf_hash, tree};
use headgate_collector_columns::dictionary::DictionaryReader;
use headgate_collector_columns::identity::Identity;
use headgate_collector_columns::{self as columns, SEGMENT, first_of};
use headgate_collector_db::{self as db, Db, OptionalExtension, Row, StoreError};
use headgate_collector_types::audit::Entry;
use headgate_collector_types::validate::parse_uuid;
use headgate_collector_types::{Log, StoredEntry};
use headgate_record::RequestRecord;
use std::collections::{BTreeMap, HashMap};

/// The findings of the check of one segment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SegmentCheck {
    /// Entries that are altered or lost.
    pub damage: Vec<DamagedRange>,
    /// The positions of intact entries that do not agree with their derived data.
    pub disagreeing: Vec<i64>,
    /// The number of positions that were checked.
    pub checked: i64,
    /// Whether the log continues.
    pub more: bool,
}

/// Checks one segment of a log: the positions from segment * 16384 + 1 on.
///
/// # Errors
/// The segment cannot be read; [`StoreError::Damaged`] if SQLite's own structure is damaged.
pub fn check_segment(db: &Db, log: Log, segment: i64) -> Result<SegmentCheck, StoreError> {
    let (first, head) = (first_of(segment), head(db, log)?);
    let end = first.saturating_add(SEGMENT).min(head);
    let checked = end.saturating_sub(first).max(0);
    let deleted = tree::deleted_ranges(db, log, first, end)?;
    let mut checker = SegmentChecker {
        log,
        expected: first,
        deleted,
        check: SegmentCheck { more: end < head, checked, ..SegmentCheck::default() },
    };
    match log {
        Log::Requests => requests(db, segment, (first, end), &mut checker)?,
        Log::Audit => audit(db, (first, end), &mut checker)?,
    }
    checker.note_lost_before(end);
    Ok(checker.check)
}

/// Returns whether the log continues behind a segment.
///
/// # Errors
/// The store cannot be read.
pub fn log_continues(db: &Db, log: Log, segment: i64) -> Result<bool, StoreError> {
    Ok(first_of(segment.saturating_add(1)) < head(db, log)?)
}

fn head(db: &Db, log: Log) -> Result<i64, StoreError> {
    let mut select = db.prepare_cached("SELECT next_position FROM log_heads WHERE log = ?1")?;
    Ok(select.query_row([log.as_str()], |row| row.get(0))?)
}

/// A check under way.
struct SegmentChecker {
    log: Log,
    /// The position of the next entry, unless some are lost.
    expected: i64,
    /// Runs of positions that retention has deleted, in ascending order, both ends included.
    deleted: Vec<(i64, i64)>,
    check: SegmentCheck,
}

impl SegmentChecker {
    /// Reports the positions from the expected one to before this one as lost, except deleted ones.
    fn note_lost_before(&mut self, position: i64) {
        while position > self.expected {
            // Entries that retention has deleted are not lost.
            let deleted = self.deleted.iter().find(|(_, last)| *last >= self.expected).copied();
            let (first, last) = deleted.unwrap_or((position, position));
            if first > self.expected {
                let last = first.min(position).saturating_sub(1);
                self.check.damage.push(DamagedRange {
                    log: self.log,
                    first: self.expected,
                    last,
                    kind: DamageKind::Lost,
                });
            }
            self.expected = last.saturating_add(1).min(position.max(self.expected));
        }
        self.expected = position.saturating_add(1);
    }

    /// Verifies the entry at this position and returns its bytes if they are intact.
    fn verify(&mut self, position: i64, row: &Row<'_>) -> db::Result<Option<Vec<u8>>> {
        self.note_lost_before(position);
        match leaf_hash::verify(position, row, 1, 2)? {
            StoredEntry::Intact(bytes) => Ok(Some(bytes)),
            StoredEntry::Damaged(position) => {
                self.check.damage.push(DamagedRange {
                    log: self.log,
                    first: position,
                    last: position,
                    kind: DamageKind::Altered,
                });
                Ok(None)
            }
        }
    }
}

fn requests(db: &Db, segment: i64, (first, end): (i64, i64), checker: &mut SegmentChecker) -> Result<(), StoreError> {
    let (rows_by_place, identities) = (columns::stored_rows(db, segment)?, identities(db, first, end)?);
    let (mut dictionary, mut boots) = (DictionaryReader::new(db), HashMap::new());
    let sql = "SELECT position, bytes, leaf, received_at FROM request_entries WHERE position >= ?1 AND position < ?2 ORDER BY position";
    let mut select = db.prepare_cached(sql)?;
    let mut rows = select.query([first, end])?;
    while let Some(row) = rows.next()? {
        let position: i64 = row.get(0)?;
        let Some(bytes) = checker.verify(position, &row)? else { continue };
        verify_lookup(db, "SELECT position FROM request_entries WHERE position = ?1", [position], position)?;
        let stored = usize::try_from(position - first).ok().and_then(|place| *rows_by_place.get(place)?);
        let identity = identities.get(&position);
        if let Some(Identity { id, boot, seq, .. }) = identity {
            verify_lookup(db, "SELECT position FROM requests WHERE id = ?1", [*id], position)?;
            verify_lookup(db, "SELECT position FROM requests WHERE boot = ?1 AND seq = ?2", [*boot, *seq], position)?;
        }
        let agrees = match serde_json::from_slice::<RequestRecord>(&bytes) {
            Ok(record) => {
                let is_known = db.is_shared() || identity_of(db, &mut boots, &record)?.as_ref() == identity;
                is_known && Some(columns::row_values(&record, row.get(3)?, &mut dictionary)?) == stored
            }
            // A record that this version cannot read has no derived data except its position.
            Err(_) => stored.is_some(),
        };
        if !agrees {
            checker.check.disagreeing.push(position);
        }
    }
    Ok(())
}

/// Verifies that an existing row can be found by a key too. A tree with wrong inner nodes hides some of its rows.
fn verify_lookup(db: &Db, sql: &str, key: impl db::Params, position: i64) -> Result<(), StoreError> {
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

/// The numbers of boots by node and boot id.
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

/// The columns of the audit log that filters read, with names as texts.
type IndexRow = ([u8; 16], i64, Option<i64>, [Option<String>; audit::NAME_COLUMNS.len()]);

fn audit(db: &Db, (first, end): (i64, i64), checker: &mut SegmentChecker) -> Result<(), StoreError> {
    let index_rows = index_rows(db, first, end)?;
    let sql =
        "SELECT position, bytes, leaf FROM audit_entries WHERE position >= ?1 AND position < ?2 ORDER BY position";
    let mut select = db.prepare_cached(sql)?;
    let mut rows = select.query([first, end])?;
    while let Some(row) = rows.next()? {
        let position: i64 = row.get(0)?;
        let Some(bytes) = checker.verify(position, &row)? else { continue };
        verify_lookup(db, "SELECT position FROM audit_entries WHERE position = ?1", [position], position)?;
        if let Some((id, ..)) = index_rows.get(&position) {
            verify_lookup(db, "SELECT position FROM audit WHERE id = ?1", [*id], position)?;
        }
        let expected = serde_json::from_slice::<Entry>(&bytes).ok().and_then(|entry| {
            let (id, time, revision) = (parse_uuid(&entry.id)?, audit::time(&entry), audit::revision(&entry));
            Some((id, time, revision, audit::names_of(&entry).map(|name| name.map(str::to_owned))))
        });
        if expected.as_ref() != index_rows.get(&position) {
            checker.check.disagreeing.push(position);
        }
    }
    Ok(())
}

fn index_rows(db: &Db, first: i64, end: i64) -> Result<BTreeMap<i64, IndexRow>, StoreError> {
    let texts: String =
        audit::NAME_COLUMNS.map(|column| format!(", (SELECT text FROM names n WHERE n.name = a.{column})")).concat();
    let sql = format!(
        "SELECT a.position, a.id, a.time, a.revision{texts} FROM audit a WHERE a.position >= ?1 AND a.position < ?2"
    );
    let mut select = db.prepare_cached(&sql)?;
    let rows = select.query_map([first, end], |row| {
        let mut texts = [const { None }; audit::NAME_COLUMNS.len()];
        for (text, column) in texts.iter_mut().zip(4..) {
            *text = row.get(column)?;
        }
        Ok((row.get(0)?, (row.get(1)?, row.get(2)?, row.get(3)?, texts)))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}
