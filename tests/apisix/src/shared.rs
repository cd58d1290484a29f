//! A worker with many requests at a time, each in a thread of its own. As in nginx, one callback runs at a time, and a request that waits
//! for somebody is in nobody's way.

use crate::client::{Client, ClientRequest};
use crate::life::Life;
use crate::network::Network;
use crate::nginx::{Lender, Nginx};
use std::sync::{Arc, Mutex};

/// See the module's text.
#[derive(Clone)]
pub struct Shared(Arc<Mutex<Nginx>>);

impl Lender for Shared {
    fn lend<T>(&mut self, act: impl FnOnce(&mut Nginx) -> T) -> T {
        act(&mut self.0.lock().unwrap())
    }
}

impl Shared {
    /// Shares a worker.
    #[must_use]
    pub fn of(worker: Nginx) -> Self {
        Self(Arc::new(Mutex::new(worker)))
    }

    /// Serves a request.
    ///
    /// # Panics
    /// If the real host would have crashed.
    pub fn serve(&self, request: &ClientRequest, network: &mut dyn Network, client: &mut dyn Client) {
        Life::of(self.clone(), request, network, client).serve();
    }

    /// Takes other rules, as APISIX does when its file changes.
    pub fn take_rules(&self, rules: &str) {
        self.clone().lend(|worker| worker.take_rules(rules));
    }

    /// Lets the timers of APISIX run: batches of `http-logger` are sent that are due.
    pub fn work_of_timers(&self, network: &mut dyn Network) {
        let mut worker = self.clone();
        for batch in worker.lend(Nginx::due_batches) {
            if !batch.is_accepted(network) {
                worker.lend(|worker| worker.take_back(batch));
            }
        }
    }

    /// Ends the worker as a reload does: `http-logger` sends what it has, and the filter is not asked.
    pub fn end(&self, network: &mut dyn Network) {
        for batch in self.clone().lend(Nginx::last_batches) {
            batch.is_accepted(network);
        }
    }
}
