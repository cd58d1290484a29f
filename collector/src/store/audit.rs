//! The audit log in the database: appending, and the pages of it.
//!
//! Pages are ordered by position, as those of the request log: an entry of another system may arrive late with an old
//! time, and a reader that follows by time would never see it.

mod ready;
mod terms;

pub(super) use ready::append_all;
pub use ready::{Ready, new_id};
pub use terms::{ActorFilter, NameFilter, unknown_actor};

use super::db::{self, Db, OptionalExtension, Value, params, params_from_iter};
use super::leaf::Kept;
use super::names::Names;
use super::read::Order;
use super::{Log, StoreError};
use crate::audit::Entry;
use crate::clock;

const INSERT_ENTRY: &str = "INSERT INTO audit_entries (position, schema, received_at, bytes, leaf)
    VALUES (?1, ?2, ?3, ?4, ?5)";

/// What became of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Appended {
    /// It stands at this position now.
    New {
        /// Place in the append order, from 1.
        position: i64,
        /// Its id.
        id: String,
    },
    /// The same entry is there already.
    Again,
    /// Another entry has this id.
    IdTaken,
}

/// Appends an entry within a write transaction, masking its secrets and giving it an id if it has none.
///
/// # Errors
/// The store cannot be written: the transaction must be given up.
pub fn append(tx: &Db, entry: &Entry) -> Result<Appended, StoreError> {
    let ready = Ready::of(entry.clone())?;
    if let Some(stored) = leaf_of(tx, &ready.id)? {
        return Ok(if stored == ready.leaf { Appended::Again } else { Appended::IdTaken });
    }
    let now = clock::now_us();
    tx.begin_day(Log::Audit.table(), now)?;
    let position = positions(tx, 1)?;
    insert(tx, &mut Names::default(), position, now, &ready)?;
    Ok(Appended::New { position, id: ready.entry.id })
}

/// Places for so many entries; gives the first.
fn positions(tx: &Db, count: i64) -> db::Result<i64> {
    tx.prepare_cached(
        "UPDATE log_heads SET next_position = next_position + ?1 WHERE log = 'audit' RETURNING next_position - ?1",
    )?
    .query_row([count], |row| row.get(0))
}

fn insert(tx: &Db, names: &mut Names, position: i64, now: i64, ready: &Ready) -> db::Result<()> {
    let Ready { entry, id, bytes, leaf } = ready;
    tx.prepare_cached(INSERT_ENTRY)?.execute(params![position, entry.schema, now, bytes, leaf])?;
    index(tx, names, position, id, entry)
}

