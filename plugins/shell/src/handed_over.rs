//! Records that were left to a logger of the host: nobody tells when they arrive.

/// Time that a logger may need, ms. A count stays for one to two of these.
const ON_THE_WAY_MS: u64 = 5_000;

/// Counts the records of the last seconds. They may still be on their way, so they wait as far as a heartbeat can tell.
#[derive(Debug, Default)]
pub(crate) struct HandedOver {
    began_ms: u64,
    now: u64,
    before: u64,
}

impl HandedOver {
    /// Counts a record.
    pub(crate) fn note(&mut self, now_ms: u64) {
        self.turn(now_ms);
        self.now = self.now.saturating_add(1);
    }

    /// Returns the number of records that may be on their way.
    pub(crate) fn on_the_way(&mut self, now_ms: u64) -> u64 {
        self.turn(now_ms);
        self.now.saturating_add(self.before)
    }

    fn turn(&mut self, now_ms: u64) {
        let age_ms = now_ms.saturating_sub(self.began_ms);
        if age_ms < ON_THE_WAY_MS {
            return;
        }
        self.before = if age_ms < 2 * ON_THE_WAY_MS { self.now } else { 0 };
        (self.began_ms, self.now) = (now_ms, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::HandedOver;

    #[test]
    fn records_are_on_the_way_for_some_seconds() {
        let mut handed = HandedOver::default();
        for now_ms in [100_000, 103_000, 106_000] {
            handed.note(now_ms);
        }
        assert_eq!(handed.on_the_way(106_000), 3);
        assert_eq!(handed.on_the_way(111_001), 1);
        assert_eq!(handed.on_the_way(130_000), 0);
    }
}
