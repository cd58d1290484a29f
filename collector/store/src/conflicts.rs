//! Conflicts: deliveries that contradict stored records or come from the wrong sender.
//!
//! Only the refused sender would notice a refusal. So each conflict is counted in the transaction that refuses the
//! delivery, and reported in the audit log at most once a minute for each token and kind. A sender must not be able to
//! fill the log.

use headgate_collector_db::{self as db, Db, StoreError, params};
use headgate_collector_types::Sender;
use headgate_collector_types::audit::{Actor, ActorKind, Change, Entry, Operation, Outcome, Resource};
use serde_json::{Value, json};

/// The pause between two entries of one token and kind, in µs.
const AUDIT_INTERVAL_US: i64 = 60_000_000;
/// The code of the only kind that refuses nothing.
const SHARED_ID: &str = "id_of_another_token";
/// The code of a delivery that has no boot.
const AUDIT_ID: &str = "audit_id_taken";
/// The most details in an entry.
const MAX_DETAILS: usize = 8;

/// A kind of conflict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conflict {
    /// A delivery for a boot of another sender.
    ForeignBoot,
    /// A different record under a stored number.
    OtherContent,
    /// A record with the id of another record of its sender, or with an id that too many other senders have used.
    IdTaken,
    /// A record with an id that a record of another sender has. Both are stored.
    SharedId,
    /// A number that the boot cannot have reached yet.
    NumberTooFar,
    /// More boots than a sender may open.
    TooManyBoots,
    /// Another audit entry under an id that is stored.
    AuditId,
}

impl Conflict {
    /// Returns the code in the audit log.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::ForeignBoot => "boot_of_another_token",
            Self::OtherContent => "number_taken",
            Self::IdTaken => "id_taken",
            Self::SharedId => SHARED_ID,
            Self::NumberTooFar => "number_too_far",
            Self::TooManyBoots => "too_many_boots",
            Self::AuditId => AUDIT_ID,
        }
    }
}

/// The sender and the boot of a delivery.
#[derive(Debug, Clone, Copy)]
pub struct Delivery<'a> {
    /// The token of the sender.
    pub sender: &'a Sender,
    /// The proxy.
    pub node: &'a str,
    /// The worker's boot.
    pub boot_id: &'a str,
}

impl Delivery<'_> {
    /// Notes a conflict, with the numbers of the affected records if they are known.
    pub fn note(&self, tx: &Db, conflict: Conflict, numbers: &[i64]) -> Result<(), StoreError> {
        let first: Vec<Value> = match numbers.split_first() {
            None => vec![json!({"boot": self.boot_id})],
            Some(_) => numbers.iter().take(MAX_DETAILS).map(|seq| json!({"boot": self.boot_id, "seq": seq})).collect(),
        };
        self.count(tx, conflict, numbers.len().max(1), first)
    }

    fn count(&self, tx: &Db, conflict: Conflict, count: usize, first: Vec<Value>) -> Result<(), StoreError> {
        let Sender { token, name, .. } = self.sender;
        let count = i64::try_from(count).unwrap_or(i64::MAX);
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

/// Notes that entries of other systems came under ids that other entries have.
pub(super) fn note_audit_ids(tx: &Db, sender: &Sender, ids: &[&str]) -> Result<(), StoreError> {
    let Some(first) = ids.first() else { return Ok(()) };
    let details = ids.iter().take(MAX_DETAILS).map(|id| json!({"id": id})).collect();
    Delivery { sender, node: "", boot_id: first }.count(tx, Conflict::AuditId, ids.len(), details)
}

struct ConflictCount {
    token: String,
    code: String,
    name: String,
    count: i64,
    boot_id: String,
    node: String,
    details: String,
}

/// Writes the counted conflicts to the audit log, at most once a minute for each kind and token. Returns whether it wrote
/// an entry.
///
/// # Errors
/// The store cannot be written.
pub fn audit_conflicts(tx: &Db, now: i64) -> Result<bool, StoreError> {
    let mut select = tx.prepare_cached(
        "SELECT token, code, name, count, boot_id, node, details FROM conflicts
         WHERE count > 0 AND (told_at <= ?1 OR told_at > ?2) ORDER BY token, code LIMIT 1000",
    )?;
    let due = select.query_map([now.saturating_sub(AUDIT_INTERVAL_US), now], |row| {
        Ok(ConflictCount {
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
        crate::audit::append(tx, &entry(tx, counted)?)?;
        tx.prepare_cached("UPDATE conflicts SET count = 0, told_at = ?3 WHERE token = ?1 AND code = ?2")?
            .execute(params![counted.token, counted.code, now])?;
    }
    Ok(!due.is_empty())
}

fn entry(tx: &Db, counted: &ConflictCount) -> Result<Entry, StoreError> {
    let ConflictCount { token, code, name, count, boot_id, node, details } = counted;
    let name = (!name.is_empty()).then(|| name.clone());
    let actor = Actor { id: token.clone(), kind: ActorKind::Token, name, ..Actor::default() };
    let resource = match code.as_str() {
        AUDIT_ID => Resource::new("audit_entry", boot_id.as_str()),
        _ => Resource::new("boot", boot_id.as_str()).named(node.as_str()),
    };
    let shown = |path: &str, value: Value| Change { path: path.to_owned(), before: None, after: Some(value) };
    let refused = code != SHARED_ID;
    let mut changes =
        vec![shown(if refused { "refused" } else { "stored" }, serde_json::from_str(details).unwrap_or(Value::Null))];
    if let Some(owner) = owner(tx, boot_id)? {
        changes.push(shown("sender", owner.into()));
    }
    let mut entry = Entry::new("ingest.conflict", Operation::Access, actor, resource).with_changes(changes);
    entry.code = Some(code.clone());
    if refused {
        entry.outcome = Outcome::Denied;
    }
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
    use crate::{AuditQuery, change, list_audit, open_writer};

    #[test]
    fn each_kind_is_reported_once_a_minute() {
        let folder = tempfile::tempdir().unwrap();
        let mut db = open_writer(folder.path()).unwrap();
        let sender = Sender { token: "tok_a".to_owned(), name: Some("a".to_owned()), line: "tok_a".to_owned() };
        let delivery = Delivery { sender: &sender, node: "edge", boot_id: "b" };
        let now = 1_000_000_000;
        change(&mut db, |tx| {
            for seq in 0..50 {
                delivery.note(tx, Conflict::OtherContent, &[seq])?;
            }
            delivery.note(tx, Conflict::ForeignBoot, &[])?;
            assert!(audit_conflicts(tx, now)?);
            delivery.note(tx, Conflict::OtherContent, &[51])?;
            assert!(!audit_conflicts(tx, now + AUDIT_INTERVAL_US - 1)?);
            assert!(audit_conflicts(tx, now + AUDIT_INTERVAL_US)?);
            Ok(())
        })
        .unwrap();
        let page = list_audit(&db, &AuditQuery { limit: 9, ..AuditQuery::default() }).unwrap();
        let audited =
            |place: usize| -> Entry { serde_json::from_slice(page.entries[place].entry.bytes().unwrap()).unwrap() };
        assert_eq!(page.entries.len(), 3);
        assert_eq!((audited(1).code.as_deref(), audited(1).count), (Some("number_taken"), Some(50)));
        assert_eq!(
            (audited(0).count, audited(0).outcome, audited(0).actor.id.as_str()),
            (Some(1), Outcome::Denied, "tok_a")
        );
    }
}
