//! Fills the columns by which retention selects records.

use headgate_collector_columns::dictionary::{Dictionary, DictionaryCache};
use headgate_collector_columns::{self as columns, Column, SEGMENT};
use headgate_collector_db::{Db, StoreError};
use serde::Deserialize;

/// Fills the columns for retention of records that are older than these columns.
pub(crate) fn retention(db: &Db) -> Result<(), StoreError> {
    let mut dictionary = DictionaryCache::default();
    let mut select = db.prepare_cached("SELECT segment FROM segments ORDER BY segment")?;
    let segments = select.query_map([], |row| row.get::<_, i64>(0))?.collect::<Result<Vec<_>, _>>()?;
    for segment in segments {
        let rows = usize::try_from(SEGMENT).unwrap_or(0);
        let (mut received, mut classes) = (vec![0; rows], vec![0; rows]);
        for (row, received_at, class) in retention_values(db, &mut dictionary, segment)? {
            if let (Some(received_slot), Some(class_slot)) = (received.get_mut(row), classes.get_mut(row)) {
                (*received_slot, *class_slot) = (received_at, class);
            }
        }
        columns::write_column(db, segment, Column::ReceivedAt, &received)?;
        columns::write_column(db, segment, Column::RetentionClass, &classes)?;
    }
    let mut select = db.prepare_cached("SELECT DISTINCT (position - 1) / ?1 FROM fresh")?;
    let open = select.query_map([SEGMENT], |row| row.get::<_, i64>(0))?.collect::<Result<Vec<_>, _>>()?;
    for segment in open {
        for (row, received_at, class) in retention_values(db, &mut dictionary, segment)? {
            let position = columns::first_of(segment) + i64::try_from(row).unwrap_or(0);
            let added = [(Column::ReceivedAt, received_at), (Column::RetentionClass, class)];
            columns::update_row(db, position, &added)?;
        }
    }
    Ok(())
}

/// Returns the row, the time of receipt and the class of each record of a segment. Unreadable records have no class.
fn retention_values(
    db: &Db,
    dictionary: &mut DictionaryCache,
    segment: i64,
) -> Result<Vec<(usize, i64, i64)>, StoreError> {
    #[derive(Deserialize)]
    struct Class {
        retention_class: String,
    }
    let first = columns::first_of(segment);
    let sql = "SELECT position - ?1, received_at, bytes FROM request_entries WHERE position BETWEEN ?1 AND ?2";
    let mut select = db.prepare_cached(sql)?;
    let rows = select.query_map([first, first + SEGMENT - 1], |row| {
        let class = serde_json::from_slice::<Class>(row.get_ref(2)?.as_blob()?).ok();
        Ok((row.get::<_, usize>(0)?, row.get::<_, i64>(1)?, class))
    })?;
    let rows = rows.collect::<Result<Vec<_>, _>>()?;
    let with_ids = rows.into_iter().map(|(row, received_at, class)| {
        let class = class.map(|class| dictionary.writer(db).name_id(&class.retention_class)).transpose()?;
        Ok((row, received_at, class.unwrap_or_default()))
    });
    with_ids.collect()
}

#[cfg(test)]
mod tests {
    use super::{Column, SEGMENT, columns, retention};
    use crate::{change, open_writer};
    use headgate_collector_columns::{FacetQuery, Filter, Range, facets};
    use headgate_collector_db::{Db, params};
    use headgate_record::RequestRecord;

    fn records(db: &Db, count: i64) {
        for position in 1..=count {
            let retention_class = if position % 2 == 0 { "30d" } else { "default" }.to_owned();
            let record = RequestRecord { schema: 1, status: 200, retention_class, ..RequestRecord::default() };
            let bytes = serde_json::to_vec(&record).unwrap();
            db.execute(
                "INSERT INTO request_entries (position, schema, received_at, bytes) VALUES (?1, 1, ?2, ?3)",
                params![position, position * 10, bytes],
            )
            .unwrap();
        }
    }

    fn counted(db: &Db) -> Vec<(String, u64)> {
        let filters = vec![Filter::Number(Column::ReceivedAt, Range { least: 50, greatest: i64::MAX })];
        let query = FacetQuery { filters, columns: vec![Column::RetentionClass], names: 9, ..FacetQuery::default() };
        facets(db, &query).unwrap().columns.remove(0).values
    }

    #[test]
    fn older_records_get_the_columns_for_retention() {
        let folder = tempfile::tempdir().unwrap();
        let mut db = open_writer(folder.path()).unwrap();
        change(&mut db, |tx| {
            records(tx, SEGMENT + 100);
            crate::backfill::columns(tx)
        })
        .unwrap();
        let expected = counted(&db);
        assert_eq!(expected, [("30d".to_owned(), 8_240), ("default".to_owned(), 8_240)]);
        change(&mut db, |tx| {
            let younger = [Column::ReceivedAt, Column::RetentionClass].map(|column| column as i64);
            tx.execute("DELETE FROM segment_columns WHERE part % 64 = ?1 OR part % 64 = ?2", younger)?;
            for position in SEGMENT + 1..=SEGMENT + 100 {
                columns::update_row(tx, position, &[(Column::ReceivedAt, 0), (Column::RetentionClass, 0)])?;
            }
            Ok(())
        })
        .unwrap();
        assert_ne!(counted(&db), expected);
        change(&mut db, retention).unwrap();
        assert_eq!(counted(&db), expected);
    }
}
