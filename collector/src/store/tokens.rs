//! Tokens: who may do what. Shown once, kept as SHA-256.

use super::{StoreError, audit};
use crate::audit::{Actor, Entry, Operation, Resource, diff};
use crate::clock;
use rusqlite::{Connection, OptionalExtension, params};
use serde_json::json;
use sha2::{Digest, Sha256};

/// SHA-256 of a token's text.
pub type TokenHash = [u8; 32];

/// What a token allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Delivers: records, heartbeats, other systems' audit entries. Reads nothing.
    Ingest,
    /// Reads the request log and the usage.
    Viewer,
    /// Reads the audit log too.
    Auditor,
    /// Changes the policy too.
    Admin,
    /// Manages tokens and retention too.
    Owner,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 5] = [Self::Ingest, Self::Viewer, Self::Auditor, Self::Admin, Self::Owner];

    /// The word in the store and on the command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ingest => "ingest",
            Self::Viewer => "viewer",
            Self::Auditor => "auditor",
            Self::Admin => "admin",
            Self::Owner => "owner",
        }
    }

    fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == word)
    }
}

/// The hash a token is known by.
#[must_use]
pub fn hash_token(token: &str) -> TokenHash {
    Sha256::digest(token.as_bytes()).into()
}

/// A new random token of 256 bits.
///
/// # Errors
/// The operating system gives no randomness.
pub fn new_token() -> Result<String, StoreError> {
    let mut secret = [0_u8; 32];
    getrandom::fill(&mut secret).map_err(|_| StoreError::Other)?;
    let digits = secret.iter().map(|byte| format!("{byte:02x}"));
    Ok(std::iter::once("hgc_".to_owned()).chain(digits).collect())
}

/// The public id of a token, made of its hash, which cannot be reversed.
#[must_use]
pub fn token_id(hash: &TokenHash) -> String {
    let digits: String = hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    format!("tok_{digits}")
}

/// What a new token shall be.
#[derive(Debug, Clone)]
pub struct TokenRequest {
    /// What it allows.
    pub role: Role,
    /// What it is for, in its maker's words.
    pub name: Option<String>,
    /// From when on it is no longer valid, µs since the Unix epoch.
    pub expires_at: Option<i64>,
}

/// Stores a token's hash; an audit entry says who made it.
///
/// # Errors
/// The store cannot be written.
pub fn add_token(tx: &Connection, hash: &TokenHash, request: &TokenRequest, actor: Actor) -> Result<(), StoreError> {
    let id = token_id(hash);
    tx.execute(
        "INSERT INTO tokens (sha256, id, role, name, created_at, created_by, expires_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        params![hash, id, request.role.as_str(), request.name, clock::now_us(), actor.id, request.expires_at],
    )?;
    let made = json!({"role": request.role, "name": request.name, "expires_at": request.expires_at});
    let entry = Entry::new("token.created", Operation::Create, actor, Resource::new("token", id))
        .with_changes(diff(&json!({}), &made));
    audit::append(tx, &entry)?;
    Ok(())
}

/// A valid token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownToken {
    /// Its public id.
    pub id: String,
    /// What it allows.
    pub role: Role,
    /// When it was last seen, to the minute, µs.
    pub last_used: Option<i64>,
}

/// The token, unless it is unknown, expired or revoked.
///
/// # Errors
/// The store cannot be read.
pub fn known_token(db: &Connection, hash: &TokenHash, now: i64) -> Result<Option<KnownToken>, StoreError> {
    let found: Option<(String, String, Option<i64>)> = db
        .prepare_cached(
            "SELECT id, role, last_used FROM tokens
             WHERE sha256 = ?1 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > ?2)",
        )?
        .query_row(params![hash, now], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()?;
    Ok(found.and_then(|(id, word, last_used)| Some(KnownToken { id, role: Role::from_word(&word)?, last_used })))
}

/// Whether an owner exists.
///
/// # Errors
/// The store cannot be read.
pub fn has_owner(db: &Connection) -> Result<bool, StoreError> {
    Ok(db.query_row("SELECT EXISTS (SELECT 1 FROM tokens WHERE role = 'owner' AND revoked_at IS NULL)", [], |row| {
        row.get(0)
    })?)
}

/// Whether any token exists.
///
/// # Errors
/// The store cannot be read.
pub fn has_token(db: &Connection) -> Result<bool, StoreError> {
    let sql = "SELECT EXISTS (SELECT 1 FROM tokens)";
    Ok(db.query_row(sql, [], |row| row.get(0))?)
}
