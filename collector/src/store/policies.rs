//! Revisions of the policy: which there are, which one is in force, and the one way to add another.
//!
//! A revision has two names. Its number is dense and counts what came into force; its `config_revision` is made of the policy
//! alone and stands in every record and heartbeat. When a policy comes back, by a roll back or because somebody applies it
//! anew, it is a further revision with the `config_revision` that it had before, so a record's revision is the latest of
//! that name when the request began.

use super::StoreError;
use super::audit::{Ready, append_all};
use super::db::{self, Db, OptionalExtension, Row, params};
use crate::audit::Actor;
use crate::clock;
use schemars::JsonSchema;
use serde::Serialize;
use sha2::{Digest, Sha256};

/// A policy that is or was in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct PolicyRevision {
    /// 1, 2, 3 … without holes.
    pub number: i64,
    /// What records and heartbeats carry.
    pub config_revision: String,
    /// Since when, µs since the Unix epoch.
    pub effective_at: i64,
    /// Who put it in force.
    pub by: Actor,
    /// Number of the revision that it brought back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restores: Option<i64>,
    #[serde(skip)]
    digest: Vec<u8>,
}

/// How a revision is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PolicyName {
    /// By its number.
    Number(i64),
    /// By what records carry: the latest of that name.
    Config(String),
}

/// A gateway.yaml, and what it is known by.
#[derive(Debug)]
pub struct PolicyText {
    text: String,
    digest: [u8; 32],
}

impl PolicyText {
    /// The text as it came.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl From<String> for PolicyText {
    fn from(text: String) -> Self {
        Self { digest: Sha256::digest(&text).into(), text }
    }
}

/// A policy that is to come into force.
#[derive(Debug)]
pub struct NewPolicy {
    /// The gateway.yaml.
    pub text: PolicyText,
    /// What records will carry.
    pub config_revision: String,
    /// Number of the revision that it was made from; 0 for none.
    pub base: i64,
    /// Number of the revision that it brings back.
    pub restores: Option<i64>,
    /// Who wants it.
    pub by: Actor,
    /// What is to stand in the audit log if it comes into force.
    pub entries: Vec<Ready>,
}

/// What came of it.
#[derive(Debug, PartialEq, Eq)]
pub enum Put {
    /// It is in force.
    Done(PolicyRevision),
    /// It was in force already.
    Unchanged(PolicyRevision),
    /// Another one is in force than it was made from; none at all if there is none.
    Moved(Option<PolicyRevision>),
}

const SELECT: &str =
    "SELECT r.number, r.config_revision, r.effective_at, r.actor, r.restores, r.digest FROM policy_revisions r";

fn revision(row: &Row<'_>) -> db::Result<PolicyRevision> {
    let actor: String = row.get(3)?;
    Ok(PolicyRevision {
        number: row.get(0)?,
        config_revision: row.get(1)?,
        effective_at: row.get(2)?,
        by: serde_json::from_str(&actor).unwrap_or_default(),
        restores: row.get(4)?,
        digest: row.get(5)?,
    })
}

impl PolicyRevision {
    /// Whether this is what a text compiles to.
    #[must_use]
    pub fn is(&self, text: &PolicyText, config_revision: &str) -> bool {
        self.digest == text.digest && self.config_revision == config_revision
    }
}

/// The revision in force.
///
/// # Errors
/// The store cannot be read.
pub fn policy_in_force(db: &Db) -> Result<Option<PolicyRevision>, StoreError> {
    let mut select = db.prepare_cached(&format!("{SELECT} JOIN policy_head h ON h.number = r.number"))?;
    Ok(select.query_row([], revision).optional()?)
}

/// The revision by this name.
///
/// # Errors
/// The store cannot be read.
pub fn policy_revision(db: &Db, name: &PolicyName) -> Result<Option<PolicyRevision>, StoreError> {
    Ok(match name {
        PolicyName::Number(number) => {
            db.prepare_cached(&format!("{SELECT} WHERE r.number = ?1"))?.query_row([number], revision).optional()?
        }
        PolicyName::Config(config) => db
            .prepare_cached(&format!("{SELECT} WHERE r.config_revision = ?1 ORDER BY r.number DESC LIMIT 1"))?
            .query_row([config], revision)
            .optional()?,
    })
}

