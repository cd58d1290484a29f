//! Checkpoints that are kept outside: in a bucket with a lock, or stamped by an authority.

use super::SignedCheckpoint;
use crate::audit::append;
use headgate_collector_db::{Db, OptionalExtension, Row, StoreError, params};
use headgate_collector_types::Log;
use headgate_collector_types::audit::{Actor, Change, Entry, Operation, Outcome, Resource};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

/// The most anchors of a log that are looked at.
const MAX_ANCHORS: u32 = 64;
const COLUMNS: &str = "anchor, size, anchored_at, note, proof, object, version, etag, locked_until, finding";

/// The kind of an anchor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AnchorKind {
    /// A bucket in which nobody can change an object for a time.
    ObjectLock,
    /// A time-stamping authority (RFC 3161).
    Rfc3161,
}

/// An object in a bucket.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LockedObject {
    /// Its address.
    pub address: String,
    /// Its version, as the bucket names it; empty if it names none.
    pub version: String,
    /// Its entity tag.
    pub etag: String,
    /// When its lock ends, µs; `None` if it has no lock of its own.
    pub locked_until: Option<i64>,
}

/// The proof that an anchor holds a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AnchorProof {
    /// The reply of an authority.
    Token(Vec<u8>),
    /// The object in a bucket.
    Object(LockedObject),
}

/// The reason why an object is not the one that was put.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AnchorFinding {
    /// It is not there.
    Missing,
    /// It has other bytes than the checkpoint that is stored here, or its lock ends earlier.
    Differs,
}

impl AnchorFinding {
    /// Returns the word for programs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Differs => "differs",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [Self::Missing, Self::Differs].into_iter().find(|finding| finding.as_str() == text)
    }
}

/// A checkpoint that an anchor holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Anchored {
    /// The name of the anchor.
    pub anchor: String,
    /// The number of entries.
    pub size: u64,
    /// When, µs.
    pub at: i64,
    /// The checkpoint as it was handed over.
    pub note: String,
    /// The proof.
    pub proof: AnchorProof,
    /// Why the object was not found as it was put, when it was read back last.
    pub finding: Option<AnchorFinding>,
}

fn read(row: &Row<'_>) -> headgate_collector_db::Result<Anchored> {
    let token: Vec<u8> = row.get(4)?;
    let locked_until: i64 = row.get(8)?;
    let object = LockedObject {
        address: row.get(5)?,
        version: row.get(6)?,
        etag: row.get(7)?,
        locked_until: Some(locked_until).filter(|until| *until > 0),
    };
    Ok(Anchored {
        anchor: row.get(0)?,
        size: row.get(1)?,
        at: row.get(2)?,
        note: row.get(3)?,
        proof: if token.is_empty() { AnchorProof::Object(object) } else { AnchorProof::Token(token) },
        finding: AnchorFinding::parse(&row.get::<_, String>(9)?),
    })
}

/// Stores that an anchor holds a checkpoint.
///
/// # Errors
/// The store cannot be written.
pub fn put_anchored(
    tx: &Db,
    log: Log,
    anchor: &str,
    checkpoint: &SignedCheckpoint,
    at: i64,
    proof: AnchorProof,
) -> Result<(), StoreError> {
    let size = number(checkpoint.size);
    let (token, object) = match proof {
        AnchorProof::Token(token) => (token, LockedObject::default()),
        AnchorProof::Object(object) => (Vec::new(), object),
    };
    let LockedObject { address, version, etag, locked_until } = object;
    tx.prepare_cached(
        "INSERT INTO anchored (log, size, anchor, anchored_at, note, proof, object, version, etag, locked_until)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
         ON CONFLICT (log, size, anchor) DO UPDATE SET anchored_at = excluded.anchored_at, note = excluded.note,
           proof = excluded.proof, object = excluded.object, version = excluded.version, etag = excluded.etag,
           locked_until = excluded.locked_until, read_at = 0, finding = ''",
    )?
    .execute(params![
        log.as_str(),
        size,
        anchor,
        at,
        checkpoint.note,
        token,
        address,
        version,
        etag,
        locked_until.unwrap_or(0)
    ])?;
    Ok(())
}

/// Returns the newest checkpoint that an anchor holds.
///
/// # Errors
/// The store cannot be read.
pub fn newest_anchored(db: &Db, log: Log, anchor: &str) -> Result<Option<Anchored>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM anchored WHERE log = ?1 AND anchor = ?2 ORDER BY size DESC LIMIT 1");
    Ok(db.prepare_cached(&sql)?.query_row(params![log.as_str(), anchor], read).optional()?)
}

