//! Tokens: who may do what. Shown once, kept as SHA-256.

use super::db::{self, Db, OptionalExtension, Row, params};
use super::{StoreError, audit};
use crate::audit::{Actor, Entry, Operation, Resource, diff, mask_text};
use crate::clock;
use serde::Serialize;
use serde_json::json;
use sha2::{Digest, Sha256};

/// SHA-256 of a token's text.
pub type TokenHash = [u8; 32];

/// What a token allows.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
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
    /// The first token of the line that it goes on with; see [`super::line_of`].
    pub sender: Option<String>,
}

/// Stores a token's hash; an audit entry says who made it.
///
/// # Errors
/// The store cannot be written.
pub fn add_token(tx: &Db, hash: &TokenHash, request: &TokenRequest, actor: Actor) -> Result<(), StoreError> {
    let id = token_id(hash);
    // It is shown wherever the token is named.
    let name = request.name.as_deref().map(mask_text);
    tx.execute(
        "INSERT INTO tokens (sha256, id, role, name, created_at, created_by, expires_at, sender)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        params![hash, id, request.role.as_str(), name, clock::now_us(), actor.id, request.expires_at, request.sender],
    )?;
    let mut made = json!({"role": request.role, "name": name, "expires_at": request.expires_at});
    if let (Some(sender), Some(members)) = (&request.sender, made.as_object_mut()) {
        members.insert("sender".to_owned(), json!(sender));
    }
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
    /// What it is for.
    pub name: Option<String>,
    /// Id of the first token of its line: itself, or the one that it replaces.
    pub line: String,
    /// When it was last seen, to the minute, µs.
    pub last_used: Option<i64>,
}

/// The token, unless it is unknown, expired or revoked.
///
/// # Errors
/// The store cannot be read.
pub fn known_token(db: &Db, hash: &TokenHash, now: i64) -> Result<Option<KnownToken>, StoreError> {
    let known = db
        .prepare_cached(
            "SELECT id, role, name, last_used, COALESCE(sender, id) FROM tokens
             WHERE sha256 = ?1 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > ?2)",
        )?
        .query_row(params![hash, now], |row| {
            let role = Role::from_word(&row.get::<_, String>(1)?);
            let (id, name, last_used, line) = (row.get(0)?, row.get(2)?, row.get(3)?, row.get(4)?);
            Ok(role.map(|role| KnownToken { id, role, name, line, last_used }))
        })
        .optional()?;
    Ok(known.flatten())
}

/// Notes that a token was used.
///
/// # Errors
/// The store cannot be written.
pub fn note_use(tx: &Db, id: &str, now: i64) -> Result<(), StoreError> {
    tx.prepare_cached("UPDATE tokens SET last_used = ?2 WHERE id = ?1")?.execute(params![id, now])?;
    Ok(())
}

/// A token as its managers see it. Times are µs since the Unix epoch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct TokenInfo {
    /// Its public id.
    pub id: String,
    /// What it allows.
    pub role: String,
    /// What it is for.
    pub name: Option<String>,
    /// When it was made.
    pub created_at: i64,
    /// Id of the actor who made it.
    pub created_by: String,
    /// From when on it is no longer valid.
    pub expires_at: Option<i64>,
    /// When it was last seen, to the minute.
    pub last_used: Option<i64>,
    /// When it was revoked.
    pub revoked_at: Option<i64>,
    /// Of a token that replaces another one: the first of them. Boots that any of them opened are theirs together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sender: Option<String>,
}

const SELECT_INFO: &str =
    "SELECT id, role, name, created_at, created_by, expires_at, last_used, revoked_at, sender FROM tokens";

fn info(row: &Row<'_>) -> db::Result<TokenInfo> {
    Ok(TokenInfo {
        id: row.get(0)?,
        role: row.get(1)?,
        name: row.get(2)?,
        created_at: row.get(3)?,
        created_by: row.get(4)?,
        expires_at: row.get(5)?,
        last_used: row.get(6)?,
        revoked_at: row.get(7)?,
        sender: row.get(8)?,
    })
}

/// All tokens, the newest first; those that are no longer valid too.
///
/// # Errors
/// The store cannot be read.
pub fn tokens(db: &Db) -> Result<Vec<TokenInfo>, StoreError> {
    let mut select = db.prepare_cached(&format!("{SELECT_INFO} ORDER BY created_at DESC, id"))?;
    Ok(select.query_map([], info)?.collect::<Result<_, _>>()?)
}

/// What came of a revocation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Revoked {
    /// The token is no longer valid.
    Done(TokenInfo),
    /// There is none with this id.
    Unknown,
    /// Nobody could manage tokens any more.
    LastOwner,
}

/// Revokes a token; an audit entry says who did. Revoking again changes nothing. `other_owner` says that an owner exists who
/// is not in the store.
///
/// # Errors
/// The store cannot be written.
pub fn revoke_token(tx: &Db, id: &str, other_owner: bool, actor: Actor) -> Result<Revoked, StoreError> {
    let find = |tx: &Db| tx.prepare_cached(&format!("{SELECT_INFO} WHERE id = ?1"))?.query_row([id], info).optional();
    let Some(token) = find(tx)? else {
        return Ok(Revoked::Unknown);
    };
    if token.revoked_at.is_some() {
        return Ok(Revoked::Done(token));
    }
    if token.role == Role::Owner.as_str() && !other_owner && !another_owner(tx, id)? {
        return Ok(Revoked::LastOwner);
    }
    let now = clock::now_us();
    tx.execute("UPDATE tokens SET revoked_at = ?2 WHERE id = ?1", params![id, now])?;
    let entry = Entry::new("token.revoked", Operation::Delete, actor, Resource::new("token", id))
        .with_changes(diff(&json!({"revoked_at": null}), &json!({"revoked_at": now})));
    audit::append(tx, &entry)?;
    Ok(find(tx)?.map_or(Revoked::Unknown, Revoked::Done))
}

fn another_owner(tx: &Db, id: &str) -> db::Result<bool> {
    tx.query_row(
        "SELECT EXISTS (SELECT 1 FROM tokens WHERE role = 'owner' AND revoked_at IS NULL AND id <> ?1
           AND (expires_at IS NULL OR expires_at > ?2))",
        params![id, clock::now_us()],
        |row| row.get(0),
    )
}

/// Whether an owner exists.
///
/// # Errors
/// The store cannot be read.
pub fn has_owner(db: &Db) -> Result<bool, StoreError> {
    Ok(db.query_row("SELECT EXISTS (SELECT 1 FROM tokens WHERE role = 'owner' AND revoked_at IS NULL)", [], |row| {
        row.get(0)
    })?)
}

/// Whether any token exists.
///
/// # Errors
/// The store cannot be read.
pub fn has_token(db: &Db) -> Result<bool, StoreError> {
    let sql = "SELECT EXISTS (SELECT 1 FROM tokens)";
    Ok(db.query_row(sql, [], |row| row.get(0))?)
}
