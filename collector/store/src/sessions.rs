//! Sessions of persons who have signed in on the collector's pages, with a token or at an identity provider.
//!
//! A session names the source of its rights by hash. That is a token, so the session is valid only while the token is, and a token
//! of the environment that is replaced by another one ends its sessions too. Or it is the settings that gave a person a role when
//! the person signed in: under other settings the session is not valid. The secret is in the person's cookie alone: the store
//! has its SHA-256.

mod info;

pub use info::SessionInfo;

use super::audit;
use super::tokens::{TokenHash, hash_token, public_id, random_secret};
use headgate_collector_db::{self as db, Db, OptionalExtension, Row, StoreError, params};
use headgate_collector_types::Role;
use headgate_collector_types::audit::{Actor, Entry, Operation, Resource, diff};
use info::{SELECT_INFO, info};
use serde_json::json;

/// The longest life of a session, µs: 12 hours.
const SESSION_LIFE_US: i64 = 12 * 3_600_000_000;
/// A session ends when it is not used for this long, µs: an hour.
const SESSION_IDLE_US: i64 = 3_600_000_000;
/// The most sessions of one token or person.
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
    /// The holder.
    pub holder: SessionHolder,
    /// The secret's hash of the session that the same browser had before; it ends.
    pub replaces: Option<TokenHash>,
}

/// The holder of a session, from whom it has its rights.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionHolder {
    /// A token, by its SHA-256. Its role and validity are looked up each time.
    Token(TokenHash),
    /// A person.
    Person(KnownPerson),
}

/// A person whom an identity provider knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownPerson {
    /// Issuer and subject.
    pub id: String,
    /// The name at the time of the sign-in.
    pub name: Option<String>,
    /// The role at the time of the sign-in.
    pub role: Role,
    /// The hash of the settings that gave the role.
    pub settings: TokenHash,
}

impl SessionHolder {
    const fn grant(&self) -> &TokenHash {
        match self {
            Self::Token(hash) => hash,
            Self::Person(person) => &person.settings,
        }
    }

    const fn person(&self) -> Option<&KnownPerson> {
        match self {
            Self::Token(_) => None,
            Self::Person(person) => Some(person),
        }
    }
}

/// Stores a session of the actor, whose id is the holder's, with an audit entry. Sessions that have expired are removed, and
/// if the holder has too many, those unused for the longest time end. Those that a person has with another role end too.
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
    let (person, id) = (new.holder.person(), session_id(&new.hash));
    let role = person.map(|person| person.role.as_str());
    if role.is_some() {
        end_sessions_of(tx, &actor, role)?;
    }
    make_room(tx, &actor.id)?;
    let expires_at = now.saturating_add(SESSION_LIFE_US);
    let (address, name) = (actor.address.clone().unwrap_or_default(), person.and_then(|person| person.name.as_ref()));
    tx.execute(
        "INSERT INTO sessions (sha256, id, grant_sha256, holder, address, created_at, last_seen, expires_at, role, name)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6, ?7, ?8, ?9)",
        params![new.hash, id, new.holder.grant(), actor.id, address, now, expires_at, role, name],
    )?;
    let made = match role {
        Some(role) => json!({"expires_at": expires_at, "role": role}),
        None => json!({"expires_at": expires_at}),
    };
    let entry = Entry::new("session.created", Operation::Create, actor, Resource::new("session", id))
        .with_changes(diff(&json!({}), &made));
    audit::append(tx, &entry)?;
    Ok(())
}

/// Ends the sessions of a person, except those with a role, with an audit entry for each.
///
/// # Errors
/// The store cannot be written.
pub fn end_sessions_of(tx: &Db, person: &Actor, except: Option<&str>) -> Result<(), StoreError> {
    let sql = "SELECT id FROM sessions WHERE holder = ?1 AND role IS NOT NULL AND role <> ?2 ORDER BY id";
    let mut select = tx.prepare_cached(sql)?;
    let ids = select.query_map(params![person.id, except.unwrap_or_default()], |row| row.get(0))?;
    for id in ids.collect::<db::Result<Vec<String>>>()? {
        end_session(tx, &id, person.clone())?;
    }
    Ok(())
}

fn make_room(tx: &Db, holder: &str) -> Result<(), StoreError> {
    let sql = "SELECT id FROM sessions WHERE holder = ?1 ORDER BY last_seen DESC, created_at DESC, id";
    let all = tx.prepare_cached(sql)?.query_map([holder], |row| row.get(0))?.collect::<db::Result<Vec<String>>>()?;
    for id in all.iter().skip(MAX_SESSIONS.saturating_sub(1)) {
        end_session(tx, id, Actor::system())?;
    }
    Ok(())
}

