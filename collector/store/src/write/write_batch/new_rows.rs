//! Writes the new records of a write batch: on a server with three bulk copies, and in a file one by one, which is the
//! fastest way there.

use headgate_collector_columns::identity::{self, Identity};
use headgate_collector_columns::{self as columns, RowValues};
use headgate_collector_db::{Bulk, Db, Result, StoreError, ValueRef, params};
use headgate_collector_types::LeafHash;
use headgate_collector_types::validate::CheckedRecord;

const INSERT_ENTRY: &str = "INSERT INTO request_entries (position, schema, received_at, bytes, leaf)
    VALUES (?1, ?2, ?3, ?4, ?5)";
const COPY_REQUESTS: &str = "COPY requests (position, id, boot, seq, started_at, received_at) FROM STDIN BINARY";
const COPY_ENTRIES: &str = "COPY request_entries_by_day (position, schema, received_at, bytes, leaf) FROM STDIN BINARY";

/// A new record and its position.
pub(super) struct NewRow<'a> {
    pub(super) position: i64,
    pub(super) boot: i64,
    /// The key of its id in the index.
    pub(super) key: [u8; 16],
    pub(super) record: &'a CheckedRecord,
}

/// The new records of a write batch.
#[derive(Default)]
pub(super) struct NewRows<'a> {
    rows: Vec<NewRow<'a>>,
    row_values: Vec<(i64, Vec<u8>)>,
}

impl<'a> NewRows<'a> {
    pub(super) fn push(&mut self, row: NewRow<'a>, row_values: &RowValues) {
        self.row_values.push((row.position, columns::encode_row(row_values)));
        self.rows.push(row);
    }

    /// Returns the leaf hashes of all rows, in the order of their positions.
    pub(super) fn leaf_hashes(&self) -> impl Iterator<Item = LeafHash> {
        self.rows.iter().map(|row| row.record.leaf_hash)
    }

    /// Writes all rows. `now` is the time of their receipt, in µs.
    pub(super) fn write(&self, db: &Db, now: i64) -> Result<()> {
        match db.bulk() {
            Some(bulk) => self.copy(bulk, now)?,
            None => self.insert(db, now)?,
        }
        columns::insert_rows(db, &self.row_values)
    }

    fn insert(&self, db: &Db, now: i64) -> Result<()> {
        let mut insert_entry = db.prepare_cached(INSERT_ENTRY)?;
        for NewRow { position, boot, key, record } in &self.rows {
            let identity = Identity { id: *key, boot: *boot, seq: record.seq, started_at: record.started_at };
            if !identity::insert(db, *position, &identity)? {
                // The lookup did not find an existing row, so an index is broken.
                return Err(StoreError::Damaged.into());
            }
            insert_entry.execute(params![
                *position,
                record.record.schema,
                now,
                record.bytes.as_ref(),
                record.leaf_hash
            ])?;
        }
        Ok(())
    }

    fn copy(&self, bulk: Bulk<'_>, now: i64) -> Result<()> {
        use ValueRef::{Blob, Integer};
        bulk.copy(
            COPY_ENTRIES,
            self.rows.iter().map(|NewRow { position, record, .. }| {
                let schema = Integer(record.record.schema.into());
                [Integer(*position), schema, Integer(now), Blob(&record.bytes), Blob(&record.leaf_hash)]
            }),
        )?;
        bulk.copy(
            COPY_REQUESTS,
            self.rows.iter().map(|NewRow { position, boot, key, record }| {
                let (boot, seq) = (Integer(*boot), Integer(record.seq));
                [Integer(*position), Blob(key), boot, seq, Integer(record.started_at), Integer(now)]
            }),
        )
    }
}
