//! Entries made ready before the transaction they are written in.
//!
//! The first policy of a large company is a hundred thousand entries that have to come into the log together. While they are
//! written nobody else can write, so all that can be done before is done before: masking, the canonical bytes, the hash.

use super::{actor_name, insert, numbers, positions, revision, time};
use crate::audit::{Entry, canonical, mask_entry};
use crate::clock;
use crate::store::db::{Bulk, Db, Result, ValueRef};
use crate::store::leaf::{Leaf, leaf};
use crate::store::names::Names;
use crate::store::{Log, StoreError};
use crate::validate::uuid_v7;

/// An entry as it will be stored.
#[derive(Debug)]
pub struct Ready {
    /// Its changes, secrets masked, stand in the bytes alone.
    pub(super) entry: Entry,
    pub(super) id: [u8; 16],
    pub(super) bytes: Vec<u8>,
    pub(super) leaf: Leaf,
}

impl Ready {
    /// Masks the secrets of an entry, and gives it an id if it has none.
    ///
    /// # Errors
    /// Its id is none.
    pub fn of(mut entry: Entry) -> std::result::Result<Self, StoreError> {
        mask_entry(&mut entry);
        if entry.id.is_empty() {
            entry.id = new_id(clock::now_us())?;
        }
        let id = uuid_v7(&entry.id).ok_or(StoreError::Other)?;
        let bytes = canonical(&entry).map_err(|_| StoreError::Other)?;
        entry.changes = Vec::new();
        Ok(Self { entry, id, leaf: leaf(&bytes), bytes })
    }
}

/// A new id, UUIDv7, of this time in µs.
///
/// # Errors
/// The system gives no randomness.
pub fn new_id(now_us: i64) -> std::result::Result<String, StoreError> {
    let mut random = [0_u8; 10];
    getrandom::fill(&mut random).map_err(|_| StoreError::Other)?;
    let now_ms = u64::try_from(now_us / 1000).unwrap_or(0);
    Ok(uuid::Builder::from_unix_timestamp_millis(now_ms, &random).into_uuid().hyphenated().to_string())
}

/// Appends entries of the collector's own, whose ids were given by [`Ready::of`], in their order. Either all of them have a
/// policy revision or none has.
///
/// # Errors
/// The store cannot be written: the transaction must be given up.
pub(in crate::store) fn append_all(tx: &Db, entries: &[Ready]) -> std::result::Result<(), StoreError> {
    let now = clock::now_us();
    tx.begin_day(Log::Audit.table(), now)?;
    let first = positions(tx, i64::try_from(entries.len()).unwrap_or(i64::MAX))?;
    let mut names = Names::default();
    if let Some(bulk) = tx.bulk() {
        names.learn(bulk, |names| {
            entries.iter().try_for_each(|ready| {
                numbers(tx, names, &ready.entry)?;
                actor_name(tx, names, &ready.entry).map(|_| ())
            })
        })?;
        return Ok(copy(tx, bulk, &mut names, (first, now), entries)?);
    }
    for (position, ready) in (first..).zip(entries) {
        insert(tx, &mut names, position, now, ready)?;
    }
    Ok(())
}

const ENTRIES: &str = "COPY audit_entries_by_day (position, schema, received_at, bytes, leaf) FROM STDIN BINARY";
const DAYS: &str = "COPY audit_days (position, received_at) FROM STDIN BINARY";
const INDEX: &str =
    "COPY audit (position, id, time, type, actor_id, resource_id, source, revision, actor_name) FROM STDIN BINARY";

/// As [`insert`] for each, in three copies.
fn copy(tx: &Db, bulk: Bulk<'_>, names: &mut Names, (first, now): (i64, i64), entries: &[Ready]) -> Result<()> {
    use ValueRef::{Blob, Integer, Null};
    let placed = || (first..).zip(entries);
    bulk.copy(DAYS, placed().map(|(position, _)| [Integer(position), Integer(now)]))?;
    bulk.copy(
        ENTRIES,
        placed().map(|(position, ready)| {
            let schema = Integer(ready.entry.schema.into());
            [Integer(position), schema, Integer(now), Blob(&ready.bytes), Blob(&ready.leaf)]
        }),
    )?;
    let numbered = placed().map(|(position, ready)| {
        let numbers = numbers(tx, names, &ready.entry)?;
        Ok((position, ready, numbers, actor_name(tx, names, &ready.entry)?))
    });
    let numbered = numbered.collect::<Result<Vec<_>>>()?;
    bulk.copy(
        INDEX,
        numbered.iter().map(|(position, ready, [kind, actor, resource, source], actor_name)| {
            let (id, time) = (Blob(&ready.id), Integer(time(&ready.entry)));
            let names = [*kind, *actor, *resource, *source].map(Integer);
            let [kind, actor, resource, source] = names;
            let revision = revision(&ready.entry).map_or(Null, Integer);
            [Integer(*position), id, time, kind, actor, resource, source, revision, actor_name.map_or(Null, Integer)]
        }),
    )
}
