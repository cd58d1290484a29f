//! One step of deleting: the entries, what was derived from them, and what is kept in their place, in one transaction.

use super::super::columns::mark_gone;
use super::super::db::{Db, OptionalExtension};
use super::super::{Leaf, Log, StoreError, leaf};
use super::choose::{Choice, Chosen, Stamp};
use super::leaves;
use super::run::Run;

/// What stands at a position of each log.
const fn tables(log: Log) -> &'static [&'static str] {
    match log {
        Log::Requests => &["request_entries", "requests", "fresh"],
        Log::Audit => &["audit_entries", "audit"],
    }
}

/// Deletes what was chosen; tells how many entries that were. `None` if rules or holds have changed since: nothing is deleted
/// then, and it must be chosen again.
///
/// # Errors
/// The store cannot be written.
pub fn delete(tx: &Db, choice: &Choice) -> Result<Option<u64>, StoreError> {
    if Stamp::now(tx)? != choice.stamp {
        return Ok(None);
    }
    let mut run = Run::under_way(tx, choice.log)?;
    let mut gone = Vec::with_capacity(choice.entries.len());
    for chosen in &choice.entries {
        if let Some(leaf) = delete_one(tx, choice, chosen, &mut run)? {
            gone.push((chosen.position, leaf));
        }
    }
    if choice.log == Log::Requests {
        mark_gone(tx, &gone.iter().map(|(position, _)| *position).collect::<Vec<_>>())?;
    }
    leaves::keep(tx, choice.log, &gone)?;
    run.save(tx)?;
    Ok(Some(u64::try_from(gone.len()).unwrap_or(u64::MAX)))
}

/// Deletes an entry and gives its hash back; `None` if it is not there any more, or its time is not up.
fn delete_one(tx: &Db, choice: &Choice, chosen: &Chosen, run: &mut Run) -> Result<Option<Leaf>, StoreError> {
    let sql = format!("SELECT received_at, leaf, bytes FROM {} WHERE position = ?1", choice.log.table());
    let stored = tx.prepare_cached(&sql)?.query_row([chosen.position], |row| {
        let known = row.get::<_, Option<Leaf>>(1)?;
        let leaf = known.map_or_else(|| row.get_ref(2)?.as_blob().map(leaf), Ok)?;
        Ok((row.get::<_, i64>(0)?, leaf))
    });
    let (Some((received_at, leaf)), Some((class, before))) = (stored.optional()?, choice.classes.get(chosen.class))
    else {
        return Ok(None);
    };
    if received_at >= *before {
        return Ok(None);
    }
    for table in tables(choice.log) {
        tx.prepare_cached(&format!("DELETE FROM {table} WHERE position = ?1"))?.execute([chosen.position])?;
    }
    run.add(chosen.position, received_at, class);
    Ok(Some(leaf))
}

#[cfg(test)]
mod tests {
    use super::delete;
    use crate::audit::{Actor, Entry, Operation, Resource, append};
    use crate::clock;
    use crate::retention::{DAY_US, Scope};
    use crate::store::retention::choose;
    use crate::store::{Log, Reached, change, holds, open_writer, place_hold, release_hold};

    #[test]
    fn what_was_chosen_under_other_holds_is_not_deleted() {
        let folder = tempfile::tempdir().unwrap();
        let mut db = open_writer(folder.path()).unwrap();
        let entry = Entry::new("test.done", Operation::Other, Actor::command(), Resource::new("test", "1"));
        change(&mut db, |tx| append(tx, &entry)).unwrap();
        let now = clock::now_us() + 400 * DAY_US;
        let chosen = choose(&db, Log::Audit, Reached::default(), now).unwrap().unwrap();
        let scope = Scope { everything: true, ..Scope::default() };
        change(&mut db, |tx| place_hold(tx, Log::Audit, scope, "r".to_owned(), Actor::command(), now)).unwrap();
        assert_eq!(change(&mut db, |tx| delete(tx, &chosen)).unwrap(), None, "a hold was placed since");
        assert!(choose(&db, Log::Audit, Reached::default(), now).unwrap().is_none(), "it keeps everything");
        let hold = holds(&db).unwrap().remove(0);
        change(&mut db, |tx| release_hold(tx, &hold.id, Actor::command())).unwrap();
        let chosen = choose(&db, Log::Audit, Reached::default(), now).unwrap().unwrap();
        assert_eq!(change(&mut db, |tx| delete(tx, &chosen)).unwrap(), Some(3), "the entries of the hold too");
    }
}
