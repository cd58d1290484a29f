//! Sessions of persons who have signed in with a token on the collector's pages.
//!
//! A session has no rights of its own. It names a token by hash, so it is valid only while that token is, and a token of the
//! environment that is replaced by another one ends its sessions too. The secret is in the person's cookie alone: the store has
//! its SHA-256.

use super::audit;
use super::tokens::{TokenHash, hash_token, public_id, random_secret};
use headgate_collector_db::{self as db, Db, OptionalExtension, Row, StoreError, params};
use headgate_collector_types::audit::{Actor, Entry, Operation, Resource, diff};
use serde::Serialize;
use serde_json::json;

/// The longest life of a session, µs: 12 hours.
const SESSION_LIFE_US: i64 = 12 * 3_600_000_000;
/// A session ends when it is not used for this long, µs: an hour.
const SESSION_IDLE_US: i64 = 3_600_000_000;
/// The most sessions of one token.
const MAX_SESSIONS: usize = 50;

/// Returns a new random secret of 256 bits for a session.
///
/// # Errors
/// The operating system provides no randomness.
pub fn new_session_secret() -> Result<String, StoreError> {
    random_secret("hgs_")
}

/// Returns the public id of a session. It is derived from the hash and does not reveal it.
fn session_id(hash: &TokenHash) -> String {
    public_id("ses_", hash)
}

/// A session to begin.
#[derive(Debug, Clone)]
pub struct NewSession {
    /// The SHA-256 of its secret.
    pub hash: TokenHash,
    /// The SHA-256 of its token.
    pub token: TokenHash,
    /// The secret's hash of the session that the same browser had before; it ends.
    pub replaces: Option<TokenHash>,
}

/// Stores a session of the actor, whose id is the token's, with an audit entry. Sessions that have expired are removed, and
/// if the token has too many, those unused for the longest time end.
///
/// # Errors
/// The store cannot be written.
pub fn begin_session(tx: &Db, new: &NewSession, now: i64, actor: Actor) -> Result<(), StoreError> {
    tx.execute(
        "DELETE FROM sessions WHERE expires_at <= ?1 OR last_seen <= ?2",
        params![now, now.saturating_sub(SESSION_IDLE_US)],
    )?;
    if let Some(old) = new.replaces {
        end_session(tx, &session_id(&old), actor.clone())?;
    }
    make_room(tx, &new.token)?;
    let (id, expires_at) = (session_id(&new.hash), now.saturating_add(SESSION_LIFE_US));
    let address = actor.address.clone().unwrap_or_default();
    tx.execute(
        "INSERT INTO sessions (sha256, id, token_sha256, token, address, created_at, last_seen, expires_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6, ?7)",
        params![new.hash, id, new.token, actor.id, address, now, expires_at],
    )?;
    let entry = Entry::new("session.created", Operation::Create, actor, Resource::new("session", id))
        .with_changes(diff(&json!({}), &json!({"expires_at": expires_at})));
    audit::append(tx, &entry)?;
    Ok(())
}

fn make_room(tx: &Db, token: &TokenHash) -> Result<(), StoreError> {
    let sql = "SELECT id FROM sessions WHERE token_sha256 = ?1 ORDER BY last_seen DESC, created_at DESC, id";
    let all = tx.prepare_cached(sql)?.query_map([token], |row| row.get(0))?.collect::<db::Result<Vec<String>>>()?;
    for id in all.iter().skip(MAX_SESSIONS.saturating_sub(1)) {
        end_session(tx, id, Actor::system())?;
    }
    Ok(())
}

/// A session that has not expired. Its token may be invalid by now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundSession {
    /// The public id.
    pub id: String,
    /// The SHA-256 of its token.
    pub token: TokenHash,
    /// The time of its last use, to the minute, in µs.
    pub last_seen: i64,
}

/// Returns the session with this secret, unless there is none or it has expired.
///
/// # Errors
/// The store cannot be read.
pub fn find_session(db: &Db, secret: &str, now: i64) -> Result<Option<FoundSession>, StoreError> {
    let found = db
        .prepare_cached(
            "SELECT id, token_sha256, last_seen FROM sessions WHERE sha256 = ?1 AND expires_at > ?2 AND last_seen > ?3",
        )?
        .query_row(params![hash_token(secret), now, now.saturating_sub(SESSION_IDLE_US)], |row| {
            Ok((row.get(0)?, row.get::<_, Vec<u8>>(1)?, row.get(2)?))
        })
        .optional()?;
    Ok(found.and_then(|(id, token, last_seen)| Some(FoundSession { id, token: token.try_into().ok()?, last_seen })))
}

/// Notes that a session was used. An ended one stays ended.
///
/// # Errors
/// The store cannot be written.
pub fn touch_session(tx: &Db, id: &str, now: i64) -> Result<(), StoreError> {
    tx.prepare_cached("UPDATE sessions SET last_seen = ?2 WHERE id = ?1 AND last_seen < ?2")?
        .execute(params![id, now])?;
    Ok(())
}

