//! How many connections are open, and which one has to go when there is no room.
//!
//! A fixed number of connections lets anyone who opens that many and says nothing (slowloris) lock everyone out until
//! they time out. Here a newcomer gets in: first go those that never showed a valid token, be they busy or not (whoever asks
//! `/readyz` over and over is busy all the time), then those that serve nothing right now; of each kind the oldest first.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// One open connection.
#[derive(Debug)]
pub(super) struct Place {
    peer: IpAddr,
    serving: AtomicUsize,
    trusted: AtomicBool,
    gone: Notify,
}

impl Place {
    fn new(peer: IpAddr) -> Self {
        Self { peer, serving: AtomicUsize::new(0), trusted: AtomicBool::new(false), gone: Notify::new() }
    }

    /// Who is at the other end.
    pub(super) fn peer(&self) -> IpAddr {
        self.peer
    }

    /// It showed a valid token.
    pub(super) fn is_trusted(&self) {
        self.trusted.store(true, Ordering::Relaxed);
    }

    /// Marks it as serving a request until the guard is dropped.
    pub(super) fn serve(self: Arc<Self>) -> Serving {
        self.serving.fetch_add(1, Ordering::Relaxed);
        Serving(self)
    }

    /// Returns when it has to make room.
    pub(super) async fn must_go(&self) {
        self.gone.notified().await;
    }

    /// What is left for last when room is needed; `None` if it must stay: it shows a token and is being served.
    fn worth(&self) -> Option<(bool, bool)> {
        let trusted = self.trusted.load(Ordering::Relaxed);
        let serving = self.serving.load(Ordering::Relaxed) > 0;
        (!(trusted && serving)).then_some((trusted, serving))
    }
}

/// A request is being served.
#[derive(Debug)]
pub(super) struct Serving(Arc<Place>);

impl Drop for Serving {
    fn drop(&mut self) {
        self.0.serving.fetch_sub(1, Ordering::Relaxed);
    }
}

/// All open connections, oldest first.
#[derive(Debug)]
pub(super) struct Connections {
    most: usize,
    open: Mutex<(u64, BTreeMap<u64, Arc<Place>>)>,
}

/// Leaves the list when dropped.
#[derive(Debug)]
pub(super) struct Admitted {
    all: Arc<Connections>,
    number: u64,
    /// The connection's own state.
    pub(super) place: Arc<Place>,
}

impl Drop for Admitted {
    fn drop(&mut self) {
        self.all.lock().1.remove(&self.number);
    }
}

impl Connections {
    pub(super) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { most, open: Mutex::new((0, BTreeMap::new())) })
    }

    /// A place for a new connection, if need be at the cost of another one; `None` if all serve the holders of tokens.
    pub(super) fn admit(self: &Arc<Self>, peer: IpAddr) -> Option<Admitted> {
        let mut open = self.lock();
        if open.1.len() >= self.most {
            let victim = victim(&open.1)?;
            if let Some(place) = open.1.remove(&victim) {
                place.gone.notify_one();
            }
        }
        open.0 = open.0.wrapping_add(1);
        let (number, place) = (open.0, Arc::new(Place::new(peer)));
        open.1.insert(number, Arc::clone(&place));
        Some(Admitted { all: Arc::clone(self), number, place })
    }

    fn lock(&self) -> MutexGuard<'_, (u64, BTreeMap<u64, Arc<Place>>)> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn victim(open: &BTreeMap<u64, Arc<Place>>) -> Option<u64> {
    let worth = |(number, place): (&u64, &Arc<Place>)| Some((place.worth()?, *number));
    open.iter().filter_map(worth).min().map(|(_, number)| number)
}
