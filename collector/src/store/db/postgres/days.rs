//! Each log's entries lie in a partition a day, so that what is past its time goes with its day, at once.
//!
//! The day is the one of `received_at`, which is the collector's own clock; what a proxy says of time moves nothing. A day
//! is made by the first transaction that writes into it. It is made beside the others and then attached, because a
//! partition that is created in place waits for every reader of the log.

use super::Connection;
use crate::store::StoreError;
use crate::store::db::{Result, ToSql};
use jiff::Timestamp;

const DAY_US: i64 = 86_400_000_000;

impl Connection {
    /// Makes the partition that `received_at` falls into, if there is none.
    pub(in crate::store::db) fn begin_day(&self, table: &str, received_at: i64) -> Result<()> {
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

    /// Whether there is such a table.
    pub(in crate::store::db) fn exists(&self, table: &str) -> Result<bool> {
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
    fn a_day_is_named_by_its_date_in_utc() {
        assert_eq!(day_of("audit_entries", 1_709_164_800_000_000).unwrap(), "audit_entries_2024_02_29");
    }
}
