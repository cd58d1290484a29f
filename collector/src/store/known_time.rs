//! What the store knows of the time.
//!
//! A host's clock may leap: a fault of NTP, a machine that was resumed, a battery that is empty. Retention that believed it would
//! delete every entry there is, and what is received under a clock that went back would be past its time once it is right
//! again. So the time is noted in the store every minute. A clock that is further ahead of that than a day has leapt, or
//! nobody ran for so long; which of the two, a collector cannot tell. Until an owner says so, what is noted runs at twice the
//! pace of the clock: who was away for a week has caught up after another, and a wrong clock costs evidence a day a day, not
//! all of it at once. Behind what is noted the clock counts as running on; see [`clock::not_before`].

use super::db::{Db, OptionalExtension, params};
use super::{Log, StoreError};
use crate::audit::{self, Actor, Change, Entry, Operation, Resource};
use crate::clock;
use crate::retention::DAY_US;
use jiff::Timestamp;
use serde_json::{Value, json};

/// How far a clock may be from what is noted and is still believed, µs.
const BELIEVED_US: i64 = DAY_US;
/// How old the note may be, µs.
const NOTED_US: i64 = 60_000_000;

/// The note.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownTime {
    /// The time, as far as it is believed, µs.
    at: i64,
    /// What a host's clock said last, µs.
    seen_at: i64,
}

/// A clock that is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leap {
    /// It is ahead.
    Ahead,
    /// It is behind.
    Back,
}

impl KnownTime {
    /// The time, now that a host's clock says `host`, µs.
    #[must_use]
    pub fn now(&self, host: i64) -> i64 {
        if host.saturating_sub(self.at) <= BELIEVED_US {
            return self.at.max(host);
        }
        let lived = host.saturating_sub(self.seen_at);
        // What leaps again meanwhile was not lived.
        let lived = if (0..=BELIEVED_US).contains(&lived) { lived } else { 0 };
        self.at.saturating_add(lived.saturating_mul(2)).min(host)
    }

    /// Whether the host's clock is not believed.
    #[must_use]
    pub fn leap(&self, host: i64) -> Option<Leap> {
        let now = self.now(host);
        match host.saturating_sub(now) {
            ahead if ahead > BELIEVED_US => Some(Leap::Ahead),
            ahead if ahead < -BELIEVED_US => Some(Leap::Back),
            _ => None,
        }
    }

    /// Whether it is time to note it again.
    #[must_use]
    pub const fn is_old(&self, host: i64) -> bool {
        host.abs_diff(self.seen_at) >= NOTED_US.unsigned_abs()
    }

    /// Has the collector's clock go on from here if the host's is behind.
    pub fn bound_the_clock(&self) {
        clock::not_before(self.at.saturating_sub(BELIEVED_US));
    }
}

/// Begins the note in a store that has none: with the newest entry, if there is one that the host's clock is ahead of.
pub(super) fn begin(db: &Db) -> Result<(), StoreError> {
    let host = clock::host_us();
    let mut at = None;
    for log in Log::ALL {
        let sql =
            format!("SELECT received_at FROM {} WHERE received_at <= ?1 ORDER BY position DESC LIMIT 1", log.table());
        at = at.max(db.query_row(&sql, [host], |row| row.get::<_, i64>(0)).optional()?);
    }
    put(db, KnownTime { at: at.unwrap_or(host), seen_at: host })
}

/// The note as it is.
///
/// # Errors
/// The store cannot be read.
pub fn known_time(db: &Db) -> Result<KnownTime, StoreError> {
    let mut select = db.prepare_cached("SELECT at, seen_at FROM known_time WHERE id = 1")?;
    Ok(select.query_row([], |row| Ok(KnownTime { at: row.get(0)?, seen_at: row.get(1)? }))?)
}

/// The time by which something may be deleted, µs.
///
/// # Errors
/// The store cannot be read.
pub fn time_to_delete_by(db: &Db) -> Result<i64, StoreError> {
    Ok(known_time(db)?.now(clock::host_us()))
}

/// Notes the time; with `leapt`, the audit log is told.
///
/// # Errors
/// The store cannot be written.
pub fn note_time(tx: &Db, host: i64, leapt: bool) -> Result<(), StoreError> {
    let known = known_time(tx)?;
    if leapt {
        tell(tx, "clock.leapt", Actor::system(), known.at, host)?;
    }
    put(tx, KnownTime { at: known.now(host), seen_at: host })
}