/// Ends a session, with an audit entry of the actor; `None` if there is none with this id.
///
/// # Errors
/// The store cannot be written.
pub fn end_session(tx: &Db, id: &str, actor: Actor) -> Result<Option<SessionInfo>, StoreError> {
    let sql = format!("{SELECT_INFO} WHERE id = ?1");
    let Some(session) = tx.prepare_cached(&sql)?.query_row([id], info).optional()? else {
        return Ok(None);
    };
    tx.execute("DELETE FROM sessions WHERE id = ?1", [id])?;
    let entry = Entry::new("session.ended", Operation::Delete, actor, Resource::new("session", id))
        .with_changes(diff(&json!({"token_id": session.token}), &json!({})));
    audit::append(tx, &entry)?;
    Ok(Some(session))
}

/// A session as owners see it. Times are µs since the Unix epoch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct SessionInfo {
    /// Its public id.
    pub id: String,
    /// Id of the token that signed in.
    pub token: String,
    /// The network address of the sign-in.
    pub address: String,
    /// The time of the sign-in, µs since the Unix epoch.
    pub created_at: i64,
    /// The time of the last use, to the minute, µs.
    pub last_seen: i64,
    /// The time at which it ends at the latest, µs.
    pub expires_at: i64,
}

const SELECT_INFO: &str = "SELECT id, token, address, created_at, last_seen, expires_at FROM sessions";

fn info(row: &Row<'_>) -> db::Result<SessionInfo> {
    Ok(SessionInfo {
        id: row.get(0)?,
        token: row.get(1)?,
        address: row.get(2)?,
        created_at: row.get(3)?,
        last_seen: row.get(4)?,
        expires_at: row.get(5)?,
    })
}

/// Returns the sessions that can be used, the newest first. Tokens of the environment are known to their collector alone, so
/// their sessions are in the list until they expire.
///
/// # Errors
/// The store cannot be read.
pub fn sessions(db: &Db, now: i64) -> Result<Vec<SessionInfo>, StoreError> {
    let sql = format!(
        "{SELECT_INFO} s WHERE s.expires_at > ?1 AND s.last_seen > ?2 AND NOT EXISTS (SELECT 1 FROM tokens t
           WHERE t.sha256 = s.token_sha256 AND (t.revoked_at IS NOT NULL OR t.expires_at <= ?1))
         ORDER BY s.created_at DESC, s.id"
    );
    let mut select = db.prepare_cached(&sql)?;
    let idle = now.saturating_sub(SESSION_IDLE_US);
    Ok(select.query_map(params![now, idle], info)?.collect::<Result<_, _>>()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{change, open_writer};

    const NOW: i64 = 1_000_000 * 3_600_000_000;
    const MINUTE: i64 = 60_000_000;

    fn actor() -> Actor {
        Actor { id: "tok_1".to_owned(), ..Actor::default() }
    }

    fn begin(db: &mut Db, secret: &str, now: i64) {
        let new = NewSession { hash: hash_token(secret), token: hash_token("hgc_1"), replaces: None };
        change(db, |tx| begin_session(tx, &new, now, actor())).unwrap();
    }

    #[test]
    fn a_session_ends_when_it_is_idle_and_after_twelve_hours() {
        let folder = tempfile::tempdir().unwrap();
        let mut db = open_writer(folder.path()).unwrap();
        begin(&mut db, "one", NOW);
        let id = find_session(&db, "one", NOW).unwrap().unwrap().id;
        assert_eq!(find_session(&db, "two", NOW).unwrap(), None);
        assert!(find_session(&db, "one", NOW + SESSION_IDLE_US - 1).unwrap().is_some());
        assert_eq!(find_session(&db, "one", NOW + SESSION_IDLE_US).unwrap(), None);
        for minute in 0..12 * 60 {
            change(&mut db, |tx| touch_session(tx, &id, NOW + minute * MINUTE)).unwrap();
        }
        assert!(find_session(&db, "one", NOW + SESSION_LIFE_US - 1).unwrap().is_some());
        assert_eq!(find_session(&db, "one", NOW + SESSION_LIFE_US).unwrap(), None);
        assert_eq!(sessions(&db, NOW + SESSION_LIFE_US).unwrap(), []);
    }

    #[test]
    fn a_token_has_fifty_sessions_at_most() {
        let folder = tempfile::tempdir().unwrap();
        let mut db = open_writer(folder.path()).unwrap();
        for number in 0..50 {
            begin(&mut db, &number.to_string(), NOW + number);
        }
        let oldest = find_session(&db, "0", NOW).unwrap().unwrap();
        change(&mut db, |tx| touch_session(tx, &oldest.id, NOW + 100)).unwrap();
        begin(&mut db, "more", NOW + 101);
        assert_eq!(sessions(&db, NOW + 101).unwrap().len(), 50);
        assert!(find_session(&db, "0", NOW + 101).unwrap().is_some(), "it was used after all others");
        assert_eq!(find_session(&db, "1", NOW + 101).unwrap(), None);
    }

    #[test]
    fn what_has_ended_does_not_come_back() {
        let folder = tempfile::tempdir().unwrap();
        let mut db = open_writer(folder.path()).unwrap();
        begin(&mut db, "one", NOW);
        let id = find_session(&db, "one", NOW).unwrap().unwrap().id;
        assert!(change(&mut db, |tx| end_session(tx, &id, actor())).unwrap().is_some());
        change(&mut db, |tx| touch_session(tx, &id, NOW + 1)).unwrap();
        assert_eq!(find_session(&db, "one", NOW + 1).unwrap(), None);
        assert_eq!(change(&mut db, |tx| end_session(tx, &id, actor())).unwrap(), None);
    }
}
