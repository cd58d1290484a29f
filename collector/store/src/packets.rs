//! Evidence packets: the jobs that make them, and their ends. The archives themselves are files, not rows.

use crate::audit::{append, new_id};
use headgate_collector_db::{self as db, Db, OptionalExtension, Row, StoreError, params};
use headgate_collector_types::audit::{Actor, Change, Entry, Operation, Resource};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

/// The most packets at a time.
const MAX_PACKETS: i64 = 32;

/// The state of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PacketState {
    /// It will be made.
    Waiting,
    /// It is being made.
    Running,
    /// It can be downloaded.
    Ready,
    /// It could not be made; `code` and `message` say why.
    Failed,
}

impl PacketState {
    const ALL: [Self; 4] = [Self::Waiting, Self::Running, Self::Ready, Self::Failed];

    /// Returns the word in the store and in answers.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Running => "running",
            Self::Ready => "ready",
            Self::Failed => "failed",
        }
    }
}

/// A packet. Times are µs since the Unix epoch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct PacketInfo {
    /// Its id.
    pub id: String,
    /// When it was asked for.
    pub created_at: i64,
    /// The actor that asked for it.
    pub created_by: Actor,
    /// Period, filters and sections.
    pub scope: Value,
    /// The state.
    pub state: PacketState,
    /// Entries of the request log that the packet before covers.
    #[serde(skip)]
    pub grown_from: Option<u64>,
    /// Records in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub records: Option<u64>,
    /// Its size.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// SHA-256 of the archive, in hex.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// Why it failed, for programs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Why it failed, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// When it was ready or failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<i64>,
}

/// How the making of a packet ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PacketEnd {
    /// It is ready.
    Ready {
        /// Entries of the request log that it covers.
        size: u64,
        /// Records in it.
        records: u64,
        /// Its size.
        bytes: u64,
        /// SHA-256 of the archive, in hex.
        sha256: String,
    },
    /// It could not be made.
    Failed {
        /// Why, for programs.
        code: &'static str,
        /// Why, for people.
        message: String,
    },
}

const SELECT: &str =
    "SELECT id, created_at, created_by, scope, state, grown_from, records, bytes, sha256, code, message,
    finished_at FROM packets";

fn read(row: &Row<'_>) -> db::Result<PacketInfo> {
    let (actor, scope, state): (String, String, String) = (row.get(2)?, row.get(3)?, row.get(4)?);
    let number =
        |column| Ok::<_, db::Error>(row.get::<_, Option<i64>>(column)?.and_then(|number| u64::try_from(number).ok()));
    Ok(PacketInfo {
        id: row.get(0)?,
        created_at: row.get(1)?,
        created_by: serde_json::from_str(&actor).unwrap_or_default(),
        scope: serde_json::from_str(&scope).unwrap_or_default(),
        state: PacketState::ALL.into_iter().find(|known| known.as_str() == state).unwrap_or(PacketState::Failed),
        grown_from: number(5)?,
        records: number(6)?,
        bytes: number(7)?,
        sha256: row.get(8)?,
        code: row.get(9)?,
        message: row.get(10)?,
        finished_at: row.get(11)?,
    })
}

/// Stores the wish for a packet, with an audit entry of the actor. Returns `None` if there are too many.
///
/// # Errors
/// The store cannot be written.
pub fn create_packet(tx: &Db, scope: &Value, actor: Actor, now: i64) -> Result<Option<PacketInfo>, StoreError> {
    let count: i64 = tx.query_row("SELECT count(*) FROM packets", [], |row| row.get(0))?;
    if count >= MAX_PACKETS {
        return Ok(None);
    }
    let id = format!("pkt_{}", new_id(now)?.replace('-', ""));
    let by = serde_json::to_string(&actor).map_err(|_| StoreError::Other)?;
    tx.prepare_cached(
        "INSERT INTO packets (id, created_at, created_by, scope, state, claimed_until, grown_from)
         VALUES (?1, ?2, ?3, ?4, 'waiting', 0, (SELECT max(size) FROM packets WHERE state = 'ready'))",
    )?
    .execute(params![id, now, by, scope.to_string()])?;
    append(tx, &entry("packet.created", Operation::Create, actor, &id, scope))?;
    find_packet(tx, &id)
}

