//! Senders: which ingest token may speak for which boot.
//!
//! Numbers prove that nothing is missing only if nobody else can give them. So a boot belongs to the token that opened it, and
//! to tokens that were made to replace that one; a delivery by any other is refused and noted. Numbers may not leap either:
//! one record far ahead would make all that come after it look like late ones.

use super::StoreError;
use super::db::{self, Db, OptionalExtension, params};
use crate::validate::{parse_uuid, uuid_v7};

const HOUR_US: i64 = 3_600_000_000;
/// Boots that a sender may open in an hour: a thousand proxies with ten workers each that start at once.
const BOOTS_AN_HOUR: i64 = 10_000;
/// Longest time for which a boot may have run unheard, µs: 30 days.
const UNHEARD_US: i64 = 30 * 24 * HOUR_US;

/// A token that delivers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sender {
    /// Its public id.
    pub token: String,
    /// What it is for.
    pub name: Option<String>,
    /// Id of the first token of its line: all that replace one another are one sender.
    pub line: String,
}

/// Whether a sender may speak for a boot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Claim {
    /// It may.
    Own,
    /// The boot is another sender's.
    Foreign,
    /// It has opened too many boots in this hour.
    TooMany,
}

/// Asks whether a sender may speak for a boot; one that nobody has spoken for is its own from now on.
pub(crate) fn claim(tx: &Db, sender: &Sender, boot_id: &str, now: i64) -> Result<Claim, StoreError> {
    let known: Option<(String, i64)> = tx
        .prepare_cached("SELECT sender, seen_at FROM boot_owners WHERE boot_id = ?1")?
        .query_row([boot_id], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    match known {
        Some((owner, _)) if owner != sender.line => Ok(Claim::Foreign),
        Some((_, seen_at)) => {
            if now.saturating_sub(seen_at) > HOUR_US {
                tx.prepare_cached("UPDATE boot_owners SET seen_at = ?2 WHERE boot_id = ?1")?
                    .execute(params![boot_id, now])?;
            }
            Ok(Claim::Own)
        }
        None if !may_open(tx, &sender.line, now)? => Ok(Claim::TooMany),
        None => {
            tx.prepare_cached("INSERT INTO boot_owners (boot_id, sender, seen_at) VALUES (?1, ?2, ?3)")?
                .execute(params![boot_id, sender.line, now])?;
            Ok(Claim::Own)
        }
    }
}

/// Counts one more boot of a sender, if it may open one.
fn may_open(tx: &Db, line: &str, now: i64) -> db::Result<bool> {
    let opened: i64 = tx
        .prepare_cached(
            "INSERT INTO senders (sender, hour, opened) VALUES (?1, ?2, 1)
             ON CONFLICT (sender) DO UPDATE SET hour = excluded.hour,
               opened = CASE WHEN senders.hour = excluded.hour THEN senders.opened + 1 ELSE 1 END
             RETURNING opened",
        )?
        .query_row(params![line, now / HOUR_US], |row| row.get(0))?;
    Ok(opened <= BOOTS_AN_HOUR)
}

/// The id that an ingest token's line begins with; `None` if there is no such ingest token. One that is revoked may be replaced.
///
/// # Errors
/// The store cannot be read.
pub fn line_of(db: &Db, token: &str) -> Result<Option<String>, StoreError> {
    let sql = "SELECT COALESCE(sender, id) FROM tokens WHERE id = ?1 AND role = 'ingest'";
    Ok(db.prepare_cached(sql)?.query_row([token], |row| row.get(0)).optional()?)
}

/// How fast numbers may grow.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    /// At once.
    burst: i64,
    /// In a second.
    per_second: i64,
}

/// Numbers of records: more than a worker of Envoy can serve.
pub(crate) const RECORDS: Pace = Pace { burst: 200_000, per_second: 20_000 };
/// Numbers of reports: one a second, and some more when a share runs out.
pub(crate) const REPORTS: Pace = Pace { burst: 1_000, per_second: 100 };

impl Pace {
    /// The highest number that a boot may have reached by `now`, if it had reached `last` at `at`.
    pub(crate) fn most(self, last: i64, at: i64, now: i64) -> i64 {
        let seconds = now.saturating_sub(at).max(0) / 1_000_000;
        last.saturating_add(self.burst).saturating_add(seconds.saturating_mul(self.per_second))
    }

    /// As [`Pace::most`], of a boot that has not been heard: it may have run since the time in its id.
    pub(crate) fn most_of_new(self, boot_id: &str, now: i64) -> i64 {
        self.most(0, began(boot_id).unwrap_or(now).clamp(now.saturating_sub(UNHEARD_US), now), now)
    }
}

/// When a boot began by its own clock, µs, if its id is a UUIDv7.
pub(super) fn began(boot_id: &str) -> Option<i64> {
    uuid_v7(boot_id).and_then(|_| parse_uuid(boot_id)).map(|id| {
        let ms = id.iter().take(6).fold(0_i64, |ms, byte| (ms << 8) | i64::from(*byte));
        ms.saturating_mul(1_000)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{change, open_writer};

    fn sender(line: &str) -> Sender {
        Sender { token: line.to_owned(), line: line.to_owned(), ..Sender::default() }
    }

    #[test]
    fn a_boot_belongs_to_the_sender_that_opened_it() {
        let folder = tempfile::tempdir().unwrap();
        let mut db = open_writer(folder.path()).unwrap();
        let mut ask = |line: &str, boot: &str| change(&mut db, |tx| claim(tx, &sender(line), boot, 7)).unwrap();
        assert_eq!([ask("a", "x"), ask("b", "x"), ask("a", "x")], [Claim::Own, Claim::Foreign, Claim::Own]);
    }

    #[test]
    fn a_sender_opens_so_many_boots_an_hour() {
        let folder = tempfile::tempdir().unwrap();
        let mut db = open_writer(folder.path()).unwrap();
        change(&mut db, |tx| {
            for boot in 0..BOOTS_AN_HOUR {
                assert_eq!(claim(tx, &sender("a"), &boot.to_string(), 7).unwrap(), Claim::Own);
            }
            assert_eq!(claim(tx, &sender("a"), "more", 7).unwrap(), Claim::TooMany);
            assert_eq!(claim(tx, &sender("a"), "0", 7).unwrap(), Claim::Own, "what is open goes on");
            assert_eq!(claim(tx, &sender("b"), "b", 7).unwrap(), Claim::Own);
            assert_eq!(claim(tx, &sender("a"), "more", HOUR_US).unwrap(), Claim::Own);
            Ok(())
        })
        .unwrap();
    }

    #[test]
    fn numbers_grow_as_fast_as_a_worker_can_serve() {
        let now = 1_800_000_000_000_000;
        assert_eq!(RECORDS.most(5, now - 10_000_000, now), 400_005);
        assert_eq!(RECORDS.most(i64::MAX, 0, now), i64::MAX);
        assert_eq!(RECORDS.most_of_new("b", now), 200_000);
        assert_eq!(RECORDS.most_of_new("01890a5d-ac96-774b-bcce-b302099a8057", now), 200_000 + 30 * 86_400 * 20_000);
        assert_eq!(began("01890a5d-ac96-774b-bcce-b302099a8057"), Some(0x0189_0a5d_ac96 * 1_000));
    }
}
