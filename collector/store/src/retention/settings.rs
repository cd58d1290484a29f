//! The rules in the store, and the rules in force while a change that keeps less waits.
//!
//! A user who shortens retention by mistake, or with a stolen token, deletes evidence. So rules that keep any entry for a
//! shorter time take effect a day later. Until then the longer of the old and new periods applies, and restoring the old
//! rules loses nothing.

use headgate_collector_db::{Db, StoreError, params};
use headgate_collector_types::audit::{Actor, Entry, Operation, Resource, diff};
use headgate_collector_types::retention::{DAY_US, Rules};
use serde_json::json;

/// The time between a change that keeps less and its first deletions, in µs.
const GRACE_US: i64 = DAY_US;

/// The rules, with their changes and the times at which these take effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The revision, which grows with each change.
    pub revision: i64,
    /// The rules as they were set.
    pub rules: Rules,
    /// The time of the last change, in µs; absent if there was none.
    pub changed_at: Option<i64>,
    /// The previous rules, which keep entries for longer, and the end of their effect, in µs.
    previous: Option<(Rules, i64)>,
}

impl Settings {
    /// Returns the rules by which entries are deleted now.
    #[must_use]
    pub fn in_force(&self, now: i64) -> Rules {
        match self.pending(now) {
            Some((previous, _)) => self.rules.longest(previous),
            None => self.rules.clone(),
        }
    }

    /// Returns the time at which the rules take effect as they were set, in µs, if that is in the future.
    #[must_use]
    pub fn takes_effect_at(&self, now: i64) -> Option<i64> {
        self.pending(now).map(|(_, until)| *until)
    }

    fn pending(&self, now: i64) -> Option<&(Rules, i64)> {
        self.previous.as_ref().filter(|(_, until)| now < *until)
    }

    /// Returns the settings after a change to these rules now.
    #[must_use]
    pub fn changed(&self, rules: Rules, now: i64) -> Self {
        let before = self.in_force(now);
        let previous = (!rules.keeps_all_of(&before)).then(|| (before, now.saturating_add(GRACE_US)));
        Self { revision: self.revision.saturating_add(1), rules, changed_at: Some(now), previous }
    }
}

/// Returns the settings in the store.
///
/// # Errors
/// The store cannot be read.
pub fn retention(db: &Db) -> Result<Settings, StoreError> {
    type Row = (i64, String, Option<String>, Option<i64>, Option<i64>);
    let sql = "SELECT revision, rules, kept_by, effective_at, changed_at FROM retention WHERE id = 1";
    let (revision, rules, previous, effective_at, changed_at): Row = db
        .prepare_cached(sql)?
        .query_row([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?)))?;
    let read = |text: &str| serde_json::from_str::<Rules>(text).map_err(|_| StoreError::Damaged);
    let previous = previous.as_deref().map(read).transpose()?.zip(effective_at);
    Ok(Settings { revision, rules: read(&rules)?, changed_at, previous })
}

/// Sets the rules if `revision` is still current, with an audit entry of the actor and the changes. Returns `None` if
/// another change came first.
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
        after.previous.as_ref().map(|(rules, _)| text(rules)).transpose()?,
        after.previous.as_ref().map(|(_, until)| *until),
        after.changed_at
    ])?;
    let details =
        |settings: &Settings| json!({"rules": settings.rules, "takes_effect_at": settings.takes_effect_at(now)});
    let entry = Entry::new("retention.changed", Operation::Update, actor, Resource::new("retention", "logs"))
        .with_changes(diff(&details(&before), &details(&after)));
    crate::audit::append(tx, &entry)?;
    Ok(Some(after))
}

fn text(rules: &Rules) -> Result<String, StoreError> {
    serde_json::to_string(rules).map_err(|_| StoreError::Other)
}

#[cfg(test)]
mod tests {
    use super::{GRACE_US, Settings};
    use headgate_collector_types::retention::Rules;

    fn rules(requests: u32, audit: u32) -> Rules {
        let json = format!(r#"{{"requests":{{"days":{requests}}},"audit":{{"days":{audit}}}}}"#);
        serde_json::from_str(&json).unwrap()
    }

    #[test]
    fn only_rules_that_keep_less_wait() {
        let start = Settings { revision: 1, rules: rules(90, 180), changed_at: None, previous: None };
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