/// Writes what filters read.
pub(super) fn index(tx: &Db, names: &mut Names, position: i64, id: &[u8; 16], entry: &Entry) -> db::Result<()> {
    let [kind, actor, resource, source] = numbers(tx, names, entry)?;
    let actor_name = actor_name(tx, names, entry)?;
    tx.prepare_cached(
        "INSERT INTO audit (position, id, time, type, actor_id, resource_id, source, revision, actor_name)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?
    .execute(params![position, id, time(entry), kind, actor, resource, source, revision(entry), actor_name])?;
    Ok(())
}

/// The number of the actor's name, if the entry tells one.
pub(super) fn actor_name(tx: &Db, names: &mut Names, entry: &Entry) -> db::Result<Option<i64>> {
    names.maybe(tx, entry.actor.name.as_deref())
}

/// The names that filters compare, as numbers.
fn numbers(tx: &Db, names: &mut Names, entry: &Entry) -> db::Result<[i64; 4]> {
    Ok([
        names.number(tx, &entry.kind)?,
        names.number(tx, &entry.actor.id)?,
        names.number(tx, &entry.resource.id)?,
        names.number(tx, &entry.source)?,
    ])
}

/// Its time as filters compare it, µs.
pub(super) fn time(entry: &Entry) -> i64 {
    i64::try_from(entry.time).unwrap_or(i64::MAX)
}

/// The number of the policy revision that it belongs to.
pub(super) fn revision(entry: &Entry) -> Option<i64> {
    entry.revision.and_then(|number| i64::try_from(number).ok())
}

/// Something of the entry's hash; only a sound one can equal another.
fn leaf_of(db: &Db, id: &[u8; 16]) -> db::Result<Option<Vec<u8>>> {
    db.prepare_cached("SELECT e.leaf FROM audit a JOIN audit_entries e USING (position) WHERE a.id = ?1")?
        .query_row([id], |row| row.get(0))
        .optional()
}

/// The entry with this id.
///
/// # Errors
/// The store cannot be read.
pub fn find_audit(db: &Db, id: &[u8; 16]) -> Result<Option<Kept>, StoreError> {
    let sql =
        "SELECT a.position, e.bytes, e.leaf FROM audit a LEFT JOIN audit_entries e USING (position) WHERE a.id = ?1";
    Ok(db.prepare_cached(sql)?.query_row([id], |row| Kept::judge(row.get(0)?, row, 1, 2)).optional()?)
}

/// Where the next entry will be.
///
/// # Errors
/// The store cannot be read.
pub fn next_audit_position(db: &Db) -> Result<i64, StoreError> {
    let mut select = db.prepare_cached("SELECT next_position FROM log_heads WHERE log = 'audit'")?;
    Ok(select.query_row([], |row| row.get(0))?)
}

/// The place of the entry with this id.
///
/// # Errors
/// The store cannot be read.
pub fn audit_position(db: &Db, id: &[u8; 16]) -> Result<Option<i64>, StoreError> {
    let mut select = db.prepare_cached("SELECT position FROM audit WHERE id = ?1")?;
    Ok(select.query_row([id], |row| row.get(0)).optional()?)
}

/// One page of the audit log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditQuery {
    /// Names that columns must or must not hold.
    pub names: Vec<NameFilter>,
    /// Ids or names that actors must or must not have.
    pub actors: Vec<ActorFilter>,
    /// Numbers of the policy revisions they belong to; any if empty.
    pub revisions: Vec<i64>,
    /// Numbers of policy revisions they do not belong to.
    pub not_revisions: Vec<i64>,
    /// `time` from here on, µs.
    pub from: Option<i64>,
    /// `time` before this, µs.
    pub to: Option<i64>,
    /// Which end comes first.
    pub order: Order,
    /// Most entries.
    pub limit: usize,
    /// Only behind this position, in the page's order.
    pub after: Option<i64>,
    /// Only ahead of this position, and then those next to it.
    pub before: Option<i64>,
}

/// An entry as it is stored.
#[derive(Debug, PartialEq, Eq)]
pub struct AuditRow {
    /// Place in the append order, from 1.
    pub position: i64,
    /// The UUID's 16 bytes.
    pub id: [u8; 16],
    /// Its canonical bytes, or that they are damaged.
    pub kept: Kept,
}

/// Entries in the page's order.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct AuditPage {
    /// In the page's order.
    pub entries: Vec<AuditRow>,
    /// Whether more match beyond the last one; with `before`, beyond the first one.
    pub has_more: bool,
}

/// The page that follows `query.after`, or ends at `query.before`.
///
/// # Errors
/// The store cannot be read, or not in time.
pub fn list_audit(db: &Db, query: &AuditQuery) -> Result<AuditPage, StoreError> {
    let Some((terms, mut values)) = terms::conditions(db, query)? else {
        return Ok(AuditPage::default());
    };
    // Backwards from `before`: read in the other direction, then turn around.
    let backwards = query.before.is_some() && query.after.is_none();
    let ascending = (query.order == Order::Ascending) != backwards;
    let limit = i64::try_from(query.limit).unwrap_or(i64::MAX).saturating_add(1);
    values.push(Value::Integer(limit));
    let sql = format!(
        "SELECT a.position, a.id, e.bytes, e.leaf FROM audit a LEFT JOIN audit_entries e ON e.position = a.position
         WHERE a.position > 0{terms} ORDER BY a.position {} LIMIT ?{}",
        if ascending { "ASC" } else { "DESC" },
        values.len()
    );
    let mut select = db.prepare_cached(&sql)?;
    let rows = select.query_map(params_from_iter(values), |row| {
        let position = row.get(0)?;
        Ok(AuditRow { position, id: row.get(1)?, kept: Kept::judge(position, row, 2, 3)? })
    })?;
    let mut page = AuditPage { entries: rows.collect::<Result<_, _>>()?, has_more: false };
    page.has_more = page.entries.len() > query.limit;
    page.entries.truncate(query.limit);
    if backwards {
        page.entries.reverse();
    }
    Ok(page)
}
