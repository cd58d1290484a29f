//! The caller of a route.

use headgate_collector_types::Sender;
use headgate_collector_types::audit::{Actor, ActorKind, Deliverer};
use std::net::IpAddr;

/// The holder of a valid token.
#[derive(Debug, Clone)]
pub(super) struct Caller {
    pub(super) id: String,
    pub(super) name: Option<String>,
    /// Id of the first token of its line.
    pub(super) line: String,
    pub(super) address: IpAddr,
    pub(super) user_agent: Option<String>,
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
            kind: ActorKind::Token,
            name: self.name.clone(),
            address: Some(self.address.to_string()),
            user_agent: self.user_agent.clone(),
        }
    }
}
