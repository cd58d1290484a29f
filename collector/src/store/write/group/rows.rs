//! Records into tables one by one: in the same process that is the quickest way, and inserting finds what is there already.

use super::super::super::columns::{self, Cells};
use super::super::super::db::{Db, OptionalExtension, Result, params};
use super::super::super::derived::{self, Identity};
use super::{CONFLICT, ID_TAKEN, Keep, Place, Stored};
use crate::validate::{CheckedBatch, CheckedRecord};

const INSERT_ENTRY: &str = "INSERT INTO request_entries (position, schema, received_at, bytes, leaf)
    VALUES (?1, ?2, ?3, ?4, ?5)";

/// The hash of what is stored under (boot, seq).
const STORED_LEAF: &str = "SELECT e.leaf FROM requests r JOIN request_entries e USING (position)
    WHERE r.boot = ?1 AND r.seq = ?2";

pub(super) struct Rows<'a> {
    db: &'a Db,
}

impl<'a> Rows<'a> {
    pub(super) const fn new(db: &'a Db) -> Self {
        Self { db }
    }
}

impl<'a> Keep<'a> for Rows<'a> {
    fn expect(&mut self, _: i64, _: &'a CheckedBatch) -> Result<()> {
        Ok(())
    }

    fn remembers(&self, _: i64, _: &CheckedRecord) -> bool {
        false
    }

    fn known(&self, boot: i64, record: &CheckedRecord, otherwise: Stored) -> Result<Stored> {
        let stored: Option<Vec<u8>> =
            self.db.prepare_cached(STORED_LEAF)?.query_row([boot, record.seq], |row| row.get(0)).optional()?;
        Ok(match stored {
            Some(leaf) if leaf == record.leaf => Stored::Again,
            Some(_) => Stored::Refused(CONFLICT),
            None => otherwise,
        })
    }

    fn store(&mut self, place: Place, record: &'a CheckedRecord) -> Result<Stored> {
        let Place { position, boot, now } = place;
        let identity = Identity { id: record.id, boot, seq: record.seq, started_at: record.started_at };
        if !derived::identify(self.db, position, &identity)? {
            return self.known(boot, record, Stored::Refused(ID_TAKEN));
        }
        let values = params![position, record.record.schema, now, record.bytes.as_ref(), record.leaf];
        self.db.prepare_cached(INSERT_ENTRY)?.execute(values)?;
        Ok(Stored::New)
    }

    fn describe(&mut self, position: i64, cells: &Cells) -> Result<()> {
        columns::insert_fresh(self.db, position, cells)
    }

    fn finish(&mut self) -> Result<()> {
        Ok(())
    }
}
