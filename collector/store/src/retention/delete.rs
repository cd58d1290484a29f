//! One step of deletion: the entries, the data derived from them, and the data kept in their place, in one transaction.

use super::leaf_hashes;
use super::run::Run;
use super::selection::{RulesVersion, SelectedEntry, Selection};
use headgate_collector_columns::mark_deleted;
use headgate_collector_db::{Db, OptionalExtension, StoreError};
use headgate_collector_types::{LeafHash, Log, leaf_hash};

/// Returns the tables with rows for the positions of each log.
const fn tables(log: Log) -> &'static [&'static str] {
    match log {
        Log::Requests => &["request_entries", "requests", "fresh"],
        Log::Audit => &["audit_entries", "audit"],
    }
}

/// Deletes the chosen entries and returns their number. If rules or holds have changed since, it deletes nothing and
/// returns `None`, and the entries must be chosen again.
///
/// # Errors
/// The store cannot be written.
pub fn delete(tx: &Db, selection: &Selection) -> Result<Option<u64>, StoreError> {
    if RulesVersion::now(tx)? != selection.rules_version {
        return Ok(None);
    }
    let mut run = Run::current(tx, selection.log)?;
    let mut deleted = Vec::with_capacity(selection.entries.len());
    for selected in &selection.entries {
        if let Some(leaf_hash) = delete_entry(tx, selection, selected, &mut run)? {
            deleted.push((selected.position, leaf_hash));
        }
    }
    if selection.log == Log::Requests {
        mark_deleted(tx, &deleted.iter().map(|(position, _)| *position).collect::<Vec<_>>())?;
    }
    leaf_hashes::store(tx, selection.log, &deleted)?;
    run.save(tx)?;
    Ok(Some(u64::try_from(deleted.len()).unwrap_or(u64::MAX)))
}

/// Deletes an entry and returns its hash; `None` if it no longer exists or has not expired.
fn delete_entry(
    tx: &Db,
    selection: &Selection,
    selected: &SelectedEntry,
    run: &mut Run,
) -> Result<Option<LeafHash>, StoreError> {
    let sql = format!("SELECT received_at, leaf, bytes FROM {} WHERE position = ?1", selection.log.table());
    let stored = tx.prepare_cached(&sql)?.query_row([selected.position], |row| {
        let known = row.get::<_, Option<LeafHash>>(1)?;
        let leaf_hash = known.map_or_else(|| row.get_ref(2)?.as_blob().map(leaf_hash), Ok)?;
        Ok((row.get::<_, i64>(0)?, leaf_hash))
    });
    let (Some((received_at, leaf_hash)), Some((class, before))) =
        (stored.optional()?, selection.classes.get(selected.class))
    else {
        return Ok(None);
    };
    if received_at >= *before {
        return Ok(None);
    }
    for table in tables(selection.log) {
        tx.prepare_cached(&format!("DELETE FROM {table} WHERE position = ?1"))?.execute([selected.position])?;
    }
    run.add(selected.position, received_at, class);
    Ok(Some(leaf_hash))
}

#[cfg(test)]
mod tests {
    use super::delete;
    use crate::audit::append;
    use crate::retention::select_expired;
    use crate::{RetentionCursor, change, holds, open_writer, place_hold, release_hold};
    use headgate_collector_types::audit::{Actor, Entry, Operation, Resource};
    use headgate_collector_types::retention::{DAY_US, Scope};
    use headgate_collector_types::{Log, clock};

    #[test]
    fn a_choice_under_other_holds_is_not_deleted() {
        let folder = tempfile::tempdir().unwrap();
        let mut db = open_writer(folder.path()).unwrap();
        let entry = Entry::new("test.done", Operation::Other, Actor::command(), Resource::new("test", "1"));
        change(&mut db, |tx| append(tx, &entry)).unwrap();
        let now = clock::now_us() + 400 * DAY_US;
        let selected = select_expired(&db, Log::Audit, RetentionCursor::default(), now).unwrap().unwrap();
        let scope = Scope { everything: true, ..Scope::default() };
        change(&mut db, |tx| place_hold(tx, Log::Audit, scope, "r".to_owned(), Actor::command(), now)).unwrap();
        assert_eq!(change(&mut db, |tx| delete(tx, &selected)).unwrap(), None, "a hold was placed since");
        assert!(
            select_expired(&db, Log::Audit, RetentionCursor::default(), now).unwrap().is_none(),
            "it keeps everything"
        );
        let hold = holds(&db).unwrap().remove(0);
        change(&mut db, |tx| release_hold(tx, &hold.id, Actor::command())).unwrap();
        let selected = select_expired(&db, Log::Audit, RetentionCursor::default(), now).unwrap().unwrap();
        assert_eq!(change(&mut db, |tx| delete(tx, &selected)).unwrap(), Some(3), "the entries of the hold too");
    }

    #[test]
    fn entries_that_a_forwarder_has_not_delivered_stay_for_its_time() {
        let folder = tempfile::tempdir().unwrap();
        let mut db = open_writer(folder.path()).unwrap();
        for number in 1..=4 {
            let about = Resource::new("test", number.to_string());
            change(&mut db, |tx| append(tx, &Entry::new("test.done", Operation::Other, Actor::command(), about)))
                .unwrap();
        }
        db.execute_batch(
            "INSERT INTO forwarders (id, fingerprint, channel, is_paused, state, holder, held_until, hold_us)
               VALUES ('a', '', '', 0, 'ok', '', 0, 864000000000), ('b', '', '', 0, 'ok', '', 0, 0);
             INSERT INTO forwarder_logs (id, log, position, sent, refused, lost)
               VALUES ('a', 'audit', 2, 2, 0, 0), ('b', 'audit', 0, 0, 0, 0);",
        )
        .unwrap();
        let selected = |days: i64| {
            let now = clock::now_us() + days * DAY_US;
            let found = select_expired(&db, Log::Audit, RetentionCursor::default(), now).unwrap();
            found.map_or_else(Vec::new, |found| found.entries.iter().map(|entry| entry.position).collect())
        };
        assert_eq!(selected(179), Vec::<i64>::new());
        assert_eq!(selected(181), [1, 2], "what it has not delivered waits for ten days more");
        assert_eq!(selected(189), [1, 2]);
        assert_eq!(selected(191), [1, 2, 3, 4]);
    }
}
