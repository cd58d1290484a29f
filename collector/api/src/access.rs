//! Rights, and the roles that have them.

use headgate_collector_types::Role;

/// The access that a route requires of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Nothing: no token is needed.
    Open,
    /// To deliver.
    Deliver,
    /// To read the request log.
    Read,
    /// To read the audit log.
    Audit,
    /// To change the policy, and to read it as it was written.
    Change,
    /// To manage tokens and retention.
    Own,
}

impl Access {
    /// Returns the roles that have this access.
    #[must_use]
    pub const fn roles(self) -> &'static [Role] {
        match self {
            Self::Open => &Role::ALL,
            Self::Deliver => &[Role::Ingest],
            Self::Read => &[Role::Viewer, Role::Auditor, Role::Admin, Role::Owner],
            Self::Audit => &[Role::Auditor, Role::Admin, Role::Owner],
            Self::Change => &[Role::Admin, Role::Owner],
            Self::Own => &[Role::Owner],
        }
    }
}
