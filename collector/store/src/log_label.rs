//! The label of metrics that count by log.

use headgate_collector_types::Log;
use prometheus_client::encoding::EncodeLabelSet;

/// The label `log`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct LogLabel {
    log: &'static str,
}

impl From<Log> for LogLabel {
    fn from(log: Log) -> Self {
        Self { log: log.as_str() }
    }
}
