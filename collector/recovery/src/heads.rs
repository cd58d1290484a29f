//! The next positions of both logs after a recovery.

use headgate_collector_columns as columns;
use headgate_collector_db::{Db, StoreError, params};
use headgate_collector_store::high_water_mark::Progress;
use headgate_collector_types::Log;
use rusqlite::Connection;

/// Positions beyond the high-water mark that are still plausible: commands append to the audit log without moving the mark,
/// and the process may have died between a commit and the move.
const MAX_BEYOND_MARK: i64 = 30_000;

/// Returns the next positions of both logs. The high-water mark has them, and the database may be a little further. Without
/// a mark, the highest position in any table counts.
pub(super) fn heads(old: &Connection, known: Progress) -> Progress {
    // A table that cannot be read does not count.
    let number = |sql: &str| old.query_row(sql, [], |row| row.get::<_, Option<i64>>(0)).ok().flatten();
    let next = |log: &str| number(&format!("SELECT next_position FROM log_heads WHERE log = '{log}'")).unwrap_or(1);
    let found = Progress {
        requests: next("requests"),
        audit: next("audit"),
        commits: number("SELECT count FROM commits").unwrap_or(0),
    };
    if known != Progress::default() {
        // A number far beyond the mark is itself damaged.
        let plausible =
            |found: i64, known: i64| if found > known.saturating_add(MAX_BEYOND_MARK) { known } else { found };
        let requests = plausible(found.requests, known.requests);
        let audit = plausible(found.audit, known.audit);
        return Progress { requests, audit, commits: plausible(found.commits, known.commits) }.max(known);
    }
    let next_of = |table: &str| number(&format!("SELECT max(position) + 1 FROM {table}")).unwrap_or(1);
    let sealed =
        number("SELECT max(segment) FROM segments").map_or(1, |last| columns::first_of(last.saturating_add(1)));
    let requests = ["request_entries", "requests", "fresh"].map(next_of).into_iter().fold(sealed, i64::max);
    let audit = ["audit_entries", "audit"].map(next_of).into_iter().fold(1, i64::max);
    found.max(Progress { requests, audit, commits: 0 })
}

/// Writes the next positions of both logs, never before the end of their last entries.
pub(super) fn set_heads(new: &Db, heads: Progress) -> Result<(), StoreError> {
    for (log, head) in [(Log::Requests, heads.requests), (Log::Audit, heads.audit)] {
        let newest = format!("SELECT coalesce(max(position), 0) + 1 FROM {}", log.table());
        let newest: i64 = new.query_row(&newest, [], |row| row.get(0))?;
        new.execute("UPDATE log_heads SET next_position = ?2 WHERE log = ?1", params![log.as_str(), head.max(newest)])?;
    }
    new.execute("UPDATE commits SET count = ?1 WHERE id = 1", [heads.commits])?;
    Ok(())
}
