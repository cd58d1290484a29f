//! The open connections, and the choice of the one that is closed to make room.
//!
//! With a fixed number of connections, a client that opens that many and sends nothing (slowloris) would lock out all others
//! until its connections time out. Here a new connection replaces an old one. Connections that never showed a valid token go
//! first, busy or not, since a client that polls `/readyz` is always busy. Idle ones go next; of each kind the oldest first.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// One open connection.
#[derive(Debug)]
pub(super) struct ConnectionSlot {
    peer: IpAddr,
    serving: AtomicUsize,
    trusted: AtomicBool,
    eviction: Notify,
}

impl ConnectionSlot {
    fn new(peer: IpAddr) -> Self {
        Self { peer, serving: AtomicUsize::new(0), trusted: AtomicBool::new(false), eviction: Notify::new() }
    }

    /// Returns the address of the peer.
    pub(super) fn peer(&self) -> IpAddr {
        self.peer
    }

    /// Marks the connection as one that showed a valid token.
    pub(super) fn mark_trusted(&self) {
        self.trusted.store(true, Ordering::Relaxed);
    }

    /// Marks it as serving a request until the guard is dropped.
    pub(super) fn serve(self: Arc<Self>) -> Serving {
        self.serving.fetch_add(1, Ordering::Relaxed);
        Serving(self)
    }

    /// Resolves when the connection has to close to make room.
    pub(super) async fn evicted(&self) {
        self.eviction.notified().await;
    }

    /// Returns the rank of the connection, lowest closed first; `None` if it must stay: it has a valid token and is busy.
    fn eviction_rank(&self) -> Option<(bool, bool)> {
        let trusted = self.trusted.load(Ordering::Relaxed);
        let serving = self.serving.load(Ordering::Relaxed) > 0;
        (!(trusted && serving)).then_some((trusted, serving))
    }
}

/// Marks a connection as busy with a request.
#[derive(Debug)]
pub(super) struct Serving(Arc<ConnectionSlot>);

impl Drop for Serving {
    fn drop(&mut self) {
        self.0.serving.fetch_sub(1, Ordering::Relaxed);
    }
}

/// All open connections, oldest first.
#[derive(Debug)]
pub(super) struct Connections {
    max: usize,
    open: Mutex<(u64, BTreeMap<u64, Arc<ConnectionSlot>>)>,
}

/// An entry in the list of connections; removed on drop.
#[derive(Debug)]
pub(super) struct Admitted {
    connections: Arc<Connections>,
    number: u64,
    /// The connection's own state.
    pub(super) slot: Arc<ConnectionSlot>,
}

impl Drop for Admitted {
    fn drop(&mut self) {
        self.connections.lock().1.remove(&self.number);
    }
}

impl Connections {
    pub(super) fn new(max: usize) -> Arc<Self> {
        Arc::new(Self { max, open: Mutex::new((0, BTreeMap::new())) })
    }

    /// Admits a new connection, closing another one if necessary; `None` if all are busy with valid tokens.
    pub(super) fn admit(self: &Arc<Self>, peer: IpAddr) -> Option<Admitted> {
        let mut open = self.lock();
        if open.1.len() >= self.max {
            let victim = victim(&open.1)?;
            if let Some(slot) = open.1.remove(&victim) {
                slot.eviction.notify_one();
            }
        }
        open.0 = open.0.wrapping_add(1);
        let (number, slot) = (open.0, Arc::new(ConnectionSlot::new(peer)));
        open.1.insert(number, Arc::clone(&slot));
        Some(Admitted { connections: Arc::clone(self), number, slot })
    }

    fn lock(&self) -> MutexGuard<'_, (u64, BTreeMap<u64, Arc<ConnectionSlot>>)> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn victim(open: &BTreeMap<u64, Arc<ConnectionSlot>>) -> Option<u64> {
    let rank = |(number, slot): (&u64, &Arc<ConnectionSlot>)| Some((slot.eviction_rank()?, *number));
    open.iter().filter_map(rank).min().map(|(_, number)| number)
}
