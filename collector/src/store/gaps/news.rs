//! Gaps in the audit log: that some were opened, that some were closed.
//!
//! An entry for each gap would let one sender fill the log. What happens is counted in the transaction it happens in, and told
//! at most once a minute, as one entry for all that were opened and one for all that were closed.

use super::super::StoreError;
use super::super::db::{self, Db, params};
use crate::audit::{self, Actor, Change, Entry, Operation, Resource};

/// Pause between two entries, µs.
const TOLD_US: i64 = 60_000_000;
/// Proxies that an entry names.
const NAMED: i64 = 8;

/// What became of gaps: how many, and of how many records.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::store) struct News {
    opened: (i64, i64),
    closed: (i64, i64),
}

impl News {
    pub(super) fn opened(&mut self, records: i64) {
        add(&mut self.opened, (1, records));
    }

    pub(super) fn closed(&mut self, records: i64) {
        add(&mut self.closed, (1, records));
    }

    /// Takes in what else happened.
    pub(in crate::store) fn and(&mut self, other: &Self) {
        add(&mut self.opened, other.opened);
        add(&mut self.closed, other.closed);
    }
}

fn add(sum: &mut (i64, i64), (gaps, records): (i64, i64)) {
    *sum = (sum.0.saturating_add(gaps), sum.1.saturating_add(records));
}

/// Counts what happened for the next entry.
pub(in crate::store) fn count_news(tx: &Db, news: &News) -> Result<(), StoreError> {
    if *news == News::default() {
        return Ok(());
    }
    let (mut all, told_at) = read(tx)?;
    all.and(news);
    write(tx, &all, told_at)
}

/// Writes what was counted to the audit log, if there is something and the last entry is a minute old. Tells whether it did.
///
/// # Errors
/// The store cannot be written.
pub fn tell_gaps(tx: &Db, now: i64) -> Result<bool, StoreError> {
    let (news, told_at) = read(tx)?;
    if news == News::default() || (told_at..told_at.saturating_add(TOLD_US)).contains(&now) {
        return Ok(false);
    }
    for (kind, column, (gaps, records)) in
        [("gaps.opened", "noticed_at", news.opened), ("gaps.closed", "closed_at", news.closed)]
    {
        if gaps > 0 {
            audit::append(tx, &entry(kind, gaps, records, &nodes(tx, column, told_at)?))?;
        }
    }
    write(tx, &News::default(), now)?;
    Ok(true)
}

fn entry(kind: &str, gaps: i64, records: i64, nodes: &str) -> Entry {
    let resource = Resource::new("log", "requests").named(nodes.chars().take(256).collect::<String>());
    let change = Change { path: "records".to_owned(), before: None, after: Some(records.into()) };
    let mut entry = Entry::new(kind, Operation::Other, Actor::system(), resource).with_changes(vec![change]);
    entry.count = u64::try_from(gaps).ok();
    entry
}

/// The proxies whose gaps these are, or the first of them.
fn nodes(tx: &Db, column: &str, since: i64) -> Result<String, StoreError> {
    let mut select = tx.prepare_cached(&format!(
        "SELECT DISTINCT b.node FROM gaps g JOIN boots b ON b.boot = g.boot WHERE g.{column} >= ?1 LIMIT ?2"
    ))?;
    let nodes = select.query_map([since, NAMED], |row| row.get::<_, String>(0))?.collect::<Result<Vec<_>, _>>()?;
    Ok(nodes.join(" "))
}

fn read(db: &Db) -> db::Result<(News, i64)> {
    let sql = "SELECT opened, opened_records, closed, closed_records, told_at FROM gap_news WHERE id = 1";
    db.prepare_cached(sql)?.query_row([], |row| {
        let news = News { opened: (row.get(0)?, row.get(1)?), closed: (row.get(2)?, row.get(3)?) };
        Ok((news, row.get(4)?))
    })
}

fn write(tx: &Db, news: &News, told_at: i64) -> Result<(), StoreError> {
    tx.prepare_cached(
        "UPDATE gap_news SET opened = ?1, opened_records = ?2, closed = ?3, closed_records = ?4, told_at = ?5
         WHERE id = 1",
    )?
    .execute(params![news.opened.0, news.opened.1, news.closed.0, news.closed.1, told_at])?;
    Ok(())
}
