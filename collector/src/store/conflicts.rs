//! Conflicts: deliveries that contradict what is stored, or come from the wrong sender.
//!
//! A refusal alone would be heard by the one who is refused and by nobody else. So each is counted in the transaction that
//! refuses it, and the audit log is told once a minute at most for each token and kind: whoever may deliver must not be able
//! to fill it.

use super::StoreError;
use super::db::{self, Db, params};
use super::senders::Sender;
use crate::audit::{self, Actor, ActorKind, Change, Entry, Operation, Outcome, Resource};
use serde_json::{Value, json};

/// Pause between two entries about the same, µs.
const TOLD_US: i64 = 60_000_000;
/// Details that an entry names.
const NAMED: usize = 8;

/// What was refused; the word is the code in the audit log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Conflict {
    /// A delivery for a boot of another sender.
    ForeignBoot,
    /// Another record under a number that is stored.
    OtherContent,
    /// A record with an id that is stored under another number.
    IdTaken,
    /// A number that cannot have been reached yet.
    NumberTooFar,
    /// More boots than a sender may open.
    TooManyBoots,
}

impl Conflict {
    pub(crate) const fn code(self) -> &'static str {
        match self {
            Self::ForeignBoot => "boot_of_another_token",
            Self::OtherContent => "number_taken",
            Self::IdTaken => "id_taken",
            Self::NumberTooFar => "number_too_far",
            Self::TooManyBoots => "too_many_boots",
        }
    }
}

/// Who delivers for which boot.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Delivery<'a> {
    pub(crate) sender: &'a Sender,
    pub(crate) node: &'a str,
    pub(crate) boot_id: &'a str,
}

impl Delivery<'_> {
    /// Notes that something of it was refused: of which numbers, as far as they are known.
    pub(crate) fn refused(&self, tx: &Db, conflict: Conflict, numbers: &[i64]) -> Result<(), StoreError> {
        let first: Vec<Value> = match numbers.split_first() {
            None => vec![json!({"boot": self.boot_id})],
            Some(_) => numbers.iter().take(NAMED).map(|seq| json!({"boot": self.boot_id, "seq": seq})).collect(),
        };
        let Sender { token, name, .. } = self.sender;
        let count = i64::try_from(numbers.len().max(1)).unwrap_or(i64::MAX);
        let values = params![
            token,
            conflict.code(),
            name.as_deref().unwrap_or_default(),
            count,
            self.boot_id,
            self.node,
            Value::Array(first).to_string()
        ];
        tx.prepare_cached(
            "INSERT INTO conflicts (token, code, name, count, boot_id, node, details, told_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 0)
             ON CONFLICT (token, code) DO UPDATE SET
               boot_id = CASE WHEN conflicts.count = 0 THEN excluded.boot_id ELSE conflicts.boot_id END,
               node = CASE WHEN conflicts.count = 0 THEN excluded.node ELSE conflicts.node END,
               details = CASE WHEN conflicts.count = 0 THEN excluded.details ELSE conflicts.details END,
               count = CASE WHEN conflicts.count < 1000000000000 THEN conflicts.count + excluded.count
                 ELSE conflicts.count END",
        )?
        .execute(values)?;
        Ok(())
    }
}

struct Counted {
    token: String,
    code: String,
    name: String,
    count: i64,
    boot_id: String,
    node: String,
    details: String,
}

/// Writes to the audit log what was refused, of each kind and token at most once a minute. Tells whether it did.
///
/// # Errors
/// The store cannot be written.
pub fn tell_conflicts(tx: &Db, now: i64) -> Result<bool, StoreError> {
    let mut select = tx.prepare_cached(
        "SELECT token, code, name, count, boot_id, node, details FROM conflicts
         WHERE count > 0 AND (told_at <= ?1 OR told_at > ?2) ORDER BY token, code LIMIT 1000",
    )?;
    let due = select.query_map([now.saturating_sub(TOLD_US), now], |row| {
        Ok(Counted {
            token: row.get(0)?,
            code: row.get(1)?,
            name: row.get(2)?,
            count: row.get(3)?,
            boot_id: row.get(4)?,
            node: row.get(5)?,
            details: row.get(6)?,
        })
    })?;
    let due = due.collect::<db::Result<Vec<_>>>()?;
    for counted in &due {
        audit::append(tx, &entry(tx, counted)?)?;
        tx.prepare_cached("UPDATE conflicts SET count = 0, told_at = ?3 WHERE token = ?1 AND code = ?2")?
            .execute(params![counted.token, counted.code, now])?;
    }
    Ok(!due.is_empty())
}

fn entry(tx: &Db, counted: &Counted) -> Result<Entry, StoreError> {
    let Counted { token, code, name, count, boot_id, node, details } = counted;
    let name = (!name.is_empty()).then(|| name.clone());
    let actor = Actor { id: token.clone(), kind: ActorKind::Token, name, ..Actor::default() };
    let resource = Resource::new("boot", boot_id.as_str()).named(node.as_str());
    let shown = |path: &str, value: Value| Change { path: path.to_owned(), before: None, after: Some(value) };
    let mut changes = vec![shown("refused", serde_json::from_str(details).unwrap_or(Value::Null))];
    if let Some(owner) = owner(tx, boot_id)? {
        changes.push(shown("sender", owner.into()));
    }
    let mut entry = Entry::new("ingest.conflict", Operation::Access, actor, resource).with_changes(changes);
    (entry.outcome, entry.code) = (Outcome::Denied, Some(code.clone()));
    entry.count = u64::try_from(*count).ok();
    Ok(entry)
}

fn owner(tx: &Db, boot_id: &str) -> Result<Option<String>, StoreError> {
    use db::OptionalExtension;
    let mut select = tx.prepare_cached("SELECT sender FROM boot_owners WHERE boot_id = ?1")?;
    Ok(select.query_row([boot_id], |row| row.get(0)).optional()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{AuditQuery, change, list_audit, open_writer};

    #[test]
    fn conflicts_are_told_once_a_minute_for_each_kind() {
        let folder = tempfile::tempdir().unwrap();
        let mut db = open_writer(folder.path()).unwrap();
        let sender = Sender { token: "tok_a".to_owned(), name: Some("a".to_owned()), line: "tok_a".to_owned() };
        let delivery = Delivery { sender: &sender, node: "edge", boot_id: "b" };
        let now = 1_000_000_000;
        change(&mut db, |tx| {
            for seq in 0..50 {
                delivery.refused(tx, Conflict::OtherContent, &[seq])?;
            }
            delivery.refused(tx, Conflict::ForeignBoot, &[])?;
            assert!(tell_conflicts(tx, now)?);
            delivery.refused(tx, Conflict::OtherContent, &[51])?;
            assert!(!tell_conflicts(tx, now + TOLD_US - 1)?);
            assert!(tell_conflicts(tx, now + TOLD_US)?);
            Ok(())
        })
        .unwrap();
        let page = list_audit(&db, &AuditQuery { limit: 9, ..AuditQuery::default() }).unwrap();
        let told =
            |place: usize| -> Entry { serde_json::from_slice(page.entries[place].kept.sound().unwrap()).unwrap() };
        assert_eq!(page.entries.len(), 3);
        assert_eq!((told(1).code.as_deref(), told(1).count), (Some("number_taken"), Some(50)));
        assert_eq!((told(0).count, told(0).outcome, told(0).actor.id.as_str()), (Some(1), Outcome::Denied, "tok_a"));
    }
}
