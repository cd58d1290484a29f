//! The trusted time: a lower bound of the time that survives leaps of the clock.
//!
//! A host's clock may leap because of a fault of NTP, a resumed machine or an empty battery. If retention trusted a clock
//! that is ahead, it would delete every entry. Entries received under a clock that is behind would expire as soon as it
//! is right again. So the store records the time every minute. A clock that is ahead of that record by more than a day has
//! leapt, or no collector ran for so long; a collector cannot tell which. Until an owner confirms the clock, the trusted
//! time advances at twice the clock's pace. After a week without a collector it has caught up within another week, and a
//! wrong clock costs one more day of evidence per day instead of all at once. If the clock is behind the trusted time, the
//! trusted time counts as running on; see [`clock::set_lower_bound`].

use headgate_collector_db::{Db, OptionalExtension, StoreError, params};
use headgate_collector_types::audit::{Actor, Change, Entry, Operation, Resource};
use headgate_collector_types::retention::DAY_US;
use headgate_collector_types::{Log, clock};
use jiff::Timestamp;
use serde_json::{Value, json};

/// The greatest difference from the trusted time at which a clock is trusted, in µs.
const MAX_SKEW_US: i64 = DAY_US;
/// The age at which the stored time is renewed, in µs.
const NOTE_INTERVAL_US: i64 = 60_000_000;

/// The time that the store trusts, as it was last stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrustedTime {
    /// The trusted time, in µs.
    at: i64,
    /// The last time of a host's clock, in µs.
    seen_at: i64,
}

/// The direction in which a host's clock differs from the trusted time by more than a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClockSkew {
    /// The clock is ahead.
    Ahead,
    /// The clock is behind.
    Behind,
}

impl TrustedTime {
    /// Returns the trusted time when a host's clock shows `host`, in µs.
    #[must_use]
    pub fn now(&self, host: i64) -> i64 {
        if host.saturating_sub(self.at) <= MAX_SKEW_US {
            return self.at.max(host);
        }
        let elapsed = host.saturating_sub(self.seen_at);
        // Another leap in the meantime does not count as elapsed time.
        let elapsed = if (0..=MAX_SKEW_US).contains(&elapsed) { elapsed } else { 0 };
        self.at.saturating_add(elapsed.saturating_mul(2)).min(host)
    }

    /// Returns the skew of the host's clock; `None` if the clock is trusted.
    #[must_use]
    pub fn skew(&self, host: i64) -> Option<ClockSkew> {
        let now = self.now(host);
        match host.saturating_sub(now) {
            ahead if ahead > MAX_SKEW_US => Some(ClockSkew::Ahead),
            ahead if ahead < -MAX_SKEW_US => Some(ClockSkew::Behind),
            _ => None,
        }
    }

    /// Returns whether the stored time must be renewed.
    #[must_use]
    pub const fn is_stale(&self, host: i64) -> bool {
        host.abs_diff(self.seen_at) >= NOTE_INTERVAL_US.unsigned_abs()
    }

    /// Makes the collector's clock continue from the trusted time if the host's clock is behind it.
    pub fn apply_to_clock(&self) {
        clock::set_lower_bound(self.at.saturating_sub(MAX_SKEW_US));
    }
}

/// Stores the first trusted time in a store that has none. It is the time of the newest entry that is not ahead of the host's
/// clock, if there is one.
pub fn init(db: &Db) -> Result<(), StoreError> {
    let host = clock::host_us();
    let mut at = None;
    for log in Log::ALL {
        let sql =
            format!("SELECT received_at FROM {} WHERE received_at <= ?1 ORDER BY position DESC LIMIT 1", log.table());
        at = at.max(db.query_row(&sql, [host], |row| row.get::<_, i64>(0)).optional()?);
    }
    write(db, TrustedTime { at: at.unwrap_or(host), seen_at: host })
}

/// Returns the trusted time as it was last stored.
///
/// # Errors
/// The store cannot be read.
pub fn trusted_time(db: &Db) -> Result<TrustedTime, StoreError> {
    let mut select = db.prepare_cached("SELECT at, seen_at FROM known_time WHERE id = 1")?;
    Ok(select.query_row([], |row| Ok(TrustedTime { at: row.get(0)?, seen_at: row.get(1)? }))?)
}

/// Returns the time by which entries may be deleted, in µs.
///
/// # Errors
/// The store cannot be read.
pub fn deletion_time(db: &Db) -> Result<i64, StoreError> {
    Ok(trusted_time(db)?.now(clock::host_us()))
}

