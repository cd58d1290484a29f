//! The rules behind the counts: what proxies said of the policy they run.
//!
//! While a new policy is rolled out, proxies run different ones, so a rule alone is no answer to "what does the budget
//! say": each report is judged by the rules of its own revision.

use crate::store::StoreError;
use crate::store::db::{Db, OptionalExtension, params};
use headgate_limits::Rule;
use std::collections::HashMap;
use std::sync::Arc;

/// Revisions that are remembered; those not heard of for longest are forgotten, and asked for if they come back.
const REVISIONS: i64 = 64;
/// How often it is noted that a revision is still in use, µs.
const NOTED_EVERY_US: i64 = 3_600_000_000;

/// The rules of one policy.
#[derive(Debug, Default)]
pub(super) struct Revision {
    /// Its number in the store.
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

/// Revisions in memory, with the time at which the store was told last that they are in use.
#[derive(Debug, Default)]
pub(super) struct RuleBook {
    known: HashMap<String, (i64, Arc<Revision>)>,
}

impl RuleBook {
    /// The revision with this name, if its rules are known.
    pub(super) fn find(&mut self, tx: &Db, name: &str, now_us: i64) -> Result<Option<Arc<Revision>>, StoreError> {
        let known = match self.known.get(name) {
            Some((noted_us, revision)) => Some((*noted_us, Arc::clone(revision))),
            None => load(tx, name)?,
        };
        let Some((mut noted_us, revision)) = known else { return Ok(None) };
        if now_us.saturating_sub(noted_us) > NOTED_EVERY_US {
            tx.prepare_cached("UPDATE limit_revisions SET seen_at = ?2 WHERE revision = ?1")?
                .execute([revision.number, now_us])?;
            noted_us = now_us;
        }
        self.known.insert(name.to_owned(), (noted_us, Arc::clone(&revision)));
        Ok(Some(revision))
    }

    /// Takes up a revision that was not known.
    pub(super) fn learn(
        &mut self,
        tx: &Db,
        name: &str,
        rules: &[Rule],
        now_us: i64,
    ) -> Result<Arc<Revision>, StoreError> {
        let number = tx
            .prepare_cached("INSERT INTO limit_revisions (name, seen_at) VALUES (?1, ?2) RETURNING revision")?
            .query_row(params![name, now_us], |row| row.get(0))?;
        let mut insert = tx.prepare_cached(
            "INSERT INTO limit_rules (rule, revision, body) VALUES (?1, ?2, ?3)
             ON CONFLICT (rule, revision) DO UPDATE SET body = excluded.body",
        )?;
        for rule in rules {
            let body = serde_json::to_string(rule).map_err(|_| StoreError::Other)?;
            insert.execute(params![rule.id, number, body])?;
        }
        self.forget_oldest(tx)?;
        let rules = rules.iter().map(|rule| (rule.id.clone(), rule.clone())).collect();
        let revision = Arc::new(Revision { number, rules });
        self.known.insert(name.to_owned(), (now_us, Arc::clone(&revision)));
        Ok(revision)
    }

    fn forget_oldest(&mut self, tx: &Db) -> Result<(), StoreError> {
        let mut select = tx.prepare_cached(
            "SELECT revision, name FROM limit_revisions ORDER BY seen_at DESC, revision DESC LIMIT 1000 OFFSET ?1",
        )?;
        let old = select.query_map([REVISIONS], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?)))?;
        for (number, name) in old.collect::<Result<Vec<_>, _>>()? {
            tx.prepare_cached("DELETE FROM limit_rules WHERE revision = ?1")?.execute([number])?;
            tx.prepare_cached("DELETE FROM limit_revisions WHERE revision = ?1")?.execute([number])?;
            self.known.remove(&name);
        }
        Ok(())
    }
}

fn load(tx: &Db, name: &str) -> Result<Option<(i64, Arc<Revision>)>, StoreError> {
    let found: Option<(i64, i64)> = tx
        .prepare_cached("SELECT revision, seen_at FROM limit_revisions WHERE name = ?1")?
        .query_row([name], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((number, noted_us)) = found else { return Ok(None) };
    let mut select = tx.prepare_cached("SELECT body FROM limit_rules WHERE revision = ?1")?;
    let bodies = select.query_map([number], |row| row.get::<_, String>(0))?.collect::<Result<Vec<_>, _>>()?;
    let rules = bodies.iter().filter_map(|body| serde_json::from_str::<Rule>(body).ok());
    let rules = rules.map(|rule| (rule.id.clone(), rule)).collect();
    Ok(Some((noted_us, Arc::new(Revision { number, rules }))))
}

/// The rule with this id as it stands in this revision, else in the newest one that has it.
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
