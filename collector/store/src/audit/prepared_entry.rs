//! Entries that are prepared before the transaction that writes them.
//!
//! The first policy of a large company has a hundred thousand entries that must enter the log together. No other write is
//! possible meanwhile, so the masking, the canonical bytes and the hash are done beforehand.

use super::{insert, name_ids, names_of, reserve_positions, revision, time};
use crate::tree::grow;
use headgate_collector_columns::dictionary::{Dictionary, DictionaryCache};
use headgate_collector_db::{Bulk, Db, Result, StoreError, ValueRef};
use headgate_collector_types::audit::{Entry, canonical, mask_entry};
use headgate_collector_types::validate::uuid_v7;
use headgate_collector_types::{LeafHash, Log, clock, leaf_hash};

/// An entry as it will be stored.
#[derive(Debug)]
pub struct PreparedEntry {
    /// The entry. Its changes, with secrets masked, are only in the bytes.
    pub(super) entry: Entry,
    pub(super) id: [u8; 16],
    pub(super) bytes: Vec<u8>,
    pub(super) leaf_hash: LeafHash,
}

impl PreparedEntry {
    /// Masks the secrets of an entry, and assigns an id if there is none.
    ///
    /// # Errors
    /// The id is invalid.
    pub fn new(mut entry: Entry) -> std::result::Result<Self, StoreError> {
        mask_entry(&mut entry);
        if entry.id.is_empty() {
            entry.id = new_id(clock::now_us())?;
        }
        let id = uuid_v7(&entry.id).ok_or(StoreError::Other)?;
        let bytes = canonical(&entry).map_err(|_| StoreError::Other)?;
        entry.changes = Vec::new();
        Ok(Self { entry, id, leaf_hash: leaf_hash(&bytes), bytes })
    }
}

/// Returns a new UUIDv7 for this time in µs.
///
/// # Errors
/// The operating system provides no randomness.
pub fn new_id(now_us: i64) -> std::result::Result<String, StoreError> {
    let mut random = [0_u8; 10];
    getrandom::fill(&mut random).map_err(|_| StoreError::Other)?;
    let now_ms = u64::try_from(now_us / 1000).unwrap_or(0);
    Ok(uuid::Builder::from_unix_timestamp_millis(now_ms, &random).into_uuid().hyphenated().to_string())
}

/// Appends entries of the collector itself in their order, with the ids from [`PreparedEntry::new`]. Either all of them have a
/// policy revision or none has. Returns the position of the first.
///
/// # Errors
/// The store cannot be written, and the transaction must be given up.
pub(crate) fn append_all(tx: &Db, entries: &[PreparedEntry]) -> std::result::Result<i64, StoreError> {
    let now = clock::now_us();
    tx.begin_day(Log::Audit.table(), now)?;
    let first = reserve_positions(tx, i64::try_from(entries.len()).unwrap_or(i64::MAX))?;
    grow(tx, Log::Audit, first, entries.iter().map(|prepared| prepared.leaf_hash))?;
    let mut cache = DictionaryCache::default();
    let mut dictionary = cache.writer(tx);
    if let Some(bulk) = tx.bulk() {
        dictionary
            .prefetch_names(entries.iter().flat_map(|prepared| names_of(&prepared.entry).into_iter().flatten()))?;
        bulk_insert(bulk, &mut dictionary, (first, now), entries)?;
        return Ok(first);
    }
    for (position, prepared) in (first..).zip(entries) {
        insert(tx, &mut dictionary, position, now, prepared)?;
    }
    Ok(first)
}

const COPY_ENTRIES: &str = "COPY audit_entries_by_day (position, schema, received_at, bytes, leaf) FROM STDIN BINARY";
const COPY_DAYS: &str = "COPY audit_days (position, received_at) FROM STDIN BINARY";
const COPY_INDEX: &str = "COPY audit (position, id, time, revision, type, actor_id, resource_id, source, actor_name, outcome, resource_name, address) \
     FROM STDIN BINARY";

/// Inserts the entries as [`insert`] does, with three bulk copies.
fn bulk_insert(
    bulk: Bulk<'_>,
    dictionary: &mut impl Dictionary,
    (first, now): (i64, i64),
    entries: &[PreparedEntry],
) -> Result<()> {
    use ValueRef::{Blob, Integer, Null};
    let placed = || (first..).zip(entries);
    bulk.copy(COPY_DAYS, placed().map(|(position, _)| [Integer(position), Integer(now)]))?;
    bulk.copy(
        COPY_ENTRIES,
        placed().map(|(position, prepared)| {
            let schema = Integer(prepared.entry.schema.into());
            [Integer(position), schema, Integer(now), Blob(&prepared.bytes), Blob(&prepared.leaf_hash)]
        }),
    )?;
    let with_ids =
        placed().map(|(position, prepared)| Ok((position, prepared, name_ids(dictionary, &prepared.entry)?)));
    let with_ids = with_ids.collect::<Result<Vec<_>>>()?;
    bulk.copy(
        COPY_INDEX,
        with_ids.iter().map(|(position, prepared, ids)| {
            let (id, time) = (Blob(&prepared.id), Integer(time(&prepared.entry)));
            let revision = revision(&prepared.entry).map_or(Null, Integer);
            let [kind, actor, resource, source, actor_name, outcome, resource_name, address] =
                ids.map(|id| id.map_or(Null, Integer));
            [
                Integer(*position),
                id,
                time,
                revision,
                kind,
                actor,
                resource,
                source,
                actor_name,
                outcome,
                resource_name,
                address,
            ]
        }),
    )
}
