//! Roles of tokens.

/// The permissions of a token.
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

    /// Returns the word for the role in the store and on the command line.
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

    /// Returns the role with this word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == word)
    }
}
