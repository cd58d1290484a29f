//! Senders: the ingest tokens that may deliver for a boot.
//!
//! Numbers prove that no record is missing only if no other sender can use them. So a boot belongs to the token that
//! opened it, and to tokens that replaced that one. A delivery with any other token is refused and noted. Numbers may not
//! leap either, because after one record far ahead, all following ones would look late.

use headgate_collector_db::{self as db, Db, OptionalExtension, StoreError, params};
use headgate_collector_types::Sender;
use headgate_collector_types::validate::{parse_uuid, uuid_v7};

const HOUR_US: i64 = 3_600_000_000;
/// The most boots that a sender may open in an hour: a thousand proxies with ten workers each may start at once.
const MAX_BOOTS_PER_HOUR: i64 = 10_000;
/// The longest time for which a boot may have run without being heard, in µs: 30 days.
const MAX_UNHEARD_US: i64 = 30 * 24 * HOUR_US;

/// The answer to a sender's claim on a boot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    /// The sender may deliver for the boot.
    Own,
    /// The boot belongs to another sender.
    Foreign,
    /// The sender has opened too many boots in this hour.
    TooMany,
}

/// Checks whether a sender may deliver for a boot. A boot without an owner belongs to this sender from now on.
pub fn claim(tx: &Db, sender: &Sender, boot_id: &str, now: i64) -> Result<Claim, StoreError> {
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
    Ok(opened <= MAX_BOOTS_PER_HOUR)
}

/// Returns the sender that a boot belongs to, by the boot's number.
pub(crate) fn owner_of(db: &Db, boot: i64) -> db::Result<Option<String>> {
    db.prepare_cached("SELECT o.sender FROM boots b JOIN boot_owners o ON o.boot_id = b.boot_id WHERE b.boot = ?1")?
        .query_row([boot], |row| row.get(0))
        .optional()
}

/// Returns the id of the first token in an ingest token's line; `None` if there is no such ingest token. A revoked token
/// may be replaced too.
///
/// # Errors
/// The store cannot be read.
pub fn line_of(db: &Db, token: &str) -> Result<Option<String>, StoreError> {
    let sql = "SELECT COALESCE(sender, id) FROM tokens WHERE id = ?1 AND role = 'ingest'";
    Ok(db.prepare_cached(sql)?.query_row([token], |row| row.get(0)).optional()?)
}

/// The greatest pace at which numbers may grow.
#[derive(Debug, Clone, Copy)]
pub struct SeqGrowth {
    /// The growth that is allowed at once.
    burst: i64,
    /// The growth per second.
    per_second: i64,
}

/// The pace of record numbers, which is more than a worker of Envoy can serve.
pub(crate) const RECORDS: SeqGrowth = SeqGrowth { burst: 200_000, per_second: 20_000 };
/// The pace of report numbers: one per second, and some more when a share runs out.
pub const REPORTS: SeqGrowth = SeqGrowth { burst: 1_000, per_second: 100 };

impl SeqGrowth {
    /// Returns the highest number that a boot may have reached by `now`, if it had reached `last` at `at`.
    pub fn highest(self, last: i64, at: i64, now: i64) -> i64 {
        let seconds = now.saturating_sub(at).max(0) / 1_000_000;
        last.saturating_add(self.burst).saturating_add(seconds.saturating_mul(self.per_second))
    }

    /// Returns the same as [`SeqGrowth::highest`] for a boot that has not been heard. It may have run since the time in its id.
    pub fn highest_of_new(self, boot_id: &str, now: i64) -> i64 {
        self.highest(0, boot_time(boot_id).unwrap_or(now).clamp(now.saturating_sub(MAX_UNHEARD_US), now), now)
    }
}

/// Returns the time when a boot began by its own clock, in µs, if its id is a UUIDv7.
pub(super) fn boot_time(boot_id: &str) -> Option<i64> {
    uuid_v7(boot_id).and_then(|_| parse_uuid(boot_id)).map(|id| {
        let ms = id.iter().take(6).fold(0_i64, |ms, byte| (ms << 8) | i64::from(*byte));
        ms.saturating_mul(1_000)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{change, open_writer};

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
    fn a_sender_opens_a_limited_number_of_boots() {
        let folder = tempfile::tempdir().unwrap();
        let mut db = open_writer(folder.path()).unwrap();
        change(&mut db, |tx| {
            for boot in 0..MAX_BOOTS_PER_HOUR {
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
        assert_eq!(RECORDS.highest(5, now - 10_000_000, now), 400_005);
        assert_eq!(RECORDS.highest(i64::MAX, 0, now), i64::MAX);
        assert_eq!(RECORDS.highest_of_new("b", now), 200_000);
        assert_eq!(RECORDS.highest_of_new("01890a5d-ac96-774b-bcce-b302099a8057", now), 200_000 + 30 * 86_400 * 20_000);
        assert_eq!(boot_time("01890a5d-ac96-774b-bcce-b302099a8057"), Some(0x0189_0a5d_ac96 * 1_000));
    }
}
