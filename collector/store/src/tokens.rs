//! Tokens and their roles. A token is shown once and stored as SHA-256.

use super::audit;
use headgate_collector_db::{self as db, Db, OptionalExtension, Row, StoreError, params};
use headgate_collector_types::audit::{Actor, Entry, Operation, Resource, diff, mask_text};
use headgate_collector_types::{Role, clock};
use serde::Serialize;
use serde_json::json;
use sha2::{Digest, Sha256};

/// The SHA-256 of a token's text.
pub type TokenHash = [u8; 32];

/// Returns the hash under which a token is stored.
#[must_use]
pub fn hash_token(token: &str) -> TokenHash {
    Sha256::digest(token.as_bytes()).into()
}

/// Returns a new random token of 256 bits.
///
/// # Errors
/// The operating system provides no randomness.
pub fn new_token() -> Result<String, StoreError> {
    random_secret(MADE)
}

/// Begins the text of every token that [`new_token`] makes.
const MADE: &str = "hgc_";

/// Returns a new random secret of 256 bits in 64 digits, after a prefix.
pub(crate) fn random_secret(prefix: &str) -> Result<String, StoreError> {
    let mut secret = [0_u8; 32];
    getrandom::fill(&mut secret).map_err(|_| StoreError::Other)?;
    let digits = secret.iter().map(|byte| format!("{byte:02x}"));
    Ok(std::iter::once(prefix.to_owned()).chain(digits).collect())
}

/// Returns whether a text has the form of the tokens that [`new_token`] makes. Nobody can guess one of these.
#[must_use]
pub fn is_made_token(text: &str) -> bool {
    let digit = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'a'..=b'f');
    text.strip_prefix(MADE).is_some_and(|digits| digits.len() == 64 && digits.bytes().all(digit))
}

/// Returns the public id of a token. It is derived from the hash and does not reveal it.
#[must_use]
pub fn token_id(hash: &TokenHash) -> String {
    public_id("tok_", hash)
}

/// Returns the public id of a secret with this hash.
pub(super) fn public_id(prefix: &str, hash: &TokenHash) -> String {
    let digits = hash.iter().take(8).map(|byte| format!("{byte:02x}"));
    std::iter::once(prefix.to_owned()).chain(digits).collect()
}

/// The properties of a new token.
#[derive(Debug, Clone)]
pub struct TokenRequest {
    /// The role.
    pub role: Role,
    /// The purpose, in the words of its creator.
    pub name: Option<String>,
    /// The time at which it expires, in µs since the Unix epoch.
    pub expires_at: Option<i64>,
    /// The first token of the line that it continues; see [`super::line_of`].
    pub sender: Option<String>,
}

/// Stores a token's hash, with an audit entry of the actor.
///
/// # Errors
/// The store cannot be written.
pub fn add_token(tx: &Db, hash: &TokenHash, request: &TokenRequest, actor: Actor) -> Result<(), StoreError> {
    let id = token_id(hash);
    // Secrets are masked, because the name is shown wherever the token appears.
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
    /// The public id.
    pub id: String,
    /// The role.
    pub role: Role,
    /// The purpose.
    pub name: Option<String>,
    /// The id of the first token of its line: itself, or the token that it replaces.
    pub line: String,
    /// The time of its last use, to the minute, in µs.
    pub last_used: Option<i64>,
}

/// Returns the token, unless it is unknown, expired or revoked.
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
    /// The role.
    pub role: String,
    /// The purpose.
    pub name: Option<String>,
    /// When it was made.
    pub created_at: i64,
    /// Id of the actor that made it.
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

/// Returns the token with this hash, valid or not.
///
/// # Errors
/// The store cannot be read.
pub fn token_of(db: &Db, hash: &TokenHash) -> Result<Option<TokenInfo>, StoreError> {
    Ok(db.prepare_cached(&format!("{SELECT_INFO} WHERE sha256 = ?1"))?.query_row([hash], info).optional()?)
}

/// Returns all tokens, the newest first, including those that are no longer valid.
///
/// # Errors
/// The store cannot be read.
pub fn tokens(db: &Db) -> Result<Vec<TokenInfo>, StoreError> {
    let mut select = db.prepare_cached(&format!("{SELECT_INFO} ORDER BY created_at DESC, id"))?;
    Ok(select.query_map([], info)?.collect::<Result<_, _>>()?)
}

/// The outcome of a revocation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Revoked {
    /// The token is no longer valid.
    Done(TokenInfo),
    /// There is no token with this id.
    Unknown,
    /// It is the last owner's token, and without it nobody could manage tokens.
    LastOwner,
}

/// Revokes a token, with an audit entry of the actor. A second revocation changes nothing. `other_owner` states that an
/// owner exists outside the store.
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

/// Returns whether an owner exists.
///
/// # Errors
/// The store cannot be read.
pub fn has_owner(db: &Db) -> Result<bool, StoreError> {
    Ok(db.query_row("SELECT EXISTS (SELECT 1 FROM tokens WHERE role = 'owner' AND revoked_at IS NULL)", [], |row| {
        row.get(0)
    })?)
}

/// Returns whether any token exists.
///
/// # Errors
/// The store cannot be read.
pub fn has_token(db: &Db) -> Result<bool, StoreError> {
    let sql = "SELECT EXISTS (SELECT 1 FROM tokens)";
    Ok(db.query_row(sql, [], |row| row.get(0))?)
}
