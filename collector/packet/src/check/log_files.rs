//! The files of each log in a packet.

use crate::{AUDIT, AUDIT_CHECKPOINT, AUDIT_NODES, REQUESTS, REQUESTS_CHECKPOINT, REQUESTS_NODES};

/// The names of a log in a packet.
#[derive(Debug, Clone, Copy)]
pub(super) struct LogFiles {
    pub(super) log: &'static str,
    pub(super) lines: &'static str,
    pub(super) nodes: &'static str,
    pub(super) checkpoint: &'static str,
}

/// Both logs.
pub(super) const LOGS: [LogFiles; 2] = [
    LogFiles { log: "requests", lines: REQUESTS, nodes: REQUESTS_NODES, checkpoint: REQUESTS_CHECKPOINT },
    LogFiles { log: "audit", lines: AUDIT, nodes: AUDIT_NODES, checkpoint: AUDIT_CHECKPOINT },
];
