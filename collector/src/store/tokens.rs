//! Tokens: who may do what. Shown once, kept as SHA-256.

use super::StoreError;
use crate::clock;
use rusqlite::{Connection, OptionalExtension};
use sha2::{Digest, Sha256};

/// SHA-256 of a token's text.
pub type TokenHash = [u8; 32];

/// What a token allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Role {
    /// May only deliver batches.
    Ingest,
    /// May read the request log.
    Viewer,
    /// May do all that is not ingest.
    Owner,
}

impl Role {
    /// The word in the store and on the command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ingest => "ingest",
            Self::Viewer => "viewer",
            Self::Owner => "owner",
        }
    }

    fn from_word(word: &str) -> Option<Self> {
        [Self::Ingest, Self::Viewer, Self::Owner].into_iter().find(|role| role.as_str() == word)
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

/// Stores a token's hash with its role.
///
/// # Errors
/// The store cannot be written.
pub fn add_token(db: &Connection, hash: &TokenHash, role: Role) -> Result<(), StoreError> {
    db.execute(
        "INSERT INTO tokens (sha256, role, created_at) VALUES (?1, ?2, ?3)",
        (hash, role.as_str(), clock::now_us()),
    )?;
    Ok(())
}

/// The role of a token that is known.
///
/// # Errors
/// The store cannot be read.
pub fn role_of(db: &Connection, hash: &TokenHash) -> Result<Option<Role>, StoreError> {
    let word: Option<String> = db
        .prepare_cached("SELECT role FROM tokens WHERE sha256 = ?1")?
        .query_row([hash], |row| row.get(0))
        .optional()?;
    Ok(word.as_deref().and_then(Role::from_word))
}

/// Whether an owner exists.
///
/// # Errors
/// The store cannot be read.
pub fn has_owner(db: &Connection) -> Result<bool, StoreError> {
    Ok(db.query_row("SELECT EXISTS (SELECT 1 FROM tokens WHERE role = 'owner')", [], |row| row.get(0))?)
}

/// Whether any token exists.
///
/// # Errors
/// The store cannot be read.
pub fn has_token(db: &Connection) -> Result<bool, StoreError> {
    let sql = "SELECT EXISTS (SELECT 1 FROM tokens)";
    Ok(db.query_row(sql, [], |row| row.get(0))?)
}
