//! The shared state of shares, where several collectors answer one fleet.
//!
//! A share is a promise, so the collector that gives the next share must know it. A single collector remembers it.
//! Several collectors on one database read it there and write it back in the transaction of the report. So a proxy may
//! reach any of them, and a proxy whose transaction was rolled back has no share either. The clocks of the collectors
//! need not agree, because the time comes from the database.

use super::counts::Counts;
use super::units::{amount, join_subject};
use headgate_collector_db::{Db, OptionalExtension, StoreError, params};
use headgate_limits::{Heard, SHARE_TTL_MS, Windows};
use std::collections::HashMap;

const UPSERT_CONTACT: &str = "INSERT INTO limit_seen (boot, seen_at, before_at, node, interval_ms, gone)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6)
    ON CONFLICT (boot) DO UPDATE SET seen_at = excluded.seen_at, before_at = excluded.before_at,
      node = excluded.node, interval_ms = excluded.interval_ms, gone = excluded.gone";
const SELECT_CONTACTS: &str =
    "SELECT boot, seen_at, before_at, node, interval_ms, gone FROM limit_seen WHERE seen_at > ?1";
const UPSERT_WINDOWS: &str =
    "INSERT INTO limit_members (rule, meter, subject, body, seen_at) VALUES (?1, ?2, ?3, ?4, ?5)
    ON CONFLICT (rule, meter, subject) DO UPDATE SET body = excluded.body, seen_at = excluded.seen_at";
const SELECT_WINDOWS: &str = "SELECT body FROM limit_members WHERE rule = ?1 AND meter = ?2 AND subject = ?3";

/// Deletes state that has expired.
pub(super) const DELETE_EXPIRED: [&str; 2] = [
    "DELETE FROM limit_members WHERE (rule, meter, subject) IN
       (SELECT rule, meter, subject FROM limit_members WHERE seen_at <= ?1 LIMIT ?2)",
    "DELETE FROM limit_seen WHERE boot IN (SELECT boot FROM limit_seen WHERE seen_at <= ?1 LIMIT ?2)",
];

/// Returns the shares of a count if several collectors give shares.
pub(super) fn windows(db: &Db, rule: &str, meter: &str, subject: &[String]) -> Result<Option<Windows>, StoreError> {
    if !db.is_shared() {
        return Ok(None);
    }
    let mut select = db.prepare_cached(SELECT_WINDOWS)?;
    let body: Option<String> =
        select.query_row(params![rule, meter, join_subject(subject)], |row| row.get(0)).optional()?;
    let windows = body.map(|body| serde_json::from_str(&body).map_err(|_| StoreError::Damaged)).transpose()?;
    Ok(Some(windows.unwrap_or_default()))
}

impl Counts<'_> {
    pub(super) fn stored_windows(
        &self,
        rule: &str,
        meter: &str,
        subject: &[String],
    ) -> Result<Option<Windows>, StoreError> {
        windows(self.tx, rule, meter, subject)
    }

    pub(super) fn store_windows(
        &self,
        (rule, meter, subject): (&str, &str, &[String]),
        windows: &Windows,
    ) -> Result<(), StoreError> {
        if self.tx.is_shared() {
            let body = serde_json::to_string(windows).map_err(|_| StoreError::Other)?;
            let values = params![rule, meter, join_subject(subject), body, self.now_us];
            self.tx.prepare_cached(UPSERT_WINDOWS)?.execute(values)?;
        }
        Ok(())
    }

    /// Returns the last contact of each proxy with any collector, if there are several collectors.
    pub(super) fn shared_contacts(&self, now_ms: u64) -> Result<Option<HashMap<String, Heard>>, StoreError> {
        if !self.tx.is_shared() {
            return Ok(None);
        }
        let oldest_us = i64::try_from(now_ms.saturating_sub(SHARE_TTL_MS)).unwrap_or(0).saturating_mul(1_000);
        let mut select = self.tx.prepare_cached(SELECT_CONTACTS)?;
        let ms = |time_us| amount(time_us) / 1_000;
        let heard = select.query_map([oldest_us], |row| {
            let heard = Heard {
                last_ms: ms(row.get(1)?),
                before_ms: ms(row.get(2)?),
                node: row.get(3)?,
                interval_ms: amount(row.get(4)?),
                gone: row.get::<_, i64>(5)? == 1,
            };
            Ok((row.get(0)?, heard))
        })?;
        Ok(Some(heard.collect::<Result<_, _>>()?))
    }

    /// Stores the last contact of a proxy for all collectors.
    pub(super) fn store_contact(&self, proxy: &str, heard: &Heard) -> Result<(), StoreError> {
        if self.tx.is_shared() {
            let integer = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
            let us = |ms: u64| integer(ms).saturating_mul(1_000);
            let (gone, interval_ms) = (i64::from(heard.gone), integer(heard.interval_ms));
            let values = params![proxy, us(heard.last_ms), us(heard.before_ms), heard.node, interval_ms, gone];
            self.tx.prepare_cached(UPSERT_CONTACT)?.execute(values)?;
        }
        Ok(())
    }
}
