//! Building anew what is derived from the entries.

use super::StoreError;
use super::columns::{self, SEGMENT};
use super::db::Db;
use super::names::Names;
use crate::journal;
use headgate_record::RequestRecord;

/// The columns of all records. One that cannot be read keeps its place and has no values; the operator is told.
pub(super) fn columns(db: &Db) -> Result<(), StoreError> {
    let mut names = Names::default();
    let mut unreadable = 0_u64;
    each(db, |position, bytes| {
        let record = serde_json::from_slice::<RequestRecord>(bytes).unwrap_or_else(|_| {
            unreadable += 1;
            RequestRecord::default()
        });
        columns::insert_fresh(db, position, &columns::cells(db, &mut names, &record)?)?;
        if position % SEGMENT == 0 {
            columns::seal(db, position + 1)?;
        }
        Ok(())
    })?;
    if unreadable > 0 {
        journal::line(&format!("{unreadable} stored records cannot be read; they are kept as they are"));
    }
    Ok(())
}

fn each(db: &Db, mut visit: impl FnMut(i64, &[u8]) -> Result<(), StoreError>) -> Result<(), StoreError> {
    let mut select = db.prepare_cached("SELECT position, bytes FROM request_entries ORDER BY position")?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        visit(row.get(0)?, row.get_ref(1)?.as_blob().map_err(|_| StoreError::Damaged)?)?;
    }
    Ok(())
}
