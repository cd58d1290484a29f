//! The audit log in the database: appending, and its pages.
//!
//! Pages are ordered by position, like those of the request log. An entry of another system may arrive late with an old
//! time, and a reader that follows the log by time would never see it.

mod delivered;
mod prepared_entry;
mod search;
mod terms;

pub use delivered::{append_delivered, append_from_sender};
pub(super) use prepared_entry::append_all;
pub use prepared_entry::{PreparedEntry, new_id};
pub use terms::{ActorFilter, NameFilter, has_unknown_actor};

use super::leaf_hash::verify;
use super::read::Order;
use super::tree::grow;
use headgate_collector_columns::dictionary::{Dictionary, DictionaryCache};
use headgate_collector_db::{self as db, Db, OptionalExtension, StoreError, Value, params, params_from_iter};
use headgate_collector_types::audit::Entry;
use headgate_collector_types::{Log, StoredEntry, clock};

const INSERT_ENTRY: &str = "INSERT INTO audit_entries (position, schema, received_at, bytes, leaf)
    VALUES (?1, ?2, ?3, ?4, ?5)";

/// The outcome of appending an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Appended {
    /// The entry is stored.
    New {
        /// The position in the log, from 1.
        position: i64,
        /// The id of the entry.
        id: String,
    },
    /// The same entry is stored already.
    Duplicate,
    /// Another entry has this id.
    IdTaken,
}

/// Appends an entry within a write transaction. It masks the entry's secrets and assigns an id if there is none.
///
/// # Errors
/// The store cannot be written, and the transaction must be given up.
pub fn append(tx: &Db, entry: &Entry) -> Result<Appended, StoreError> {
    let prepared = PreparedEntry::new(entry.clone())?;
    if let Some(stored) = stored_leaf_hash(tx, &prepared.id)? {
        return Ok(if stored == prepared.leaf_hash { Appended::Duplicate } else { Appended::IdTaken });
    }
    let now = clock::now_us();
    tx.begin_day(Log::Audit.table(), now)?;
    let position = reserve_positions(tx, 1)?;
    insert(tx, &mut DictionaryCache::default().writer(tx), position, now, &prepared)?;
    grow(tx, Log::Audit, position, [prepared.leaf_hash])?;
    Ok(Appended::New { position, id: prepared.entry.id })
}

/// Reserves positions and returns the first.
fn reserve_positions(tx: &Db, count: i64) -> db::Result<i64> {
    tx.prepare_cached(
        "UPDATE log_heads SET next_position = next_position + ?1 WHERE log = 'audit' RETURNING next_position - ?1",
    )?
    .query_row([count], |row| row.get(0))
}

fn insert(
    tx: &Db,
    dictionary: &mut impl Dictionary,
    position: i64,
    now: i64,
    prepared: &PreparedEntry,
) -> db::Result<()> {
    let PreparedEntry { entry, id, bytes, leaf_hash } = prepared;
    tx.prepare_cached(INSERT_ENTRY)?.execute(params![position, entry.schema, now, bytes, leaf_hash])?;
    insert_index_row(tx, dictionary, position, id, entry)
}

/// Writes the columns that filters read.
pub(super) fn insert_index_row(
    tx: &Db,
    dictionary: &mut impl Dictionary,
    position: i64,
    id: &[u8; 16],
    entry: &Entry,
) -> db::Result<()> {
    let [kind, actor, resource, source, actor_name, outcome, resource_name, address] = name_ids(dictionary, entry)?;
    tx.prepare_cached(
        "INSERT INTO audit (position, id, time, revision, type, actor_id, resource_id, source, actor_name, outcome,
           resource_name, address) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
    )?
    .execute(params![
        position,
        id,
        time(entry),
        revision(entry),
        kind,
        actor,
        resource,
        source,
        actor_name,
        outcome,
        resource_name,
        address
    ])?;
    Ok(())
}

/// The columns with ids of names, in the order of [`names_of`].
pub(super) const NAME_COLUMNS: [&str; 8] =
    ["type", "actor_id", "resource_id", "source", "actor_name", "outcome", "resource_name", "address"];

/// Returns the names that filters compare.
pub(super) fn names_of(entry: &Entry) -> [Option<&str>; NAME_COLUMNS.len()] {
    let Entry { kind, actor, resource, source, outcome, .. } = entry;
    [
        Some(kind),
        Some(&actor.id),
        Some(&resource.id),
        Some(source),
        actor.name.as_deref(),
        Some(outcome.as_str()),
        resource.name.as_deref(),
        actor.address.as_deref(),
    ]
}

/// Returns the ids of the names that filters compare.
pub(super) fn name_ids(
    dictionary: &mut impl Dictionary,
    entry: &Entry,
) -> db::Result<[Option<i64>; NAME_COLUMNS.len()]> {
    let mut ids = [None; NAME_COLUMNS.len()];
    for (id, name) in ids.iter_mut().zip(names_of(entry)) {
        *id = name.map(|name| dictionary.name_id(name)).transpose()?;
    }
    Ok(ids)
}

/// Returns the time of an entry as filters compare it, in µs.
pub(super) fn time(entry: &Entry) -> i64 {
    i64::try_from(entry.time).unwrap_or(i64::MAX)
}

