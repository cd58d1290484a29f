//! A query of the audit log as terms of SQL.

use super::AuditQuery;
use crate::store::db::{Db, OptionalExtension, Value};
use crate::store::read::Order;
use crate::store::{StoreError, names};

/// A column must hold one of these names, or none of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameFilter {
    /// It comes from the program.
    pub column: &'static str,
    /// The names.
    pub texts: Vec<String>,
    /// Whether it must hold none of them.
    pub not: bool,
}

/// The actor must have one of these ids or names, or none of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActorFilter {
    /// Ids or names.
    pub texts: Vec<String>,
    /// Whether it must have none of them.
    pub not: bool,
}

/// Whether one of the query's actors is unknown: neither the log nor the list of tokens has it as an id or a name.
///
/// # Errors
/// The store cannot be read.
pub fn unknown_actor(db: &Db, query: &AuditQuery) -> Result<bool, StoreError> {
    for text in query.actors.iter().flat_map(|filter| &filter.texts) {
        let number = names::number_of(db, text)?;
        let has_acted = match number {
            Some(number) => occurs(db, "actor_id", number)? || occurs(db, "actor_name", number)?,
            None => false,
        };
        if !has_acted && !is_token(db, text)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether an entry has this name in a column.
fn occurs(db: &Db, column: &str, name: i64) -> Result<bool, StoreError> {
    let mut select = db.prepare_cached(&format!("SELECT position FROM audit WHERE {column} = ?1 LIMIT 1"))?;
    Ok(select.query_row([name], |row| row.get::<_, i64>(0)).optional()?.is_some())
}

/// A token that has not acted yet is known all the same.
fn is_token(db: &Db, text: &str) -> Result<bool, StoreError> {
    let mut select = db.prepare_cached("SELECT id FROM tokens WHERE id = ?1 OR name = ?1 LIMIT 1")?;
    Ok(select.query_row([text], |row| row.get::<_, String>(0)).optional()?.is_some())
}

/// The terms and their values; `None` if one names what no entry holds.
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
        terms.push_str(&format!(" AND {}", within("a.revision", &query.revisions)));
    }
    if !query.not_revisions.is_empty() {
        let list = within("+a.revision", &query.not_revisions);
        terms.push_str(&format!(" AND (a.revision IS NULL OR NOT {list})"));
    }
    let values = bounds(query, &mut terms);
    Ok(Some((terms, values)))
}

/// A condition in numbers.
enum Term {
    All,
    Nothing,
    Some(String),
}

fn named(db: &Db, filter: &NameFilter) -> Result<Term, StoreError> {
    let numbers = numbers(db, &filter.texts)?;
    let column = format!("a.{}", filter.column);
    Ok(match (numbers.is_empty(), filter.not) {
        (true, false) => Term::Nothing,
        (true, true) => Term::All,
        (false, false) => Term::Some(within(&column, &numbers)),
        (false, true) => Term::Some(format!("NOT {}", within(&format!("+{column}"), &numbers))),
    })
}

fn actors(db: &Db, filter: &ActorFilter) -> Result<Term, StoreError> {
    let (mut ids, mut named) = (Vec::new(), Vec::new());
    for number in numbers(db, &filter.texts)? {
        for (column, found) in [("actor_id", &mut ids), ("actor_name", &mut named)] {
            if occurs(db, column, number)? {
                found.push(number);
            }
        }
    }
    let has_name = |list: &str| format!("(a.actor_name IS NOT NULL AND {list})");
    let term = match (ids.as_slice(), named.as_slice()) {
        ([], []) => return Ok(if filter.not { Term::All } else { Term::Nothing }),
        // One column alone is read by its index.
        (ids, []) => within("a.actor_id", ids),
        ([], named) => has_name(&within("a.actor_name", named)),
        (ids, named) => {
            format!("({} OR {})", within("+a.actor_id", ids), has_name(&within("+a.actor_name", named)))
        }
    };
    Ok(Term::Some(if filter.not { format!("NOT {term}") } else { term }))
}

fn numbers(db: &Db, texts: &[String]) -> Result<Vec<i64>, StoreError> {
    let mut numbers = Vec::new();
    for text in texts {
        numbers.extend(names::number_of(db, text)?);
    }
    Ok(numbers)
}

fn within(column: &str, numbers: &[i64]) -> String {
    let list: Vec<_> = numbers.iter().map(i64::to_string).collect();
    // `+`: an index would have to be sorted; the log is walked in its order instead.
    let plus = if list.len() > 1 && !column.starts_with('+') { "+" } else { "" };
    format!("{plus}{column} IN ({})", list.join(","))
}

/// Bounds of time and place.
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