/// Stores the time of the host's clock, `host` in µs. With `has_leapt`, it also appends an audit entry.
///
/// # Errors
/// The store cannot be written.
pub fn note_trusted_time(tx: &Db, host: i64, has_leapt: bool) -> Result<(), StoreError> {
    let known = trusted_time(tx)?;
    if has_leapt {
        append_entry(tx, "clock.leapt", Actor::system(), known.at, host)?;
    }
    write(tx, TrustedTime { at: known.now(host), seen_at: host })
}

/// Trusts the host's clock after an owner has confirmed it against another clock. Returns the new trusted time.
///
/// # Errors
/// The store cannot be written.
pub fn confirm_clock(tx: &Db, actor: Actor, host: i64) -> Result<TrustedTime, StoreError> {
    append_entry(tx, "clock.confirmed", actor, trusted_time(tx)?.at, host)?;
    let confirmed = TrustedTime { at: host, seen_at: host };
    write(tx, confirmed)?;
    Ok(confirmed)
}

fn write(tx: &Db, known: TrustedTime) -> Result<(), StoreError> {
    let sql = "INSERT INTO known_time (id, at, seen_at) VALUES (1, ?1, ?2)
        ON CONFLICT (id) DO UPDATE SET at = excluded.at, seen_at = excluded.seen_at";
    tx.prepare_cached(sql)?.execute(params![known.at, known.seen_at])?;
    Ok(())
}

fn append_entry(tx: &Db, kind: &str, actor: Actor, before: i64, after: i64) -> Result<(), StoreError> {
    let text = |us| Timestamp::from_microsecond(us).map_or(Value::Null, |at| json!(at.to_string()));
    let change = Change { path: "time".to_owned(), before: Some(text(before)), after: Some(text(after)) };
    let entry = Entry::new(kind, Operation::Other, actor, Resource::new("clock", "host")).with_changes(vec![change]);
    crate::audit::append(tx, &entry).map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::{ClockSkew, DAY_US, TrustedTime};

    const NOW: i64 = 20_000 * DAY_US;
    const MINUTE: i64 = 60_000_000;

    /// Returns the trusted time after the clock has shown all of these times.
    fn after(clocks: impl IntoIterator<Item = i64>) -> TrustedTime {
        let first = TrustedTime { at: NOW, seen_at: NOW };
        clocks.into_iter().fold(first, |known, host| TrustedTime { at: known.now(host), seen_at: host })
    }

    #[test]
    fn steady_clocks_and_short_pauses_are_trusted() {
        for host in [NOW, NOW + MINUTE, NOW + DAY_US] {
            let known = after([host]);
            assert_eq!((known.now(host), known.skew(host)), (host, None));
        }
    }

    #[test]
    fn after_a_leap_time_runs_at_twice_the_pace() {
        let leapt = NOW + 3_650 * DAY_US;
        assert_eq!((after([leapt]).now(leapt), after([leapt]).skew(leapt)), (NOW, Some(ClockSkew::Ahead)));
        let an_hour_later: Vec<i64> = (0..=60).map(|minute| leapt + minute * MINUTE).collect();
        assert_eq!(after(an_hour_later).at, NOW + 120 * MINUTE);
        let mended = [leapt, leapt + MINUTE, NOW + 2 * MINUTE];
        assert_eq!(after(mended), TrustedTime { at: NOW + 2 * MINUTE, seen_at: NOW + 2 * MINUTE });
        assert_eq!(after([leapt, leapt + 400 * DAY_US]).at, NOW, "a second leap is not lived either");
    }

    #[test]
    fn a_week_away_is_caught_up_within_another() {
        let back = NOW + 7 * DAY_US;
        let minutes = |days: i64| (0..=days * 1_440).map(move |minute| back + minute * MINUTE);
        assert_eq!(after(minutes(5)).skew(back + 5 * DAY_US), Some(ClockSkew::Ahead));
        let caught_up = back + 6 * DAY_US;
        assert_eq!((after(minutes(6)).now(caught_up), after(minutes(6)).skew(caught_up)), (caught_up, None));
    }

    #[test]
    fn a_clock_that_goes_back_takes_nothing_back() {
        let known = after([NOW - 20_000 * DAY_US]);
        assert_eq!((known.now(0), known.skew(0)), (NOW, Some(ClockSkew::Behind)));
        assert_eq!((known.now(NOW + MINUTE), known.skew(NOW - DAY_US)), (NOW + MINUTE, None));
    }

    #[test]
    fn extreme_clocks_cause_no_overflow() {
        for host in [i64::MIN, i64::MAX, 0, -1] {
            assert!(after([host]).now(host) <= host.max(NOW), "{host}");
            assert!(after([host, NOW, host]).is_stale(NOW) || host == NOW);
        }
    }
}