/// Returns the number of the policy revision that an entry belongs to.
pub(super) fn revision(entry: &Entry) -> Option<i64> {
    entry.revision.and_then(|number| i64::try_from(number).ok())
}

/// Returns the stored value of an entry's leaf hash. Only an intact value can equal another hash.
fn stored_leaf_hash(db: &Db, id: &[u8; 16]) -> db::Result<Option<Vec<u8>>> {
    db.prepare_cached("SELECT e.leaf FROM audit a JOIN audit_entries e USING (position) WHERE a.id = ?1")?
        .query_row([id], |row| row.get(0))
        .optional()
}

/// Returns the entry with this id.
///
/// # Errors
/// The store cannot be read.
pub fn find_audit(db: &Db, id: &[u8; 16]) -> Result<Option<StoredEntry>, StoreError> {
    let sql =
        "SELECT a.position, e.bytes, e.leaf FROM audit a LEFT JOIN audit_entries e USING (position) WHERE a.id = ?1";
    Ok(db.prepare_cached(sql)?.query_row([id], |row| verify(row.get(0)?, row, 1, 2)).optional()?)
}

/// Returns the position of the next entry.
///
/// # Errors
/// The store cannot be read.
pub fn next_audit_position(db: &Db) -> Result<i64, StoreError> {
    let mut select = db.prepare_cached("SELECT next_position FROM log_heads WHERE log = 'audit'")?;
    Ok(select.query_row([], |row| row.get(0))?)
}

/// Returns the position of the entry with this id.
///
/// # Errors
/// The store cannot be read.
pub fn audit_position(db: &Db, id: &[u8; 16]) -> Result<Option<i64>, StoreError> {
    let mut select = db.prepare_cached("SELECT position FROM audit WHERE id = ?1")?;
    Ok(select.query_row([id], |row| row.get(0)).optional()?)
}

/// A query for one page of the audit log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditQuery {
    /// Names that columns must or must not hold.
    pub names: Vec<NameFilter>,
    /// Ids or names that actors must or must not have.
    pub actors: Vec<ActorFilter>,
    /// A text that one of the entry's names contains, in any case.
    pub contains: Option<String>,
    /// Numbers of the entries' policy revisions; any if empty.
    pub revisions: Vec<i64>,
    /// Numbers of policy revisions to leave out.
    pub not_revisions: Vec<i64>,
    /// The least `time`, in µs.
    pub from: Option<i64>,
    /// The end of `time`, exclusive, in µs.
    pub to: Option<i64>,
    /// The order of the page.
    pub order: Order,
    /// The most entries.
    pub limit: usize,
    /// Only entries behind this position, in the page's order.
    pub after: Option<i64>,
    /// Only entries ahead of this position, and of those the nearest.
    pub before: Option<i64>,
}

/// An entry as it is stored.
#[derive(Debug, PartialEq, Eq)]
pub struct AuditRow {
    /// The position in the log, from 1.
    pub position: i64,
    /// The 16 bytes of the UUID.
    pub id: [u8; 16],
    /// The canonical bytes, or a mark that they are damaged.
    pub entry: StoredEntry,
}

/// A page of entries.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct AuditPage {
    /// The entries, in the page's order.
    pub entries: Vec<AuditRow>,
    /// Whether more entries match beyond the last one; with `before`, beyond the first one.
    pub has_more: bool,
}

/// Returns the page that follows `query.after`, or that ends at `query.before`.
///
/// # Errors
/// The store cannot be read, or not in time.
pub fn list_audit(db: &Db, query: &AuditQuery) -> Result<AuditPage, StoreError> {
    let Some((mut terms, mut values)) = terms::conditions(db, query)? else {
        return Ok(AuditPage::default());
    };
    // A page that ends at `before` is read in the other direction and then reversed.
    let backwards = query.before.is_some() && query.after.is_none();
    let ascending = (query.order == Order::Ascending) != backwards;
    let direction = if ascending { "ASC" } else { "DESC" };
    if let Some(text) = &query.contains {
        let found = search::positions(db, text, &terms, &values, ascending, query.limit.saturating_add(1))?;
        (terms, values) = (format!(" AND a.position IN ({})", search::list(&found)), Vec::new());
    }
    let limit = i64::try_from(query.limit).unwrap_or(i64::MAX).saturating_add(1);
    values.push(Value::Integer(limit));
    let sql = format!(
        "SELECT a.position, a.id, e.bytes, e.leaf FROM audit a LEFT JOIN audit_entries e ON e.position = a.position
         WHERE a.position > 0{terms} ORDER BY a.position {direction} LIMIT ?{}",
        values.len()
    );
    let mut select = db.prepare_cached(&sql)?;
    let rows = select.query_map(params_from_iter(values), |row| {
        let position = row.get(0)?;
        Ok(AuditRow { position, id: row.get(1)?, entry: verify(position, row, 2, 3)? })
    })?;
    let mut page = AuditPage { entries: rows.collect::<Result<_, _>>()?, has_more: false };
    page.has_more = page.entries.len() > query.limit;
    page.entries.truncate(query.limit);
    if backwards {
        page.entries.reverse();
    }
    Ok(page)
}
