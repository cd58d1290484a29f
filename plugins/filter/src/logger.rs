//! The logger behind the `log` facade: it writes to the host's log.

use crate::host;
use log::{LevelFilter, Log, Metadata, Record};

struct HostLogger;

static LOGGER: HostLogger = HostLogger;

/// Sends the log lines of this VM to the host. A second call changes nothing.
pub(crate) fn install() {
    if log::set_logger(&LOGGER).is_ok() {
        log::set_max_level(LevelFilter::Info);
    }
}

impl Log for HostLogger {
    fn enabled(&self, metadata: &Metadata) -> bool {
        metadata.level() <= LevelFilter::Info
    }

    fn log(&self, record: &Record) {
        if self.enabled(record.metadata()) {
            host::log(record.level(), &format!("headgate: {}", record.args()));
        }
    }

    fn flush(&self) {}
}
