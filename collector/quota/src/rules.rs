//! The rules behind the counts: those of the policy that was put here, else those that proxies said they run.
//!
//! A report has the authority of one ingest token only. A false budget under a known id would cross thresholds that are not reached,
//! and silence those that are. So reported rules count only where no policy was put here.
//!
//! While a new policy is rolled out, proxies run different ones, and the same budget may have different rules. So each
//! report is judged by the rules of its own revision.

use headgate_collector_db::{Db, OptionalExtension, StoreError, params};
use headgate_collector_store::policy_in_force;
use headgate_limits::Rule;
use std::collections::HashMap;
use std::sync::Arc;

/// The most revisions that are remembered. The ones reported longest ago are dropped, and requested from the proxies if
/// they come back.
const MAX_REVISIONS: i64 = 64;
/// The interval at which a revision is noted as still in use, in µs.
const NOTE_INTERVAL_US: i64 = 3_600_000_000;

/// The rules of one policy.
#[derive(Debug, Default)]
pub(super) struct Revision {
    /// The number of the revision in the store.
    pub(super) number: i64,
    rules: HashMap<String, Rule>,
}

impl Revision {
    pub(super) fn rule(&self, id: &str) -> Option<&Rule> {
        self.rules.get(id)
    }

    pub(super) fn rules(&self) -> impl Iterator<Item = &Rule> {
        self.rules.values()
    }
}

/// Revisions in memory. Their numbers are read from the store each time: another collector may have put other rules there.
#[derive(Debug, Default)]
pub(super) struct RuleBook {
    known: HashMap<String, Arc<Revision>>,
}

impl RuleBook {
    /// Returns the revision with this name if its rules are known.
    pub(super) fn find(&mut self, tx: &Db, name: &str, now_us: i64) -> Result<Option<Arc<Revision>>, StoreError> {
        let Some((number, noted_us)) = find_revision(tx, name)? else { return Ok(None) };
        let revision = match self.known.get(name).filter(|known| known.number == number) {
            Some(known) => Arc::clone(known),
            None => Arc::new(load(tx, number)?),
        };
        if now_us.saturating_sub(noted_us) > NOTE_INTERVAL_US {
            tx.prepare_cached("UPDATE limit_revisions SET seen_at = ?2 WHERE revision = ?1")?
                .execute([number, now_us])?;
        }
        self.known.insert(name.to_owned(), Arc::clone(&revision));
        Ok(Some(revision))
    }

    /// Takes up the rules of a policy that comes into force, in place of those that a proxy reported.
    pub(super) fn replace(
        &mut self,
        tx: &Db,
        name: &str,
        rules: &[Rule],
        now_us: i64,
    ) -> Result<Arc<Revision>, StoreError> {
        if let Some((number, _)) = find_revision(tx, name)? {
            delete_revision(tx, number)?;
        }
        self.insert(tx, name, rules, now_us)
    }

    /// Takes up a revision that was not known.
    pub(super) fn insert(
        &mut self,
        tx: &Db,
        name: &str,
        rules: &[Rule],
        now_us: i64,
    ) -> Result<Arc<Revision>, StoreError> {
        let number = tx
            .prepare_cached("INSERT INTO limit_revisions (name, seen_at) VALUES (?1, ?2) RETURNING revision")?
            .query_row(params![name, now_us], |row| row.get(0))?;
        let mut statement = tx.prepare_cached(
            "INSERT INTO limit_rules (rule, revision, body) VALUES (?1, ?2, ?3)
             ON CONFLICT (rule, revision) DO UPDATE SET body = excluded.body",
        )?;
        for rule in rules {
            let body = serde_json::to_string(rule).map_err(|_| StoreError::Other)?;
            statement.execute(params![rule.id, number, body])?;
        }
        self.evict_oldest(tx)?;
        let rules = rules.iter().map(|rule| (rule.id.clone(), rule.clone())).collect();
        let revision = Arc::new(Revision { number, rules });
        self.known.insert(name.to_owned(), Arc::clone(&revision));
        Ok(revision)
    }

    fn evict_oldest(&mut self, tx: &Db) -> Result<(), StoreError> {
        let mut select = tx.prepare_cached(
            "SELECT revision, name FROM limit_revisions
             WHERE name NOT IN (SELECT config_revision FROM policy_revisions)
             ORDER BY seen_at DESC, revision DESC LIMIT 1000 OFFSET ?1",
        )?;
        let old = select.query_map([MAX_REVISIONS], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?)))?;
        for (number, name) in old.collect::<Result<Vec<_>, _>>()? {
            delete_revision(tx, number)?;
            self.known.remove(&name);
        }
        Ok(())
    }
}

/// Returns whether the rules of a report are accepted: no policy was put here, or its rules are not known from then.
pub(super) fn accepts_reported_rules(tx: &Db, name: &str) -> Result<bool, StoreError> {
    Ok(policy_in_force(tx)?.is_none_or(|policy| policy.config_revision == name))
}

fn delete_revision(tx: &Db, number: i64) -> Result<(), StoreError> {
    tx.prepare_cached("DELETE FROM limit_rules WHERE revision = ?1")?.execute([number])?;
    tx.prepare_cached("DELETE FROM limit_revisions WHERE revision = ?1")?.execute([number])?;
    Ok(())
}

/// Returns the number of a revision, and the time in µs at which its use was last recorded.
fn find_revision(tx: &Db, name: &str) -> Result<Option<(i64, i64)>, StoreError> {
    let mut select = tx.prepare_cached("SELECT revision, seen_at FROM limit_revisions WHERE name = ?1")?;
    Ok(select.query_row([name], |row| Ok((row.get(0)?, row.get(1)?))).optional()?)
}

fn load(tx: &Db, number: i64) -> Result<Revision, StoreError> {
    let mut select = tx.prepare_cached("SELECT body FROM limit_rules WHERE revision = ?1")?;
    let bodies = select.query_map([number], |row| row.get::<_, String>(0))?.collect::<Result<Vec<_>, _>>()?;
    let rules = bodies.iter().filter_map(|body| serde_json::from_str::<Rule>(body).ok());
    Ok(Revision { number, rules: rules.map(|rule| (rule.id.clone(), rule)).collect() })
}

/// Returns the rule with this id from this revision, or else from the newest one that has it.
pub(super) fn rule_of(db: &Db, id: &str, revision: i64) -> Result<Option<(Rule, String)>, StoreError> {
    let found: Option<(String, String)> = db
        .prepare_cached(
            "SELECT r.body, n.name FROM limit_rules r JOIN limit_revisions n USING (revision) WHERE r.rule = ?1
             ORDER BY r.revision = ?2 DESC, r.revision DESC LIMIT 1",
        )?
        .query_row(params![id, revision], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    Ok(found.and_then(|(body, name)| Some((serde_json::from_str(&body).ok()?, name))))
}
