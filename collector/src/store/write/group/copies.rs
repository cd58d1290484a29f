//! Records into tables many at once: each batch asks once what is there already, and the group is written in three copies.

use super::super::super::columns::{self, Cells};
use super::super::super::db::{Bulk, Result, ValueRef};
use super::{CONFLICT, ID_TAKEN, Keep, Place, Stored};
use crate::validate::{CheckedBatch, CheckedRecord};
use std::collections::{HashMap, HashSet};

/// What is stored under one of these numbers of a boot, or one of these ids. Numbers and entries are looked up one by one
/// (`OFFSET 0` keeps the planner from turning that round): asked for `seq = ANY` of a list, it may read all of the boot, and
/// takes ever longer as the log grows.
const KNOWN: &str = "SELECT r.boot, r.seq, r.id, e.leaf FROM (
      SELECT n.* FROM unnest(?2) asked (seq) CROSS JOIN LATERAL (
        SELECT position, received_at, boot, seq, id FROM requests q WHERE q.boot = ?1 AND q.seq = asked.seq OFFSET 0
      ) n
      UNION SELECT position, received_at, boot, seq, id FROM requests WHERE id = ANY (?3)
    ) r LEFT JOIN LATERAL (
      SELECT leaf FROM request_entries_by_day d
      WHERE d.position = r.position AND d.received_at = r.received_at OFFSET 0
    ) e ON true";

const REQUESTS: &str = "COPY requests (position, id, boot, seq, started_at, received_at) FROM STDIN BINARY";
const ENTRIES: &str = "COPY request_entries_by_day (position, schema, received_at, bytes, leaf) FROM STDIN BINARY";

pub(super) struct Copies<'a> {
    bulk: Bulk<'a>,
    /// Hashes by (boot, seq); `None` if the entry is lost.
    known: HashMap<(i64, i64), Option<Vec<u8>>>,
    ids: HashSet<[u8; 16]>,
    new: Vec<(Place, &'a CheckedRecord)>,
    cells: Vec<(i64, Vec<u8>)>,
}

impl<'a> Copies<'a> {
    pub(super) fn new(bulk: Bulk<'a>) -> Self {
        Self { bulk, known: HashMap::new(), ids: HashSet::new(), new: Vec::new(), cells: Vec::new() }
    }
}

impl<'a> Keep<'a> for Copies<'a> {
    fn expect(&mut self, boot: i64, batch: &'a CheckedBatch) -> Result<()> {
        let seqs: Vec<i64> = batch.records.iter().map(|record| record.seq).collect();
        let ids: Vec<&[u8]> = batch.records.iter().map(|record| record.id.as_slice()).collect();
        let found = self.bulk.look_up(KNOWN, (boot, &seqs, &ids), |row| {
            Ok(((row.get(0)?, row.get(1)?), row.get::<_, [u8; 16]>(2)?, row.get(3)?))
        })?;
        for (number, id, leaf) in found {
            self.known.insert(number, leaf);
            self.ids.insert(id);
        }
        Ok(())
    }

    fn remembers(&self, boot: i64, record: &CheckedRecord) -> bool {
        self.known.contains_key(&(boot, record.seq))
    }

    fn known(&self, boot: i64, record: &CheckedRecord, otherwise: Stored) -> Result<Stored> {
        Ok(match self.known.get(&(boot, record.seq)) {
            Some(Some(leaf)) if *leaf == record.leaf => Stored::Again,
            Some(Some(_)) => Stored::Refused(CONFLICT),
            Some(None) | None => otherwise,
        })
    }

    fn store(&mut self, place: Place, record: &'a CheckedRecord) -> Result<Stored> {
        let number = (place.boot, record.seq);
        if self.known.contains_key(&number) {
            return self.known(place.boot, record, Stored::Refused(ID_TAKEN));
        }
        if !self.ids.insert(record.id) {
            return Ok(Stored::Refused(ID_TAKEN));
        }
        self.known.insert(number, Some(record.leaf.to_vec()));
        self.new.push((place, record));
        Ok(Stored::New)
    }

    fn describe(&mut self, position: i64, cells: &Cells) -> Result<()> {
        self.cells.push((position, columns::encoded(cells)));
        Ok(())
    }

    fn finish(&mut self) -> Result<()> {
        use ValueRef::{Blob, Integer};
        self.bulk.copy(
            ENTRIES,
            self.new.iter().map(|(place, record)| {
                let schema = Integer(record.record.schema.into());
                [Integer(place.position), schema, Integer(place.now), Blob(&record.bytes), Blob(&record.leaf)]
            }),
        )?;
        self.bulk.copy(
            REQUESTS,
            self.new.iter().map(|(place, record)| {
                let (boot, seq) = (Integer(place.boot), Integer(record.seq));
                [Integer(place.position), Blob(&record.id), boot, seq, Integer(record.started_at), Integer(place.now)]
            }),
        )?;
        columns::copy_fresh(self.bulk, &self.cells)
    }
}
