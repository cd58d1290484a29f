//! Looks at the host's clock beside what the store knows of the time, and says so when it leaps.

use super::RetentionMetrics;
use crate::clock;
use crate::journal;
use crate::store::{KnownTime, Leap, Readers, Store, StoreError, WriteHandle, known_time, note_time};
use jiff::Timestamp;

/// The way to what is known, and what was said last.
#[derive(Debug, Clone)]
pub(super) struct ClockWatch {
    writes: WriteHandle,
    readers: Readers,
    metrics: RetentionMetrics,
    said: Option<Leap>,
}

impl ClockWatch {
    pub(super) fn new(store: &Store, metrics: RetentionMetrics) -> Self {
        Self { writes: store.writes.clone(), readers: store.readers.clone(), metrics, said: None }
    }

    /// The time that retention goes by now, µs.
    pub(super) async fn look(&mut self) -> Result<i64, StoreError> {
        let host = clock::host_us();
        let known = self.readers.query(known_time).await?;
        let leap = known.leap(host);
        let is_new = leap != self.said;
        if is_new || known.is_old(host) {
            let tell = is_new && leap.is_some();
            self.writes.transact(move |tx| note_time(tx, host, tell)).await?;
        }
        if is_new {
            say(leap, &known, host);
            self.said = leap;
        }
        known.bound_the_clock();
        let now = known.now(host);
        self.metrics.clock(host, now);
        Ok(now)
    }
}

fn say(leap: Option<Leap>, known: &KnownTime, host: i64) {
    let text = |us| Timestamp::from_microsecond(us).map_or(String::new(), |at| at.strftime("%FT%TZ").to_string());
    let (host, now) = (text(host), text(known.now(host)));
    journal::line(&match leap {
        Some(Leap::Ahead) => format!(
            "the clock says {host} and the store knows of {now}: it has leapt, or no collector ran; nothing is deleted before its \
             time. If the clock is wrong, mend it. If it is right, an owner may say so: POST /v1/retention/clock with the time \
             of another clock; else retention catches up by itself, a day a day"
        ),
        Some(Leap::Back) => format!(
            "the clock says {host} and the store knows of {now}: it has gone back. Mend it; until then time goes on from what \
             the store knows"
        ),
        None => format!("the clock and what the store knows of the time agree again: {host}"),
    });
}
