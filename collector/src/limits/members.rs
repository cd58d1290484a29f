//! Who was told what of a count, where several collectors answer one fleet.
//!
//! A share is a promise: it must be known to whoever gives the next one. A collector that is alone remembers it. Several ones
//! on a database read it there and write it back in the transaction of the report, so it does not matter which of them a
//! proxy reaches; and one that was not answered because its transaction was undone has no share either. Their clocks
//! need not agree, for the time is the database's.

use super::counts::Counts;
use super::{amount, joined};
use crate::store::StoreError;
use crate::store::db::{Db, OptionalExtension, params};
use headgate_limits::{Heard, SHARE_TTL_MS, Windows};
use std::collections::HashMap;

const HEAR: &str = "INSERT INTO limit_seen (boot, seen_at, before_at, node, interval_ms, gone)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6)
    ON CONFLICT (boot) DO UPDATE SET seen_at = excluded.seen_at, before_at = excluded.before_at,
      node = excluded.node, interval_ms = excluded.interval_ms, gone = excluded.gone";
const HEARD: &str = "SELECT boot, seen_at, before_at, node, interval_ms, gone FROM limit_seen WHERE seen_at > ?1";
const KEEP: &str = "INSERT INTO limit_members (rule, meter, subject, body, seen_at) VALUES (?1, ?2, ?3, ?4, ?5)
    ON CONFLICT (rule, meter, subject) DO UPDATE SET body = excluded.body, seen_at = excluded.seen_at";
const FIND: &str = "SELECT body FROM limit_members WHERE rule = ?1 AND meter = ?2 AND subject = ?3";

/// What nobody can believe any more.
pub(super) const FORGET: [&str; 2] = [
    "DELETE FROM limit_members WHERE (rule, meter, subject) IN
       (SELECT rule, meter, subject FROM limit_members WHERE seen_at <= ?1 LIMIT ?2)",
    "DELETE FROM limit_seen WHERE boot IN (SELECT boot FROM limit_seen WHERE seen_at <= ?1 LIMIT ?2)",
];

/// The shares of a count, if other collectors give shares too.
pub(super) fn windows(db: &Db, rule: &str, meter: &str, subject: &[String]) -> Result<Option<Windows>, StoreError> {
    if !db.is_shared() {
        return Ok(None);
    }
    let mut select = db.prepare_cached(FIND)?;
    let body: Option<String> = select.query_row(params![rule, meter, joined(subject)], |row| row.get(0)).optional()?;
    let windows = body.map(|body| serde_json::from_str(&body).map_err(|_| StoreError::Damaged)).transpose()?;
    Ok(Some(windows.unwrap_or_default()))
}

impl Counts<'_> {
    pub(super) fn windows_of(
        &self,
        rule: &str,
        meter: &str,
        subject: &[String],
    ) -> Result<Option<Windows>, StoreError> {
        windows(self.tx, rule, meter, subject)
    }

    pub(super) fn keep_windows(
        &self,
        (rule, meter, subject): (&str, &str, &[String]),
        windows: &Windows,
    ) -> Result<(), StoreError> {
        if self.tx.is_shared() {
            let body = serde_json::to_string(windows).map_err(|_| StoreError::Other)?;
            let values = params![rule, meter, joined(subject), body, self.now_us];
            self.tx.prepare_cached(KEEP)?.execute(values)?;
        }
        Ok(())
    }

    /// What all collectors have heard of each proxy.
    pub(super) fn heard_by_all(&self, now_ms: u64) -> Result<Option<HashMap<String, Heard>>, StoreError> {
        if !self.tx.is_shared() {
            return Ok(None);
        }
        let oldest_us = i64::try_from(now_ms.saturating_sub(SHARE_TTL_MS)).unwrap_or(0).saturating_mul(1_000);
        let mut select = self.tx.prepare_cached(HEARD)?;
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

    /// Keeps what was heard of one for all collectors.
    pub(super) fn keep_heard_for_all(&self, proxy: &str, heard: &Heard) -> Result<(), StoreError> {
        if self.tx.is_shared() {
            let whole = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
            let us = |ms: u64| whole(ms).saturating_mul(1_000);
            let (gone, interval_ms) = (i64::from(heard.gone), whole(heard.interval_ms));
            let values = params![proxy, us(heard.last_ms), us(heard.before_ms), heard.node, interval_ms, gone];
            self.tx.prepare_cached(HEAR)?.execute(values)?;
        }
        Ok(())
    }
}
