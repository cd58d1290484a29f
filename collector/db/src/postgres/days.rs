//! Partitions by day. The entries of each log are in one partition per day, so that retention can drop a whole day at once.
//!
//! The day is that of `received_at`, by the collector's own clock, so a proxy's clock has no influence. The first transaction
//! that writes into a day creates its partition. It is created as a separate table and then attached, because a partition that
//! is created in place waits for every reader of the log. It is dropped when retention has emptied it.

use super::Connection;
use crate::store_error::StoreError;
use crate::{Result, Row, ToSql};
use jiff::Timestamp;

const DAY_US: i64 = 86_400_000_000;
/// Longest wait for the readers of a log, ms.
const DROP_MS: u32 = 100;

impl Connection {
    /// Creates the partition for `received_at` if there is none.
    pub(crate) fn begin_day(&self, table: &str, received_at: i64) -> Result<()> {
        let begin = received_at.div_euclid(DAY_US).saturating_mul(DAY_US);
        let day = day_of(table, begin)?;
        if self.days.borrow().contains(&day) {
            return Ok(());
        }
        if !self.exists(&day)? {
            let end = begin.saturating_add(DAY_US);
            self.execute_batch(&format!(
                "CREATE TABLE {day} (LIKE {table}_by_day INCLUDING ALL);
                 ALTER TABLE {table}_by_day ATTACH PARTITION {day} FOR VALUES FROM ({begin}) TO ({end})"
            ))?;
        }
        self.days.borrow_mut().insert(day);
        Ok(())
    }

    /// Returns the partitions that ended before `until` and hold no entry.
    pub(crate) fn empty_days(&self, table: &str, until: i64) -> Result<Vec<String>> {
        let (none, last) = (format!("{table}_"), day_of(table, until)?);
        let sql = "SELECT CAST(c.relname AS TEXT) FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
             WHERE i.inhparent = to_regclass(?1)";
        let parent: &[&dyn ToSql] = &[&format!("{table}_by_day")];
        let mut empty = Vec::new();
        for row in self.query(sql, &parent)? {
            let day: String = Row::from(row).get(0)?;
            if day.starts_with(&none) && day < last && self.is_empty(&day)? {
                empty.push(day);
            }
        }
        empty.sort_unstable();
        Ok(empty)
    }

    /// Drops a partition if it is still empty; returns whether it did. It waits only briefly for the readers of the log,
    /// because all later readers wait behind it.
    pub(crate) fn drop_day(&self, day: &str) -> Result<bool> {
        if !self.exists(day)? || !self.is_empty(day)? {
            return Ok(false);
        }
        self.execute_batch(&format!(
            "SET LOCAL lock_timeout = '{DROP_MS}ms'; DROP TABLE {day}; SET LOCAL lock_timeout = 0"
        ))?;
        self.days.borrow_mut().remove(day);
        Ok(true)
    }

    fn is_empty(&self, day: &str) -> Result<bool> {
        let none: &[&dyn ToSql] = &[];
        Ok(self.query(&format!("SELECT 1 FROM {day} ORDER BY position LIMIT 1"), &none)?.is_empty())
    }

    /// Returns whether there is such a table.
    pub(crate) fn exists(&self, table: &str) -> Result<bool> {
        let sql = "SELECT 1 WHERE to_regclass(?1) IS NOT NULL";
        let params: &[&dyn ToSql] = &[&table];
        Ok(!self.query(sql, &params)?.is_empty())
    }
}

fn day_of(table: &str, us: i64) -> Result<String> {
    let time = Timestamp::from_microsecond(us).map_err(|_| StoreError::Other)?;
    Ok(format!("{table}_{}", time.strftime("%Y_%m_%d")))
}

#[cfg(test)]
mod tests {
    use super::day_of;

    #[test]
    fn partitions_are_named_by_utc_date() {
        assert_eq!(day_of("audit_entries", 1_709_164_800_000_000).unwrap(), "audit_entries_2024_02_29");
    }
}
