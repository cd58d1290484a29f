//! Sign-ins at an identity provider, of which only those that come back are stored.
//!
//! The state of a sign-in is in a cookie, because a stranger may begin any number of them. All collectors of a database share
//! the key that protects it, so a person may come back to another collector than the one that began.

use super::tokens::TokenHash;
use headgate_collector_db::{Db, OptionalExtension, StoreError, params};

/// Returns the key that protects the state of sign-ins; `None` before the first one.
///
/// # Errors
/// The store cannot be read.
pub fn sign_in_key(db: &Db) -> Result<Option<[u8; 32]>, StoreError> {
    let mut select = db.prepare_cached("SELECT key FROM sign_in_key WHERE id = 1")?;
    let key = select.query_row([], |row| row.get::<_, Vec<u8>>(0)).optional()?;
    Ok(key.and_then(|key| key.try_into().ok()))
}

/// Makes the key unless there is one, and returns it.
///
/// # Errors
/// The store cannot be written, or the operating system provides no randomness.
pub fn make_sign_in_key(tx: &Db) -> Result<[u8; 32], StoreError> {
    let mut key = [0_u8; 32];
    getrandom::fill(&mut key).map_err(|_| StoreError::Other)?;
    tx.execute("INSERT INTO sign_in_key (id, key) VALUES (1, ?1) ON CONFLICT (id) DO NOTHING", params![key])?;
    sign_in_key(tx)?.ok_or(StoreError::Damaged)
}

/// Notes that the sign-in with this hash of its state is finished. Returns whether that is the first time. The note is kept
/// until `expires_at`, when the state is no longer valid.
///
/// # Errors
/// The store cannot be written.
pub fn finish_sign_in(tx: &Db, state: &TokenHash, now: i64, expires_at: i64) -> Result<bool, StoreError> {
    tx.execute("DELETE FROM finished_sign_ins WHERE expires_at <= ?1", params![now])?;
    let sql = "INSERT INTO finished_sign_ins (sha256, expires_at) VALUES (?1, ?2) ON CONFLICT (sha256) DO NOTHING";
    Ok(tx.execute(sql, params![state, expires_at])? == 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{change, open_writer};

    #[test]
    fn a_sign_in_is_finished_once() {
        let folder = tempfile::tempdir().unwrap();
        let mut db = open_writer(folder.path()).unwrap();
        let mut finish =
            |state: u8, now| change(&mut db, |tx| finish_sign_in(tx, &[state; 32], now, now + 10)).unwrap();
        assert!(finish(1, 100));
        assert!(!finish(1, 109));
        assert!(finish(2, 109));
        assert!(finish(1, 110), "the note has gone, and the state is not valid any more");
    }

    #[test]
    fn the_key_stays() {
        let folder = tempfile::tempdir().unwrap();
        let mut db = open_writer(folder.path()).unwrap();
        assert_eq!(sign_in_key(&db).unwrap(), None);
        let key = change(&mut db, make_sign_in_key).unwrap();
        assert_eq!((change(&mut db, make_sign_in_key).unwrap(), sign_in_key(&db).unwrap()), (key, Some(key)));
        assert_ne!(key, [0; 32]);
    }
}
