//! Sessions as owners see them.

use headgate_collector_db::{self as db, Row};
use serde::Serialize;
use serde_json::{Value, json};

/// A session as owners see it. Times are µs since the Unix epoch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct SessionInfo {
    /// Its public id.
    pub id: String,
    /// Id of the token that signed in, if a token did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// The person whom an identity provider knows, if one signed in: the issuer and the subject, as `https://login.example#1234`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub person: Option<String>,
    /// The person's name at the sign-in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The person's role. That of a token can be seen in the list of tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// The network address of the sign-in.
    pub address: String,
    /// The time of the sign-in, µs since the Unix epoch.
    pub created_at: i64,
    /// The time of the last use, to the minute, µs.
    pub last_seen: i64,
    /// The time at which it ends at the latest, µs.
    pub expires_at: i64,
}

impl SessionInfo {
    /// Returns the holder, as an audit entry has it.
    pub(super) fn held_by(&self) -> Value {
        match &self.person {
            Some(person) => json!({"person": person, "role": self.role}),
            None => json!({"token_id": self.token}),
        }
    }
}

/// Reads what [`info`] takes.
pub(super) const SELECT_INFO: &str =
    "SELECT id, holder, role, name, address, created_at, last_seen, expires_at FROM sessions";

/// Returns the session in a row.
pub(super) fn info(row: &Row<'_>) -> db::Result<SessionInfo> {
    let (holder, role): (String, Option<String>) = (row.get(1)?, row.get(2)?);
    let (token, person) = if role.is_some() { (None, Some(holder)) } else { (Some(holder), None) };
    Ok(SessionInfo {
        id: row.get(0)?,
        token,
        person,
        role,
        name: row.get(3)?,
        address: row.get(4)?,
        created_at: row.get(5)?,
        last_seen: row.get(6)?,
        expires_at: row.get(7)?,
    })
}