/// A session that has not expired. Its token, or the settings of its role, may not be valid any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundSession {
    /// The public id.
    pub id: String,
    /// The holder.
    pub holder: SessionHolder,
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
            "SELECT id, last_seen, grant_sha256, holder, role, name FROM sessions
             WHERE sha256 = ?1 AND expires_at > ?2 AND last_seen > ?3",
        )?
        .query_row(params![hash_token(secret), now, now.saturating_sub(SESSION_IDLE_US)], |row| {
            Ok((row.get(0)?, row.get(1)?, holder(row)?))
        })
        .optional()?;
    Ok(found.and_then(|(id, last_seen, holder)| Some(FoundSession { id, holder: holder?, last_seen })))
}

/// Reads the holder from the columns after the first two; `None` if it cannot be one.
fn holder(row: &Row<'_>) -> db::Result<Option<SessionHolder>> {
    let (grant, role): (Vec<u8>, Option<String>) = (row.get(2)?, row.get(4)?);
    let (id, name) = (row.get(3)?, row.get(5)?);
    let Ok(grant) = TokenHash::try_from(grant) else { return Ok(None) };
    Ok(match role {
        None => Some(SessionHolder::Token(grant)),
        Some(word) => {
            let role = Role::from_word(&word).filter(|role| *role != Role::Ingest);
            role.map(|role| SessionHolder::Person(KnownPerson { id, name, role, settings: grant }))
        }
    })
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
        .with_changes(diff(&session.held_by(), &json!({})));
    audit::append(tx, &entry)?;
    Ok(Some(session))
}

/// Returns the sessions that can be used, the newest first. Tokens of the environment are known to their collector alone, so
/// their sessions are in the list until they expire.
///
/// # Errors
/// The store cannot be read.
pub fn sessions(db: &Db, now: i64) -> Result<Vec<SessionInfo>, StoreError> {
    let sql = format!(
        "{SELECT_INFO} s WHERE s.expires_at > ?1 AND s.last_seen > ?2 AND NOT EXISTS (SELECT 1 FROM tokens t
           WHERE t.sha256 = s.grant_sha256 AND (t.revoked_at IS NOT NULL OR t.expires_at <= ?1))
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
        let holder = SessionHolder::Token(hash_token("hgc_1"));
        let new = NewSession { hash: hash_token(secret), holder, replaces: None };
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
    fn begin_person(db: &mut Db, secret: &str, role: Role) {
        let id = "https://login.example#1".to_owned();
        let actor = Actor { id: id.clone(), ..Actor::default() };
        let holder = SessionHolder::Person(KnownPerson { id, name: Some("Ann".to_owned()), role, settings: [7; 32] });
        let new = NewSession { hash: hash_token(secret), holder, replaces: None };
        change(db, |tx| begin_session(tx, &new, NOW, actor)).unwrap();
    }

    #[test]
    fn a_person_has_one_role() {
        let folder = tempfile::tempdir().unwrap();
        let mut db = open_writer(folder.path()).unwrap();
        begin(&mut db, "token", NOW);
        for (secret, role) in [("one", Role::Owner), ("two", Role::Owner), ("three", Role::Viewer)] {
            begin_person(&mut db, secret, role);
        }
        let left = ["token", "one", "two", "three"].map(|secret| find_session(&db, secret, NOW).unwrap().is_some());
        assert_eq!(left, [true, false, false, true], "a sign-in with another role ends those with the earlier one");
        let Some(FoundSession { holder: SessionHolder::Person(person), .. }) = find_session(&db, "three", NOW).unwrap()
        else {
            panic!("a person")
        };
        assert_eq!((person.role, person.settings, person.name.as_deref()), (Role::Viewer, [7; 32], Some("Ann")));
        let listed = sessions(&db, NOW).unwrap();
        let of_person = listed.iter().find(|one| one.person.is_some()).unwrap();
        assert_eq!((of_person.role.as_deref(), of_person.token.as_deref()), (Some("viewer"), None));
        let nobody = Actor { id: person.id, ..Actor::default() };
        change(&mut db, |tx| end_sessions_of(tx, &nobody, None)).unwrap();
        assert_eq!(find_session(&db, "three", NOW).unwrap(), None);
        assert!(find_session(&db, "token", NOW).unwrap().is_some());
    }
}
