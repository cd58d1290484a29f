//! The caller of a route.

use headgate_collector_store::{KnownPerson, KnownToken};
use headgate_collector_types::audit::{Actor, ActorKind, Deliverer, Justification};
use headgate_collector_types::{Role, Sender};
use std::net::IpAddr;

/// The holder of a right: a valid token, or a person whom the identity provider knows.
#[derive(Debug, Clone)]
pub(super) struct Holder {
    pub(super) kind: ActorKind,
    pub(super) id: String,
    pub(super) name: Option<String>,
    /// Of a token, the id of the first one of its line.
    pub(super) line: String,
    pub(super) role: Role,
}

impl From<KnownToken> for Holder {
    fn from(KnownToken { id, role, name, line, .. }: KnownToken) -> Self {
        Self { kind: ActorKind::Token, id, name, line, role }
    }
}

impl From<KnownPerson> for Holder {
    fn from(KnownPerson { id, name, role, .. }: KnownPerson) -> Self {
        Self { kind: ActorKind::Person, line: id.clone(), id, name, role }
    }
}

/// A holder who calls.
#[derive(Debug, Clone)]
pub(super) struct Caller {
    pub(super) kind: ActorKind,
    pub(super) id: String,
    pub(super) name: Option<String>,
    /// Id of the first token of its line.
    pub(super) line: String,
    pub(super) address: IpAddr,
    pub(super) user_agent: Option<String>,
    /// The reason that the request states.
    pub(super) justification: Option<Justification>,
}

impl Caller {
    /// Returns the caller as a sender of records and entries.
    pub(super) fn sender(&self) -> Sender {
        Sender { token: self.id.clone(), name: self.name.clone(), line: self.line.clone() }
    }

    /// Returns the deliverer that an entry of another system names.
    pub(super) fn deliverer(&self) -> Deliverer {
        Deliverer { id: self.id.clone(), name: self.name.clone(), address: Some(self.address.to_string()) }
    }

    /// Returns the caller as the actor of audit entries.
    pub(super) fn actor(&self) -> Actor {
        Actor {
            id: self.id.clone(),
            kind: self.kind,
            name: self.name.clone(),
            address: Some(self.address.to_string()),
            user_agent: self.user_agent.clone(),
            justification: self.justification.clone(),
        }
    }
}
