//! The parts of a worker's surroundings that a test sets.

use super::{Nginx, read};
use crate::logger::{Batch, Logger};
use crate::network::Network;
use crate::world::Surroundings;

impl Nginx {
    /// Makes this worker another process.
    pub fn set_pid(&mut self, pid: u32) {
        self.pid = pid;
    }

    /// Makes this worker a process of this machine, with its clock. `seed` begins its random numbers.
    pub fn run_here(&mut self, node: &str, seed: u64) {
        (self.node, self.pid) = (node.to_owned(), std::process::id());
        let world = self.vm.world();
        (world.surroundings, world.random) = (Surroundings::Machine, seed);
    }

    /// Takes other rules, as APISIX does when its file changes.
    ///
    /// # Panics
    /// If they cannot be read.
    pub fn take_rules(&mut self, rules: &str) {
        self.rules = read(rules);
        self.configured = false;
    }

    /// Makes APISIX leave the global rule out, as it does with a plugin that it could not load.
    pub fn lose_filter(&mut self) {
        self.lost = true;
    }

    /// Makes the client of the next requests leave after so many chunks.
    pub fn set_stay(&mut self, chunks: usize) {
        self.stay = chunks;
    }

    /// Makes a plugin of APISIX authenticate the next requests as this consumer, or none.
    pub fn set_consumer(&mut self, name: Option<&str>) {
        self.consumer = name.map(str::to_owned);
    }

    /// Makes another plugin answer the next requests with this status: before the filter, as one that authenticates does, or behind it.
    pub fn set_plugin(&mut self, before_the_filter: bool, status: Option<u16>) {
        self.plugin = status.map(|status| (before_the_filter, status));
    }

    /// Sets the clock, µs since the Unix epoch.
    pub fn set_clock(&mut self, now_us: u64) {
        self.vm.world().surroundings = Surroundings::Test(now_us);
    }

    /// Returns the time, µs since the Unix epoch.
    pub fn clock(&mut self) -> u64 {
        self.vm.world().clock_us()
    }

    /// Lets time pass.
    pub fn wait(&mut self, seconds: u64) {
        self.vm.world().pass_us(seconds * 1_000_000);
    }

    /// Lets the timers of APISIX run: batches of `http-logger` are sent that are due.
    pub fn work_of_timers(&mut self, network: &mut dyn Network) {
        for batch in self.due_batches() {
            if !batch.is_accepted(network) {
                self.take_back(batch);
            }
        }
    }

    /// Takes out the batches of `http-logger` that are to be sent now.
    pub(crate) fn due_batches(&mut self) -> Vec<Batch> {
        let now_us = self.clock();
        self.logger.as_mut().map(|logger| logger.due(now_us)).unwrap_or_default()
    }

    /// Takes back a batch that was not accepted.
    pub(crate) fn take_back(&mut self, batch: Batch) {
        let now_us = self.clock();
        if let Some(logger) = &mut self.logger {
            logger.take_back(batch, now_us);
        }
    }

    /// Takes out all batches of `http-logger`, because the worker ends.
    pub(crate) fn last_batches(&mut self) -> Vec<Batch> {
        self.logger.as_mut().map(Logger::rest).unwrap_or_default()
    }

    /// Ends the worker as a reload does: `http-logger` sends what it has, and the filter is not asked.
    pub fn end(mut self, network: &mut dyn Network) {
        for batch in self.last_batches() {
            batch.is_accepted(network);
        }
    }

    /// Returns the number of records that `http-logger` holds.
    pub fn held_by_logger(&self) -> usize {
        self.logger.as_ref().map_or(0, Logger::held)
    }
}
