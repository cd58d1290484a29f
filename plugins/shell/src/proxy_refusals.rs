//! Counts of requests that the proxy refused by itself, by class.
//!
//! A request that was refused is told by the gate's log, and the connection that it broke by the listener's. A connection
//! that ended by a protocol error without a refused request is counted as one refusal of its own, so the clients of refused
//! requests are remembered until their connection is logged: a moment later, on the same worker.

use headgate_record::ProxyRefusal;
use std::collections::{BTreeMap, VecDeque};

/// Clients that are remembered. Those of connections that live on after a refusal are pushed out by later ones.
const MAX_CLIENTS: usize = 256;

/// See the module's text.
#[derive(Default)]
pub(crate) struct ProxyRefusals {
    counts: BTreeMap<ProxyRefusal, u64>,
    /// Addresses with ports.
    clients: VecDeque<Vec<u8>>,
}

impl ProxyRefusals {
    /// Counts a request of the client at this address.
    pub(crate) fn request(&mut self, class: ProxyRefusal, client: &[u8]) {
        self.count(class);
        if self.clients.len() >= MAX_CLIENTS {
            self.clients.pop_front();
        }
        self.clients.push_back(client.to_vec());
    }

    /// Counts a connection that ended in its TLS handshake, or by a protocol error unless a request on it was counted.
    pub(crate) fn connection(&mut self, client: &[u8], in_handshake: bool) {
        if in_handshake {
            self.count(ProxyRefusal::Tls);
        } else if self.clients.iter().any(|one| one == client) {
            self.clients.retain(|one| one != client);
        } else {
            self.count(ProxyRefusal::CodecError);
        }
    }

    /// Returns the counts since the worker's VM started.
    pub(crate) fn counts(&self) -> &BTreeMap<ProxyRefusal, u64> {
        &self.counts
    }

    fn count(&mut self, class: ProxyRefusal) {
        let count = self.counts.entry(class).or_default();
        *count = count.saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_counts_once() {
        let mut refused = ProxyRefusals::default();
        refused.request(ProxyRefusal::HeaderLimit, b"10.0.0.1:4000");
        refused.connection(b"10.0.0.1:4000", false);
        refused.connection(b"10.0.0.1:4001", false);
        refused.connection(b"10.0.0.1:4000", false);
        refused.connection(b"10.0.0.1:4002", true);
        let classes = [(ProxyRefusal::CodecError, 2), (ProxyRefusal::HeaderLimit, 1), (ProxyRefusal::Tls, 1)];
        let expected = BTreeMap::from(classes);
        assert_eq!(*refused.counts(), expected);
    }

    #[test]
    fn remembered_clients_are_bounded() {
        let mut refused = ProxyRefusals::default();
        (0..10_000_u32).for_each(|client| refused.request(ProxyRefusal::Other, &client.to_le_bytes()));
        assert_eq!(refused.clients.len(), MAX_CLIENTS);
    }
}
