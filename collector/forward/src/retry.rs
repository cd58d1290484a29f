//! Dead letters, delivered once more.

use crate::dead_letters;
use crate::event::Event;
use crate::service::Forwarders;
use crate::verdict::Verdict;
use headgate_collector_db::{Db, OptionalExtension, Row, StoreError};
use headgate_collector_store::verify_entry;

/// The most dead letters of one retry.
const AT_ONCE: i64 = 100;

impl Forwarders {
    /// Delivers dead letters once more, one by one, at most 100. Returns how many were delivered and how many remain; `None` if
    /// there is no such forwarder.
    ///
    /// # Errors
    /// The store cannot be used.
    pub async fn retry(&self, id: &str, channel: &str) -> Result<Option<(u64, i64)>, StoreError> {
        if self.find(id).is_none() {
            return Ok(None);
        }
        let name = id.to_owned();
        let events = self.readers().query(move |db| events(db, &name)).await?;
        let mut delivered = 0_u64;
        for event in events {
            let (log, position) = (event.log, event.position);
            match self.deliver_one(id, channel.to_owned(), event).await {
                Some(Verdict::Delivered { refused }) if refused.is_empty() => {}
                // Nothing else will be taken now.
                Some(Verdict::Retry { .. } | Verdict::Blocked(_)) => break,
                _ => continue,
            }
            let name = id.to_owned();
            self.writes().transact(move |tx| dead_letters::remove(tx, &name, log, &[position])).await?;
            delivered = delivered.saturating_add(1);
        }
        let name = id.to_owned();
        let left = self.readers().query(move |db| dead_letters::count(db, &name)).await?;
        Ok(Some((delivered, left)))
    }
}

/// Returns the entries of the oldest dead letters that are still there and intact.
fn events(db: &Db, id: &str) -> Result<Vec<Event>, StoreError> {
    let mut events = Vec::new();
    for letter in dead_letters::list(db, id, AT_ONCE)? {
        let (log, position) = (letter.log, letter.position);
        let sql = format!("SELECT bytes, leaf FROM {} WHERE position = ?1", log.table());
        let read = |row: &Row<'_>| verify_entry(position, row, 0, 1);
        let entry = db.prepare_cached(&sql)?.query_row([position], read).optional()?;
        events.extend(entry.and_then(|entry| Event::of(log, position, entry)));
    }
    Ok(events)
}