/// Notes in the audit log that the command made a packet, which is not kept here.
///
/// # Errors
/// The store cannot be written.
pub fn note_packet(tx: &Db, scope: &Value, sha256: &str, actor: Actor) -> Result<(), StoreError> {
    append(tx, &entry("packet.created", Operation::Export, actor, sha256, scope)).map(|_| ())
}

/// Returns the audit entry about a packet.
fn entry(kind: &str, operation: Operation, actor: Actor, id: &str, scope: &Value) -> Entry {
    let scope = Change { path: "scope".to_owned(), before: None, after: Some(scope.clone()) };
    Entry::new(kind, operation, actor, Resource::new("packet", id)).with_changes(vec![scope])
}

/// Returns all packets, the newest first.
///
/// # Errors
/// The store cannot be read.
pub fn packets(db: &Db) -> Result<Vec<PacketInfo>, StoreError> {
    let mut select = db.prepare_cached(&format!("{SELECT} ORDER BY created_at DESC, id DESC"))?;
    Ok(select.query_map([], read)?.collect::<Result<_, _>>()?)
}

/// Returns whether a packet is waiting or being made.
///
/// # Errors
/// The store cannot be read.
pub fn has_packets_to_make(db: &Db) -> Result<bool, StoreError> {
    let sql = "SELECT EXISTS (SELECT 1 FROM packets WHERE state IN ('waiting', 'running'))";
    Ok(db.prepare_cached(sql)?.query_row([], |row| row.get(0))?)
}

/// Returns the packet with this id.
///
/// # Errors
/// The store cannot be read.
pub fn find_packet(db: &Db, id: &str) -> Result<Option<PacketInfo>, StoreError> {
    Ok(db.prepare_cached(&format!("{SELECT} WHERE id = ?1"))?.query_row([id], read).optional()?)
}

/// Takes the oldest packet that nobody makes, until a time. Of several collectors, one gets it.
///
/// # Errors
/// The store cannot be written.
pub fn claim_packet(tx: &Db, now: i64, until: i64) -> Result<Option<PacketInfo>, StoreError> {
    let sql = format!(
        "{SELECT} WHERE state = 'waiting' OR (state = 'running' AND claimed_until <= ?1) ORDER BY created_at, id LIMIT 1"
    );
    let Some(found) = tx.prepare_cached(&sql)?.query_row([now], read).optional()? else { return Ok(None) };
    tx.prepare_cached("UPDATE packets SET state = 'running', claimed_until = ?2 WHERE id = ?1")?
        .execute(params![found.id, until])?;
    Ok(Some(found))
}

/// Claims a packet for longer. Returns false if it was deleted or has ended.
///
/// # Errors
/// The store cannot be written.
pub fn renew_packet(tx: &Db, id: &str, until: i64) -> Result<bool, StoreError> {
    let sql = "UPDATE packets SET claimed_until = ?2 WHERE id = ?1 AND state = 'running'";
    Ok(tx.prepare_cached(sql)?.execute(params![id, until])? > 0)
}

/// Gives back the packets that a collector was making when it ended, if no other collector can be making them.
///
/// # Errors
/// The store cannot be written.
pub fn release_packets(tx: &Db) -> Result<(), StoreError> {
    if !tx.is_shared() {
        tx.execute("UPDATE packets SET claimed_until = 0 WHERE state = 'running'", [])?;
    }
    Ok(())
}

/// Notes how the making of a packet ended. Returns false if it was deleted meanwhile.
///
/// # Errors
/// The store cannot be written.
pub fn finish_packet(tx: &Db, id: &str, end: &PacketEnd, now: i64) -> Result<bool, StoreError> {
    let stored = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let changed = match end {
        PacketEnd::Ready { size, records, bytes, sha256 } => tx
            .prepare_cached(
                "UPDATE packets SET state = 'ready', size = ?2, records = ?3, bytes = ?4, sha256 = ?5, finished_at = ?6
                 WHERE id = ?1 AND state = 'running'",
            )?
            .execute(params![id, stored(*size), stored(*records), stored(*bytes), sha256, now])?,
        PacketEnd::Failed { code, message } => tx
            .prepare_cached(
                "UPDATE packets SET state = 'failed', code = ?2, message = ?3, finished_at = ?4
                 WHERE id = ?1 AND state = 'running'",
            )?
            .execute(params![id, *code, message, now])?,
    };
    Ok(changed > 0)
}

