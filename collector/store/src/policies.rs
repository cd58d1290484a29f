//! Revisions of the policy: reading them, finding the one in force, and adding one.
//!
//! A revision has two names. Its number counts the policies that came into force, without holes. Its `config_revision` is
//! derived from the policy alone and appears in every record and heartbeat. When a policy comes back, by a rollback or
//! because it is applied again, it is a new revision with its earlier `config_revision`. So a record's revision is the
//! latest one of that name when the request began.

use super::audit::{PreparedEntry, append_all};
use headgate_collector_db::{self as db, Db, OptionalExtension, Row, StoreError, params};
use headgate_collector_types::audit::Actor;
use headgate_collector_types::clock;
use schemars::JsonSchema;
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// A policy that is or was in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct PolicyRevision {
    /// 1, 2, 3 … without holes.
    pub number: i64,
    /// The config revision that records and heartbeats carry.
    pub config_revision: String,
    /// Since when, µs since the Unix epoch.
    pub effective_at: i64,
    /// The actor that put it in force.
    pub by: Actor,
    /// Number of the revision that it brought back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restores: Option<i64>,
    #[serde(skip)]
    digest: Vec<u8>,
}

/// A name of a revision in a query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PolicyName {
    /// The number.
    Number(i64),
    /// The name that records carry. It stands for the latest revision of that name.
    Config(String),
}

/// A gateway.yaml and its digest.
#[derive(Debug)]
pub struct PolicyText {
    text: String,
    digest: [u8; 32],
}

impl PolicyText {
    /// Returns the text as it was received.
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

/// A policy that is about to come into force.
#[derive(Debug)]
pub struct NewPolicy {
    /// The gateway.yaml.
    pub text: PolicyText,
    /// The name that records will carry.
    pub config_revision: String,
    /// The number of the revision that it was derived from; 0 for none.
    pub base: i64,
    /// The number of the revision that it restores.
    pub restores: Option<i64>,
    /// The actor of the change.
    pub by: Actor,
    /// The audit entries to append if the policy comes into force.
    pub entries: Vec<PreparedEntry>,
}

/// The outcome of putting a policy in force.
#[derive(Debug, PartialEq, Eq)]
pub enum PolicyUpdate {
    /// The policy is in force.
    Applied(PolicyRevision),
    /// The policy was in force already.
    Unchanged(PolicyRevision),
    /// Another revision is in force than the policy was derived from; `None` if there is no revision.
    Conflict(Option<PolicyRevision>),
}

const SELECT_REVISION: &str =
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
    /// Returns whether this revision is the result of compiling a text.
    #[must_use]
    pub fn matches(&self, text: &PolicyText, config_revision: &str) -> bool {
        self.digest == text.digest && self.config_revision == config_revision
    }
}

/// Returns the revision in force.
///
/// # Errors
/// The store cannot be read.
pub fn policy_in_force(db: &Db) -> Result<Option<PolicyRevision>, StoreError> {
    let mut select = db.prepare_cached(&format!("{SELECT_REVISION} JOIN policy_head h ON h.number = r.number"))?;
    Ok(select.query_row([], revision).optional()?)
}

/// The numbers of resources that revisions created, updated and deleted, by the number of the revision.
pub type RevisionCounts = BTreeMap<i64, [u64; 3]>;

/// Returns how many resources the revisions from `first` to `last` created, updated and deleted, by their audit entries.
/// Revisions whose entries are deleted are left out.
///
/// # Errors
/// The store cannot be read.
pub fn revision_counts(db: &Db, first: i64, last: i64) -> Result<RevisionCounts, StoreError> {
    let mut select = db.prepare_cached(
        "SELECT a.revision, n.text, CAST(count(*) AS BIGINT) FROM audit a JOIN names n ON n.name = a.type
         WHERE a.revision IS NOT NULL AND a.revision BETWEEN ?1 AND ?2 GROUP BY a.revision, n.text",
    )?;
    let mut counts = RevisionCounts::new();
    let rows =
        select.query_map([first, last], |row| Ok((row.get(0)?, row.get::<_, String>(1)?, row.get::<_, i64>(2)?)))?;
    for row in rows {
        let (number, kind, count): (i64, String, i64) = row?;
        let [created, updated, deleted] = counts.entry(number).or_default();
        // The entry about the revision itself is about no resource of it.
        let sum = match kind.rsplit_once('.') {
            Some(("policy", _)) | None => continue,
            Some((_, "created")) => created,
            Some((_, "deleted")) => deleted,
            Some(_) => updated,
        };
        *sum = sum.saturating_add(u64::try_from(count).unwrap_or(0));
    }
    Ok(counts)
}