/// Believes the host's clock, because somebody who looked at another one says that it is right. Gives what is noted then.
///
/// # Errors
/// The store cannot be written.
pub fn confirm_time(tx: &Db, actor: Actor, host: i64) -> Result<KnownTime, StoreError> {
    tell(tx, "clock.confirmed", actor, known_time(tx)?.at, host)?;
    let confirmed = KnownTime { at: host, seen_at: host };
    put(tx, confirmed)?;
    Ok(confirmed)
}

fn put(tx: &Db, known: KnownTime) -> Result<(), StoreError> {
    let sql = "INSERT INTO known_time (id, at, seen_at) VALUES (1, ?1, ?2)
        ON CONFLICT (id) DO UPDATE SET at = excluded.at, seen_at = excluded.seen_at";
    tx.prepare_cached(sql)?.execute(params![known.at, known.seen_at])?;
    Ok(())
}

fn tell(tx: &Db, kind: &str, actor: Actor, before: i64, after: i64) -> Result<(), StoreError> {
    let text = |us| Timestamp::from_microsecond(us).map_or(Value::Null, |at| json!(at.to_string()));
    let change = Change { path: "time".to_owned(), before: Some(text(before)), after: Some(text(after)) };
    let entry = Entry::new(kind, Operation::Other, actor, Resource::new("clock", "host")).with_changes(vec![change]);
    audit::append(tx, &entry).map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::{DAY_US, KnownTime, Leap};

    const NOW: i64 = 20_000 * DAY_US;
    const MINUTE: i64 = 60_000_000;

    /// What is known once the clock has said all of this.
    fn after(clocks: impl IntoIterator<Item = i64>) -> KnownTime {
        let begin = KnownTime { at: NOW, seen_at: NOW };
        clocks.into_iter().fold(begin, |known, host| KnownTime { at: known.now(host), seen_at: host })
    }

    #[test]
    fn a_clock_that_goes_on_is_believed_and_so_is_a_pause_of_a_day() {
        for host in [NOW, NOW + MINUTE, NOW + DAY_US] {
            let known = after([host]);
            assert_eq!((known.now(host), known.leap(host)), (host, None));
        }
    }

    #[test]
    fn a_leap_ahead_moves_nothing_and_what_follows_is_lived_at_twice_the_pace() {
        let leapt = NOW + 3_650 * DAY_US;
        assert_eq!((after([leapt]).now(leapt), after([leapt]).leap(leapt)), (NOW, Some(Leap::Ahead)));
        let an_hour_later: Vec<i64> = (0..=60).map(|minute| leapt + minute * MINUTE).collect();
        assert_eq!(after(an_hour_later).at, NOW + 120 * MINUTE);
        let mended = [leapt, leapt + MINUTE, NOW + 2 * MINUTE];
        assert_eq!(after(mended), KnownTime { at: NOW + 2 * MINUTE, seen_at: NOW + 2 * MINUTE });
        assert_eq!(after([leapt, leapt + 400 * DAY_US]).at, NOW, "a second leap is not lived either");
    }

    #[test]
    fn who_was_away_for_a_week_has_caught_up_within_another() {
        let back = NOW + 7 * DAY_US;
        let minutes = |days: i64| (0..=days * 1_440).map(move |minute| back + minute * MINUTE);
        assert_eq!(after(minutes(5)).leap(back + 5 * DAY_US), Some(Leap::Ahead));
        let caught_up = back + 6 * DAY_US;
        assert_eq!((after(minutes(6)).now(caught_up), after(minutes(6)).leap(caught_up)), (caught_up, None));
    }

    #[test]
    fn a_clock_that_goes_back_takes_nothing_back() {
        let known = after([NOW - 20_000 * DAY_US]);
        assert_eq!((known.now(0), known.leap(0)), (NOW, Some(Leap::Back)));
        assert_eq!((known.now(NOW + MINUTE), known.leap(NOW - DAY_US)), (NOW + MINUTE, None));
    }

    #[test]
    fn no_clock_is_too_odd() {
        for host in [i64::MIN, i64::MAX, 0, -1] {
            assert!(after([host]).now(host) <= host.max(NOW), "{host}");
            assert!(after([host, NOW, host]).is_old(NOW) || host == NOW);
        }
    }
}
