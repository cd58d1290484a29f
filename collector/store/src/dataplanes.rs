//! Data planes: heartbeats of workers, and the state of each proxy derived from them.

mod data_plane;
mod heartbeat;

pub use data_plane::{DataPlane, PlaneState, Worker, WorkerState, data_planes};
#[cfg(test)]
pub(super) use heartbeat::write_heartbeat;
pub use heartbeat::{HeartbeatOutcome, store_heartbeat};

#[cfg(test)]
mod tests {
    use headgate_record::Heartbeat;

    /// Returns a heartbeat of a worker.
    pub(crate) fn beat(node: &str, boot: &str, revision: &str) -> Heartbeat {
        Heartbeat {
            node: node.to_owned(),
            boot: boot.to_owned(),
            version: "0.1.0".to_owned(),
            config_revision: revision.to_owned(),
            uptime_s: 7,
            queued: 1,
            dropped: 0,
            last_seq: 3,
            ..Heartbeat::default()
        }
    }
}
