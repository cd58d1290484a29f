//! The rules as they are kept, and what they are while a change that keeps less waits.
//!
//! Who shortens retention by mistake, or with a token that is not theirs, deletes evidence. So rules that keep anything for
//! a shorter time than before take effect a day later; until then the longer of old and new holds, and to put the old
//! ones back costs nothing.

use super::super::StoreError;
use super::super::db::{Db, params};
use crate::audit::{self, Actor, Entry, Operation, Resource, diff};
use crate::retention::{DAY_US, Rules};
use serde_json::json;

/// What lies between a change that keeps less, and what it deletes.
const GRACE_US: i64 = DAY_US;

/// The rules, and since when and until when what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Grows with each change.
    pub revision: i64,
    /// As they were set.
    pub rules: Rules,
    /// When they were, µs; absent if never.
    pub changed_at: Option<i64>,
    /// Rules that keep for longer, and until when they do, µs.
    kept_by: Option<(Rules, i64)>,
}

impl Settings {
    /// The rules by which entries are deleted now.
    #[must_use]
    pub fn in_force(&self, now: i64) -> Rules {
        match self.waiting(now) {
            Some((kept_by, _)) => self.rules.longest(kept_by),
            None => self.rules.clone(),
        }
    }

    /// When the rules take effect as they were set, if that is still to come, µs.
    #[must_use]
    pub fn takes_effect_at(&self, now: i64) -> Option<i64> {
        self.waiting(now).map(|(_, until)| *until)
    }

    fn waiting(&self, now: i64) -> Option<&(Rules, i64)> {
        self.kept_by.as_ref().filter(|(_, until)| now < *until)
    }

    /// What they become if these are set now.
    #[must_use]
    pub fn changed(&self, rules: Rules, now: i64) -> Self {
        let before = self.in_force(now);
        let kept_by = (!rules.keeps_all_of(&before)).then(|| (before, now.saturating_add(GRACE_US)));
        Self { revision: self.revision.saturating_add(1), rules, changed_at: Some(now), kept_by }
    }
}

/// The rules as they are kept.
///
/// # Errors
/// The store cannot be read.
pub fn retention(db: &Db) -> Result<Settings, StoreError> {
    type Row = (i64, String, Option<String>, Option<i64>, Option<i64>);
    let sql = "SELECT revision, rules, kept_by, effective_at, changed_at FROM retention WHERE id = 1";
    let (revision, rules, kept_by, effective_at, changed_at): Row = db
        .prepare_cached(sql)?
        .query_row([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?)))?;
    let read = |text: &str| serde_json::from_str::<Rules>(text).map_err(|_| StoreError::Damaged);
    let kept_by = kept_by.as_deref().map(read).transpose()?.zip(effective_at);
    Ok(Settings { revision, rules: read(&rules)?, changed_at, kept_by })
}

/// Sets the rules if `revision` is still theirs; an audit entry says who did and what changed. `None` if another change came
/// first.
///
/// # Errors
/// The store cannot be written.
pub fn set_retention(
    tx: &Db,
    revision: Option<i64>,
    rules: Rules,
    actor: Actor,
    now: i64,
) -> Result<Option<Settings>, StoreError> {
    let before = retention(tx)?;
    if revision.is_some_and(|revision| revision != before.revision) {
        return Ok(None);
    }
    let after = before.changed(rules, now);
    tx.prepare_cached(
        "UPDATE retention SET revision = ?1, rules = ?2, kept_by = ?3, effective_at = ?4, changed_at = ?5 WHERE id = 1",
    )?
    .execute(params![
        after.revision,
        text(&after.rules)?,
        after.kept_by.as_ref().map(|(rules, _)| text(rules)).transpose()?,
        after.kept_by.as_ref().map(|(_, until)| *until),
        after.changed_at
    ])?;
    let told = |settings: &Settings| json!({"rules": settings.rules, "takes_effect_at": settings.takes_effect_at(now)});
    let entry = Entry::new("retention.changed", Operation::Update, actor, Resource::new("retention", "logs"))
        .with_changes(diff(&told(&before), &told(&after)));
    audit::append(tx, &entry)?;
    Ok(Some(after))
}

fn text(rules: &Rules) -> Result<String, StoreError> {
    serde_json::to_string(rules).map_err(|_| StoreError::Other)
}

#[cfg(test)]
mod tests {
    use super::{GRACE_US, Settings};
    use crate::retention::Rules;

    fn rules(requests: u32, audit: u32) -> Rules {
        let json = format!(r#"{{"requests":{{"days":{requests}}},"audit":{{"days":{audit}}}}}"#);
        serde_json::from_str(&json).unwrap()
    }

    #[test]
    fn what_keeps_less_waits_and_what_keeps_more_does_not() {
        let start = Settings { revision: 1, rules: rules(90, 180), changed_at: None, kept_by: None };
        let longer = start.changed(rules(91, 180), 10);
        assert_eq!((longer.in_force(10), longer.takes_effect_at(10)), (rules(91, 180), None));
        let mixed = start.changed(rules(30, 365), 10);
        assert_eq!((mixed.in_force(10), mixed.takes_effect_at(10)), (rules(90, 365), Some(10 + GRACE_US)));
        assert_eq!(mixed.in_force(10 + GRACE_US), rules(30, 365));
        let undone = mixed.changed(rules(90, 365), 20);
        assert_eq!((undone.in_force(20), undone.takes_effect_at(20)), (rules(90, 365), None), "put back in time");
        let again = mixed.changed(rules(1, 365), 20);
        assert_eq!(again.in_force(10 + GRACE_US), rules(90, 365), "the second change waits as long");
        let late = mixed.changed(rules(90, 365), 10 + GRACE_US);
        assert_eq!(late.takes_effect_at(10 + GRACE_US), None);
    }
}