/// Returns, for each anchor, the newest checkpoint that it holds of at most this size, by the names of the anchors.
///
/// # Errors
/// The store cannot be read.
pub fn anchored_up_to(db: &Db, log: Log, size: u64) -> Result<Vec<Anchored>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM anchored a WHERE log = ?1 AND size =
           (SELECT max(size) FROM anchored b WHERE b.log = a.log AND b.anchor = a.anchor AND b.size <= ?2)
         ORDER BY anchor LIMIT ?3"
    );
    let mut select = db.prepare_cached(&sql)?;
    Ok(select.query_map(params![log.as_str(), number(size), MAX_ANCHORS], read)?.collect::<Result<_, _>>()?)
}

/// Returns the objects of an anchor that are read back next: the newest, and the one that was not read for the longest time. Behind the
/// end of its lock an object may go.
///
/// # Errors
/// The store cannot be read.
pub fn objects_to_read(db: &Db, log: Log, anchor: &str, now: i64) -> Result<Vec<Anchored>, StoreError> {
    let mut found: Vec<Anchored> = Vec::new();
    for order in ["size DESC", "read_at, size"] {
        let sql = format!(
            "SELECT {COLUMNS} FROM anchored WHERE log = ?1 AND anchor = ?2 AND object <> ''
               AND (locked_until = 0 OR locked_until > ?3) ORDER BY {order} LIMIT 1"
        );
        let one = db.prepare_cached(&sql)?.query_row(params![log.as_str(), anchor, now], read).optional()?;
        found.extend(one.filter(|one| found.iter().all(|other| other.size != one.size)));
    }
    Ok(found)
}

/// Returns the number of objects of an anchor that were not found as they were put.
///
/// # Errors
/// The store cannot be read.
pub fn altered_objects(db: &Db, log: Log, anchor: &str) -> Result<i64, StoreError> {
    let sql = "SELECT count(*) FROM anchored WHERE log = ?1 AND anchor = ?2 AND finding <> ''";
    Ok(db.prepare_cached(sql)?.query_row(params![log.as_str(), anchor], |row| row.get(0))?)
}

/// Notes how an object was found when it was read back, and in the audit log if that is new.
///
/// # Errors
/// The store cannot be written.
pub fn note_read_back(
    tx: &Db,
    log: Log,
    read: &Anchored,
    found: Option<AnchorFinding>,
    now: i64,
) -> Result<(), StoreError> {
    let (size, word) = (number(read.size), found.map_or("", AnchorFinding::as_str));
    let place = params![log.as_str(), size, read.anchor, now];
    tx.prepare_cached("UPDATE anchored SET read_at = ?4 WHERE log = ?1 AND size = ?2 AND anchor = ?3")?
        .execute(place)?;
    // Of several collectors on one database, the first notes it.
    let sql = "UPDATE anchored SET finding = ?4 WHERE log = ?1 AND size = ?2 AND anchor = ?3 AND finding <> ?4";
    if tx.prepare_cached(sql)?.execute(params![log.as_str(), size, read.anchor, word])? == 0 {
        return Ok(());
    }
    let resource = Resource::new("anchor", read.anchor.clone());
    let kind = if found.is_some() { "anchor.altered" } else { "anchor.restored" };
    let mut entry = Entry::new(kind, Operation::Other, Actor::system(), resource);
    entry.outcome = if found.is_some() { Outcome::Failure } else { Outcome::Success };
    let change =
        |path: &str, before: Option<Value>, after| Change { path: path.to_owned(), before, after: Some(after) };
    let words = |finding: Option<AnchorFinding>| json!(finding.map_or("as stored", AnchorFinding::as_str));
    entry.changes = vec![
        change("object", Some(words(read.finding)), words(found)),
        change("log", None, json!(log.as_str())),
        change("size", None, json!(read.size)),
    ];
    if let AnchorProof::Object(object) = &read.proof {
        entry.changes.push(change("address", None, json!(object.address)));
        entry.changes.push(change("version", None, json!(object.version)));
    }
    append(tx, &entry)?;
    Ok(())
}

fn number(size: u64) -> i64 {
    i64::try_from(size).unwrap_or(i64::MAX)
}