/// Returns the revision with this name.
///
/// # Errors
/// The store cannot be read.
pub fn policy_revision(db: &Db, name: &PolicyName) -> Result<Option<PolicyRevision>, StoreError> {
    Ok(match name {
        PolicyName::Number(number) => db
            .prepare_cached(&format!("{SELECT_REVISION} WHERE r.number = ?1"))?
            .query_row([number], revision)
            .optional()?,
        PolicyName::Config(config) => db
            .prepare_cached(&format!("{SELECT_REVISION} WHERE r.config_revision = ?1 ORDER BY r.number DESC LIMIT 1"))?
            .query_row([config], revision)
            .optional()?,
    })
}

/// Returns the text of a revision as it was received.
///
/// # Errors
/// The store cannot be read, or the text is damaged.
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

/// Returns revisions, the latest first, and whether there are more. With `before`, only revisions below that number.
///
/// # Errors
/// The store cannot be read.
pub fn policy_revisions(db: &Db, before: Option<i64>, limit: usize) -> Result<(Vec<PolicyRevision>, bool), StoreError> {
    let most = i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1);
    let mut select =
        db.prepare_cached(&format!("{SELECT_REVISION} WHERE r.number < ?1 ORDER BY r.number DESC LIMIT ?2"))?;
    let rows = select.query_map([before.unwrap_or(i64::MAX), most], revision)?;
    let mut found = rows.collect::<Result<Vec<_>, _>>()?;
    let has_more = found.len() > limit;
    found.truncate(limit);
    Ok((found, has_more))
}

/// Returns the revision that was in force at a time, in µs.
///
/// # Errors
/// The store cannot be read.
pub fn policy_at(db: &Db, at: i64) -> Result<Option<PolicyRevision>, StoreError> {
    let mut select =
        db.prepare_cached(&format!("{SELECT_REVISION} WHERE r.effective_at <= ?1 ORDER BY r.number DESC LIMIT 1"))?;
    Ok(select.query_row([at], revision).optional()?)
}

/// Returns the revision that decided a request: the latest of its name when the request began. If there was none yet, the
/// first of that name, because clocks differ.
///
/// # Errors
/// The store cannot be read.
pub fn policy_of_request(db: &Db, config: &str, started_at: i64) -> Result<Option<PolicyRevision>, StoreError> {
    let at_its_time = db
        .prepare_cached(&format!(
            "{SELECT_REVISION} WHERE r.config_revision = ?1 AND r.effective_at <= ?2 ORDER BY r.number DESC LIMIT 1"
        ))?
        .query_row(params![config, started_at], revision)
        .optional()?;
    if at_its_time.is_some() {
        return Ok(at_its_time);
    }
    let mut first =
        db.prepare_cached(&format!("{SELECT_REVISION} WHERE r.config_revision = ?1 ORDER BY r.number LIMIT 1"))?;
    Ok(first.query_row([config], revision).optional()?)
}

/// Puts a policy in force, with its audit entries, if the revision that it was derived from is still in force. No other
/// write is possible meanwhile, so slow work (hashes, the entries' bytes) is done in `new` already.
///
/// # Errors
/// The store cannot be written, and the transaction must be given up.
pub fn put_policy(tx: &Db, new: &NewPolicy) -> Result<PolicyUpdate, StoreError> {
    let current = policy_in_force(tx)?;
    if let Some(current) = current.as_ref().filter(|current| current.matches(&new.text, &new.config_revision)) {
        return Ok(PolicyUpdate::Unchanged(current.clone()));
    }
    // This decides between concurrent changes: of two with the same base, only one advances the number.
    let updated = tx
        .prepare_cached("UPDATE policy_head SET number = number + 1 WHERE id = 1 AND number = ?1")?
        .execute([new.base])?;
    if updated == 0 {
        return Ok(PolicyUpdate::Conflict(policy_in_force(tx)?));
    }
    insert(tx, new, current.as_ref())?;
    append_all(tx, &new.entries)?;
    policy_in_force(tx)?.map(PolicyUpdate::Applied).ok_or(StoreError::Damaged)
}

fn insert(tx: &Db, new: &NewPolicy, before: Option<&PolicyRevision>) -> Result<(), StoreError> {
    tx.prepare_cached("INSERT INTO policy_texts (digest, text) VALUES (?1, ?2) ON CONFLICT (digest) DO NOTHING")?
        .execute(params![new.text.digest, new.text.text.as_bytes()])?;
    // Even if the clock is set back, a revision must not be older than its predecessor.
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
