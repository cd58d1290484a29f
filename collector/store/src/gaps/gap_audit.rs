//! Audit entries about opened and closed gaps.
//!
//! With an entry for each gap, one sender could fill the log. So changes are counted in their own transactions and
//! written to the audit log at most once a minute: one entry for all opened gaps and one for all closed ones.

use headgate_collector_db::{self as db, Db, StoreError, params};
use headgate_collector_types::audit::{Actor, Change, Entry, Operation, Resource};

/// The pause between two entries, in µs.
const AUDIT_INTERVAL_US: i64 = 60_000_000;
/// The most proxies that an entry names.
const MAX_NODES: i64 = 8;

/// Counts of opened and closed gaps and of their records.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct GapCounts {
    opened: (i64, i64),
    closed: (i64, i64),
}

impl GapCounts {
    pub(super) fn opened(&mut self, records: i64) {
        add(&mut self.opened, (1, records));
    }

    pub(super) fn closed(&mut self, records: i64) {
        add(&mut self.closed, (1, records));
    }

    /// Adds other counts.
    pub fn add(&mut self, other: &Self) {
        add(&mut self.opened, other.opened);
        add(&mut self.closed, other.closed);
    }
}

fn add(sum: &mut (i64, i64), (gaps, records): (i64, i64)) {
    *sum = (sum.0.saturating_add(gaps), sum.1.saturating_add(records));
}

/// Adds counts to those of the next entry.
pub fn add_gap_counts(tx: &Db, counts: &GapCounts) -> Result<(), StoreError> {
    if *counts == GapCounts::default() {
        return Ok(());
    }
    let (mut all, told_at) = read(tx)?;
    all.add(counts);
    write(tx, &all, told_at)
}

/// Writes the counted changes to the audit log, if there are any and the last entry is a minute old. Returns whether it
/// wrote an entry.
///
/// # Errors
/// The store cannot be written.
pub fn audit_gaps(tx: &Db, now: i64) -> Result<bool, StoreError> {
    let (counts, told_at) = read(tx)?;
    if counts == GapCounts::default() || (told_at..told_at.saturating_add(AUDIT_INTERVAL_US)).contains(&now) {
        return Ok(false);
    }
    for (kind, column, (gaps, records)) in
        [("gaps.opened", "noticed_at", counts.opened), ("gaps.closed", "closed_at", counts.closed)]
    {
        if gaps > 0 {
            crate::audit::append(tx, &entry(kind, gaps, records, &nodes(tx, column, told_at)?))?;
        }
    }
    write(tx, &GapCounts::default(), now)?;
    Ok(true)
}

fn entry(kind: &str, gaps: i64, records: i64, nodes: &str) -> Entry {
    let resource = Resource::new("log", "requests").named(nodes.chars().take(256).collect::<String>());
    let change = Change { path: "records".to_owned(), before: None, after: Some(records.into()) };
    let mut entry = Entry::new(kind, Operation::Other, Actor::system(), resource).with_changes(vec![change]);
    entry.count = u64::try_from(gaps).ok();
    entry
}

/// Returns the proxies with these gaps, or the first of them.
fn nodes(tx: &Db, column: &str, since: i64) -> Result<String, StoreError> {
    let mut select = tx.prepare_cached(&format!(
        "SELECT DISTINCT b.node FROM gaps g JOIN boots b ON b.boot = g.boot WHERE g.{column} >= ?1 LIMIT ?2"
    ))?;
    let nodes = select.query_map([since, MAX_NODES], |row| row.get::<_, String>(0))?.collect::<Result<Vec<_>, _>>()?;
    Ok(nodes.join(" "))
}

fn read(db: &Db) -> db::Result<(GapCounts, i64)> {
    let sql = "SELECT opened, opened_records, closed, closed_records, told_at FROM gap_news WHERE id = 1";
    db.prepare_cached(sql)?.query_row([], |row| {
        let counts = GapCounts { opened: (row.get(0)?, row.get(1)?), closed: (row.get(2)?, row.get(3)?) };
        Ok((counts, row.get(4)?))
    })
}

fn write(tx: &Db, counts: &GapCounts, told_at: i64) -> Result<(), StoreError> {
    tx.prepare_cached(
        "UPDATE gap_news SET opened = ?1, opened_records = ?2, closed = ?3, closed_records = ?4, told_at = ?5
         WHERE id = 1",
    )?
    .execute(params![counts.opened.0, counts.opened.1, counts.closed.0, counts.closed.1, told_at])?;
    Ok(())
}
