//! Converts a query of the audit log into SQL terms.

use super::AuditQuery;
use crate::read::Order;
use headgate_collector_columns::dictionary;
use headgate_collector_db::{Db, OptionalExtension, StoreError, Value};

/// A filter on the names in a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameFilter {
    /// The column. The name comes from the program.
    pub column: &'static str,
    /// The names.
    pub texts: Vec<String>,
    /// Whether the column must hold none of the names.
    pub not: bool,
}

/// A filter on the ids or names of the actor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActorFilter {
    /// The ids or names.
    pub texts: Vec<String>,
    /// Whether the actor must have none of them.
    pub not: bool,
}

/// Returns whether one of the query's actors is unknown: neither the log nor the tokens have it as an id or a name.
///
/// # Errors
/// The store cannot be read.
pub fn has_unknown_actor(db: &Db, query: &AuditQuery) -> Result<bool, StoreError> {
    for text in query.actors.iter().flat_map(|filter| &filter.texts) {
        let name = dictionary::id_of(db, text)?;
        let has_acted = match name {
            Some(name) => occurs(db, "actor_id", name)? || occurs(db, "actor_name", name)?,
            None => false,
        };
        if !has_acted && !is_token(db, text)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Returns whether an entry has this name in a column.
fn occurs(db: &Db, column: &str, name: i64) -> Result<bool, StoreError> {
    let mut select = db.prepare_cached(&format!("SELECT position FROM audit WHERE {column} = ?1 LIMIT 1"))?;
    Ok(select.query_row([name], |row| row.get::<_, i64>(0)).optional()?.is_some())
}

/// Returns whether a token has this id or name. A token without any action yet is a known actor too.
fn is_token(db: &Db, text: &str) -> Result<bool, StoreError> {
    let mut select = db.prepare_cached("SELECT id FROM tokens WHERE id = ?1 OR name = ?1 LIMIT 1")?;
    Ok(select.query_row([text], |row| row.get::<_, String>(0)).optional()?.is_some())
}

/// Returns the terms and their values; `None` if a term can match no entry.
pub(super) fn conditions(db: &Db, query: &AuditQuery) -> Result<Option<(String, Vec<Value>)>, StoreError> {
    let mut terms = String::new();
    let named = query.names.iter().map(|filter| named(db, filter));
    for term in named.chain(query.actors.iter().map(|filter| actors(db, filter))) {
        match term? {
            Term::All => {}
            Term::Some(term) => terms.push_str(&format!(" AND {term}")),
            Term::Nothing => return Ok(None),
        }
    }
    if !query.revisions.is_empty() {
        terms.push_str(&format!(" AND {}", in_list("a.revision", &query.revisions)));
    }
    if !query.not_revisions.is_empty() {
        let list = in_list("+a.revision", &query.not_revisions);
        terms.push_str(&format!(" AND (a.revision IS NULL OR NOT {list})"));
    }
    let values = bounds(query, &mut terms);
    Ok(Some((terms, values)))
}

/// A condition on ids of names.
enum Term {
    All,
    Nothing,
    Some(String),
}

fn named(db: &Db, filter: &NameFilter) -> Result<Term, StoreError> {
    let names = name_ids(db, &filter.texts)?;
    let column = format!("a.{}", filter.column);
    Ok(match (names.is_empty(), filter.not) {
        (true, false) => Term::Nothing,
        (true, true) => Term::All,
        (false, false) => Term::Some(in_list(&column, &names)),
        (false, true) => Term::Some(format!("NOT {}", in_list(&format!("+{column}"), &names))),
    })
}

fn actors(db: &Db, filter: &ActorFilter) -> Result<Term, StoreError> {
    let (mut ids, mut named) = (Vec::new(), Vec::new());
    for name in name_ids(db, &filter.texts)? {
        for (column, found) in [("actor_id", &mut ids), ("actor_name", &mut named)] {
            if occurs(db, column, name)? {
                found.push(name);
            }
        }
    }
    let has_name = |list: &str| format!("(a.actor_name IS NOT NULL AND {list})");
    let term = match (ids.as_slice(), named.as_slice()) {
        ([], []) => return Ok(if filter.not { Term::All } else { Term::Nothing }),
        // A single column is read by its index.
        (ids, []) => in_list("a.actor_id", ids),
        ([], named) => has_name(&in_list("a.actor_name", named)),
        (ids, named) => {
            format!("({} OR {})", in_list("+a.actor_id", ids), has_name(&in_list("+a.actor_name", named)))
        }
    };
    Ok(Term::Some(if filter.not { format!("NOT {term}") } else { term }))
}

fn name_ids(db: &Db, texts: &[String]) -> Result<Vec<i64>, StoreError> {
    let mut ids = Vec::new();
    for text in texts {
        ids.extend(dictionary::id_of(db, text)?);
    }
    Ok(ids)
}

fn in_list(column: &str, values: &[i64]) -> String {
    let list: Vec<_> = values.iter().map(i64::to_string).collect();
    // `+` avoids the index, which would require sorting. The log is walked in its order instead.
    let plus = if list.len() > 1 && !column.starts_with('+') { "+" } else { "" };
    format!("{plus}{column} IN ({})", list.join(","))
}

/// Appends the bounds of time and position to the terms, and returns their values.
fn bounds(query: &AuditQuery, terms: &mut String) -> Vec<Value> {
    let (after, before) = match query.order {
        Order::Descending => ("a.position <", "a.position >"),
        Order::Ascending => ("a.position >", "a.position <"),
    };
    let bounds = [("+a.time >=", query.from), ("+a.time <", query.to), (after, query.after), (before, query.before)];
    let mut values = Vec::new();
    for (comparison, value) in bounds {
        if let Some(value) = value {
            values.push(Value::Integer(value));
            terms.push_str(&format!(" AND {comparison} ?{}", values.len()));
        }
    }
    values
}