/// The text of a revision, as it came.
///
/// # Errors
/// The store cannot be read, or the disk has changed the text.
pub fn policy_text(db: &Db, number: i64) -> Result<Option<String>, StoreError> {
    let mut select = db.prepare_cached(
        "SELECT t.text, t.digest FROM policy_revisions r JOIN policy_texts t ON t.digest = r.digest WHERE r.number = ?1",
    )?;
    let found: Option<(Vec<u8>, Vec<u8>)> =
        select.query_row([number], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    let Some((text, digest)) = found else { return Ok(None) };
    if Sha256::digest(&text).as_slice() != digest {
        return Err(StoreError::Damaged);
    }
    String::from_utf8(text).map(Some).map_err(|_| StoreError::Damaged)
}

/// Revisions, the latest first, and whether there are more; those `before` a number only.
///
/// # Errors
/// The store cannot be read.
pub fn policy_revisions(db: &Db, before: Option<i64>, limit: usize) -> Result<(Vec<PolicyRevision>, bool), StoreError> {
    let most = i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1);
    let mut select = db.prepare_cached(&format!("{SELECT} WHERE r.number < ?1 ORDER BY r.number DESC LIMIT ?2"))?;
    let rows = select.query_map([before.unwrap_or(i64::MAX), most], revision)?;
    let mut found = rows.collect::<Result<Vec<_>, _>>()?;
    let has_more = found.len() > limit;
    found.truncate(limit);
    Ok((found, has_more))
}

/// The revision that was in force at a time, µs.
///
/// # Errors
/// The store cannot be read.
pub fn policy_at(db: &Db, at: i64) -> Result<Option<PolicyRevision>, StoreError> {
    let mut select =
        db.prepare_cached(&format!("{SELECT} WHERE r.effective_at <= ?1 ORDER BY r.number DESC LIMIT 1"))?;
    Ok(select.query_row([at], revision).optional()?)
}

/// The revision that a request ran under: the latest of its name when it began, or the first, for clocks differ.
///
/// # Errors
/// The store cannot be read.
pub fn policy_of_request(db: &Db, config: &str, started_at: i64) -> Result<Option<PolicyRevision>, StoreError> {
    let at_its_time = db
        .prepare_cached(&format!(
            "{SELECT} WHERE r.config_revision = ?1 AND r.effective_at <= ?2 ORDER BY r.number DESC LIMIT 1"
        ))?
        .query_row(params![config, started_at], revision)
        .optional()?;
    if at_its_time.is_some() {
        return Ok(at_its_time);
    }
    let mut first = db.prepare_cached(&format!("{SELECT} WHERE r.config_revision = ?1 ORDER BY r.number LIMIT 1"))?;
    Ok(first.query_row([config], revision).optional()?)
}

/// Puts a policy in force, if what it was made from still is, together with its audit entries. Nobody else can write
/// meanwhile, so what takes long (hashes, the entries' bytes) is in `new` already.
///
/// # Errors
/// The store cannot be written: the transaction must be given up.
pub fn put_policy(tx: &Db, new: &NewPolicy) -> Result<Put, StoreError> {
    let current = policy_in_force(tx)?;
    if let Some(current) = current.as_ref().filter(|current| current.is(&new.text, &new.config_revision)) {
        return Ok(Put::Unchanged(current.clone()));
    }
    // This decides, whoever else is at it: of two that know the same number, one moves it on.
    let moved = tx
        .prepare_cached("UPDATE policy_head SET number = number + 1 WHERE id = 1 AND number = ?1")?
        .execute([new.base])?;
    if moved == 0 {
        return Ok(Put::Moved(policy_in_force(tx)?));
    }
    insert(tx, new, current.as_ref())?;
    append_all(tx, &new.entries)?;
    policy_in_force(tx)?.map(Put::Done).ok_or(StoreError::Damaged)
}

fn insert(tx: &Db, new: &NewPolicy, before: Option<&PolicyRevision>) -> Result<(), StoreError> {
    tx.prepare_cached("INSERT INTO policy_texts (digest, text) VALUES (?1, ?2) ON CONFLICT (digest) DO NOTHING")?
        .execute(params![new.text.digest, new.text.text.as_bytes()])?;
    // A clock that is set back must not make a revision older than the one it followed.
    let earliest = before.map_or(0, |before| before.effective_at.saturating_add(1));
    let actor = serde_json::to_string(&new.by).map_err(|_| StoreError::Other)?;
    tx.prepare_cached(
        "INSERT INTO policy_revisions (number, config_revision, effective_at, actor, restores, digest)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?
    .execute(params![
        new.base.saturating_add(1),
        new.config_revision,
        clock::now_us().max(earliest),
        actor,
        new.restores,
        new.text.digest
    ])?;
    Ok(())
}
