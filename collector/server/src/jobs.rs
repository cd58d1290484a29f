//! Background jobs: webhooks and the cleanup of limits, the scrub, gaps, retention, checkpoints, evidence packets,
//! forwarders, the identity provider, signs of life.

use crate::checkpoints::Checkpoints;
use crate::gap_monitor::GapMonitor;
use crate::packets::PacketJobs;
use crate::retention::Retention;
use crate::witnesses::Witnesses;
use headgate_collector_api::App;
use headgate_collector_store::{RetentionMetrics, Store};
use tokio::task::JoinSet;

/// The running jobs; dropping the value stops them.
#[derive(Debug)]
pub struct Jobs {
    tasks: JoinSet<()>,
}

impl Jobs {
    /// Starts the jobs on the current runtime.
    #[must_use]
    pub fn start(
        store: &Store,
        app: &App,
        retention: RetentionMetrics,
        checkpoints: Checkpoints,
        witnesses: Witnesses,
        packets: Option<PacketJobs>,
    ) -> Self {
        let mut tasks = JoinSet::new();
        tasks.spawn(app.limits().clone().run());
        tasks.spawn(app.scrub().clone().run());
        tasks.spawn(GapMonitor::new(store).run());
        tasks.spawn(app.clone().discover_provider());
        tasks.spawn(Retention::new(store, retention).run());
        tasks.spawn(checkpoints.run());
        tasks.spawn(witnesses.run());
        if let Some(packets) = packets {
            tasks.spawn(packets.run());
        }
        tasks.spawn(app.forwarders().clone().run());
        Self { tasks }
    }

    /// Adds a job.
    pub fn add(&mut self, job: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(job);
    }
}