/// Deletes a packet, with an audit entry of the actor. Returns it as it was.
///
/// # Errors
/// The store cannot be written.
pub fn delete_packet(tx: &Db, id: &str, actor: Actor) -> Result<Option<PacketInfo>, StoreError> {
    let Some(found) = find_packet(tx, id)? else { return Ok(None) };
    tx.prepare_cached("DELETE FROM packets WHERE id = ?1")?.execute([id])?;
    append(tx, &entry("packet.deleted", Operation::Delete, actor, id, &found.scope))?;
    Ok(Some(found))
}

/// Returns the packets that ended before a time.
///
/// # Errors
/// The store cannot be read.
pub fn packets_ended_before(db: &Db, time: i64) -> Result<Vec<String>, StoreError> {
    let mut select = db.prepare_cached("SELECT id FROM packets WHERE finished_at < ?1")?;
    Ok(select.query_map([time], |row| row.get(0))?.collect::<Result<_, _>>()?)
}

/// Returns the changes of the audit entry about a download.
#[must_use]
pub fn packet_download(packet: &PacketInfo, actor: Actor) -> Entry {
    let digest =
        Change { path: "digest".to_owned(), before: None, after: packet.sha256.as_ref().map(|sum| json!(sum)) };
    Entry::new("packet.downloaded", Operation::Export, actor, Resource::new("packet", &packet.id))
        .with_changes(vec![digest])
}

/// Returns the key of pseudonyms; it is made the first time.
///
/// # Errors
/// The store cannot be written, or the operating system provides no randomness.
pub fn packet_key(tx: &Db) -> Result<[u8; 32], StoreError> {
    let mut key = [0_u8; 32];
    getrandom::fill(&mut key).map_err(|_| StoreError::Other)?;
    tx.execute("INSERT INTO packet_key (id, key) VALUES (1, ?1) ON CONFLICT (id) DO NOTHING", params![key])?;
    let key: Vec<u8> = tx.query_row("SELECT key FROM packet_key WHERE id = 1", [], |row| row.get(0))?;
    key.try_into().map_err(|_| StoreError::Damaged)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{change, open_writer};

    #[test]
    fn a_packet_is_claimed_once_until_its_time_is_over() {
        let folder = tempfile::tempdir().unwrap();
        let mut db = open_writer(folder.path()).unwrap();
        let scope = json!({"from": 1, "to": 2});
        let made = change(&mut db, |tx| create_packet(tx, &scope, Actor::command(), 10)).unwrap().unwrap();
        let mut claim = |now| change(&mut db, |tx| claim_packet(tx, now, now + 5)).unwrap().map(|packet| packet.id);
        assert_eq!(claim(20), Some(made.id.clone()));
        assert_eq!((claim(21), claim(24)), (None, None));
        assert_eq!(claim(25), Some(made.id.clone()), "whoever made it is gone");
        let end = PacketEnd::Ready { size: 7, records: 3, bytes: 9, sha256: "ab".to_owned() };
        assert!(change(&mut db, |tx| finish_packet(tx, &made.id, &end, 30)).unwrap());
        assert!(!change(&mut db, |tx| renew_packet(tx, &made.id, 99)).unwrap());
        let next = change(&mut db, |tx| create_packet(tx, &scope, Actor::command(), 40)).unwrap().unwrap();
        assert_eq!(next.grown_from, Some(7));
        assert_eq!(packets_ended_before(&db, 31).unwrap(), [made.id.as_str()]);
        let gone = change(&mut db, |tx| delete_packet(tx, &made.id, Actor::system())).unwrap().unwrap();
        assert_eq!((gone.state, gone.records), (PacketState::Ready, Some(3)));
        assert_eq!(packets(&db).unwrap(), [next]);
    }

    #[test]
    fn there_are_so_many_packets_and_no_more() {
        let folder = tempfile::tempdir().unwrap();
        let mut db = open_writer(folder.path()).unwrap();
        let mut create = |now| change(&mut db, |tx| create_packet(tx, &json!({}), Actor::command(), now)).unwrap();
        assert!((0..MAX_PACKETS).all(|now| create(now).is_some()));
        assert_eq!(create(99), None);
    }

    #[test]
    fn the_key_stays() {
        let folder = tempfile::tempdir().unwrap();
        let mut db = open_writer(folder.path()).unwrap();
        let key = change(&mut db, packet_key).unwrap();
        assert_eq!(change(&mut db, packet_key).unwrap(), key);
    }
}
