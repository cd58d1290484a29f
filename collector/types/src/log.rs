//! The two logs.

/// One of the two logs.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Log {
    /// The request log.
    Requests,
    /// The audit log.
    Audit,
}

impl Log {
    /// Both logs.
    pub const ALL: [Self; 2] = [Self::Requests, Self::Audit];

    /// Returns the name of the log in the store, in answers and in metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::Audit => "audit",
        }
    }

    /// Returns the table of its entries.
    #[must_use]
    pub const fn table(self) -> &'static str {
        match self {
            Self::Requests => "request_entries",
            Self::Audit => "audit_entries",
        }
    }
}
