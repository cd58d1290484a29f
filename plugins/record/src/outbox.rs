//! The way out: a bounded queue of finished records, sent in batches until they are acknowledged.
//!
//! Fire and forget would lose records whenever the collector restarts; an unbounded queue would take the proxy down
//! with it. So: at most one batch is under way, it is sent again with growing pauses until it is acknowledged, new
//! records wait, and those for which there is no room are dropped and counted. A dropped record keeps its number, so
//! that the collector sees the hole. Delivery is at least once; the collector folds repeats by (node, boot, seq).
//!
//! Records are written straight into the batch they will travel in: one copy and one allocation less for each than a
//! queue of single records.

use std::collections::VecDeque;
use std::rc::Rc;

/// Bounds of the queue and the pace of delivery. Times are milliseconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxLimits {
    /// Records that may wait.
    pub queue_records: usize,
    /// Bytes that may wait.
    pub queue_bytes: usize,
    /// Records in a batch.
    pub batch_records: usize,
    /// Bytes in a batch, soft: one record always fits.
    pub batch_bytes: usize,
    /// First pause after a failed delivery.
    pub backoff_min_ms: u64,
    /// Longest pause.
    pub backoff_max_ms: u64,
    /// After this long without an answer a delivery counts as failed.
    pub delivery_timeout_ms: u64,
}

impl Default for OutboxLimits {
    fn default() -> Self {
        Self {
            queue_records: 50_000,
            queue_bytes: 64 << 20,
            batch_records: 500,
            batch_bytes: 1 << 20,
            backoff_min_ms: 200,
            backoff_max_ms: 30_000,
            delivery_timeout_ms: 10_000,
        }
    }
}

/// How a delivery ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// 2xx: the batch is on disk (refused records included: they never will be).
    Acknowledged,
    /// Anything else, or silence.
    Failed,
}

/// A batch to send now.
#[derive(Debug, PartialEq, Eq)]
pub struct PendingBatch {
    /// Which delivery this is; answer with it.
    pub ticket: u64,
    /// The JSON body.
    pub body: Rc<Vec<u8>>,
    /// How many records are inside.
    pub records: usize,
}

/// Queue of one worker. See the module's text.
#[derive(Debug)]
pub struct Outbox {
    limits: OutboxLimits,
    head: Vec<u8>,
    /// The first one is next, or under way; the last one takes the records that come.
    bundles: VecDeque<Bundle>,
    queued_records: usize,
    queued_bytes: usize,
    next_seq: u64,
    dropped: u64,
    in_flight: Option<InFlight>,
    ticket: u64,
    failures: u32,
    not_before_ms: u64,
}

/// A batch in the making.
#[derive(Debug)]
struct Bundle {
    /// The body as far as it is known: the end, with the number of dropped records, is put on for each delivery.
    body: Rc<Vec<u8>>,
    /// Where the end begins.
    len: usize,
    records: usize,
    /// Of the records alone.
    bytes: usize,
}

#[derive(Debug)]
struct InFlight {
    ticket: u64,
    deadline_ms: u64,
}

impl Outbox {
    /// A queue for one worker's boot. `node` and `boot` stand in every batch.
    #[must_use]
    pub fn new(node: &str, boot: &str, limits: OutboxLimits) -> Self {
        let mut head = b"{\"node\":".to_vec();
        push_json_string(&mut head, node);
        head.extend_from_slice(b",\"boot\":");
        push_json_string(&mut head, boot);
        head.extend_from_slice(b",\"records\":[");
        Self {
            limits,
            head,
            bundles: VecDeque::new(),
            queued_records: 0,
            queued_bytes: 0,
            next_seq: 1,
            dropped: 0,
            in_flight: None,
            ticket: 0,
            failures: 0,
            not_before_ms: 0,
        }
    }

    /// The number for the next record. Every finished request takes one, also one that is then dropped.
    pub fn take_seq(&mut self) -> u64 {
        let seq = self.next_seq;
        self.next_seq = seq.saturating_add(1);
        seq
    }

    /// The number that was taken last; 0 before the first.
    #[must_use]
    pub fn last_seq(&self) -> u64 {
        self.next_seq.saturating_sub(1)
    }

    /// Puts a finished record (one JSON object) in the queue; `false` if there was no room and it was counted as dropped.
    pub fn push(&mut self, record_json: impl AsRef<[u8]>) -> bool {
        let record = record_json.as_ref();
        let full = self.queued_records >= self.limits.queue_records
            || self.queued_bytes.saturating_add(record.len()) > self.limits.queue_bytes;
        if full {
            self.note_dropped();
            return false;
        }
        self.queued_records = self.queued_records.saturating_add(1);
        self.queued_bytes = self.queued_bytes.saturating_add(record.len());
        if !self.last_takes(record.len()) {
            self.bundles.push_back(Bundle::new(&self.head));
        }
        if let Some(last) = self.bundles.back_mut() {
            last.push(record);
        }
        true
    }

    /// Counts a record that could not even be written.
    pub fn note_dropped(&mut self) {
        self.dropped = self.dropped.saturating_add(1);
    }

    /// The next batch, if one is due. `jitter` is any random number; it spreads the pauses of many workers.
    pub fn poll(&mut self, now_ms: u64, jitter: u32) -> Option<PendingBatch> {
        if let Some(flight) = &self.in_flight {
            if now_ms < flight.deadline_ms {
                return None;
            }
            self.fail(now_ms, jitter);
        }
        let first = self.bundles.front_mut().filter(|_| now_ms >= self.not_before_ms)?;
        let (records, body) = (first.records, first.finish(self.dropped));
        self.ticket = self.ticket.saturating_add(1);
        self.in_flight =
            Some(InFlight { ticket: self.ticket, deadline_ms: now_ms.saturating_add(self.limits.delivery_timeout_ms) });
        Some(PendingBatch { ticket: self.ticket, body, records })
    }

    /// Tells how the delivery `ticket` ended; an answer to an older one is ignored.
    pub fn delivered(&mut self, ticket: u64, outcome: Delivery, now_ms: u64, jitter: u32) {
        if self.in_flight.as_ref().is_none_or(|flight| flight.ticket != ticket) {
            return;
        }
        match outcome {
            Delivery::Failed => self.fail(now_ms, jitter),
            Delivery::Acknowledged => {
                if let Some(acknowledged) = self.bundles.pop_front() {
                    self.queued_records = self.queued_records.saturating_sub(acknowledged.records);
                    self.queued_bytes = self.queued_bytes.saturating_sub(acknowledged.bytes);
                }
                self.in_flight = None;
                self.failures = 0;
                self.not_before_ms = 0;
            }
        }
    }

    /// Records that wait, those under way included.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.queued_records
    }

    /// Bytes of the records that wait.
    #[must_use]
    pub fn queued_bytes(&self) -> usize {
        self.queued_bytes
    }

    /// Records dropped since the boot.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    fn fail(&mut self, now_ms: u64, jitter: u32) {
        self.in_flight = None;
        let pause = self
            .limits
            .backoff_min_ms
            .saturating_mul(1_u64.checked_shl(self.failures).unwrap_or(u64::MAX))
            .min(self.limits.backoff_max_ms);
        self.failures = self.failures.saturating_add(1).min(32);
        // Half of the pause is fixed, half is drawn, so that workers do not come back in step.
        let drawn = u64::from(jitter) % (pause / 2).saturating_add(1);
        self.not_before_ms = now_ms.saturating_add(pause / 2).saturating_add(drawn);
    }

    /// Whether the last bundle can take a record of so many bytes. One that is under way takes none.
    fn last_takes(&self, bytes: usize) -> bool {
        let under_way = self.in_flight.is_some() && self.bundles.len() == 1;
        self.bundles.back().is_some_and(|last| {
            let fits = last.len.saturating_add(bytes) <= self.limits.batch_bytes;
            !under_way && fits && last.records < self.limits.batch_records
        })
    }
}

impl Bundle {
    fn new(head: &[u8]) -> Self {
        Self { body: Rc::new(head.to_vec()), len: head.len(), records: 0, bytes: 0 }
    }

    fn push(&mut self, record: &[u8]) {
        let body = Rc::make_mut(&mut self.body);
        body.truncate(self.len);
        if self.records > 0 {
            body.push(b',');
        }
        body.extend_from_slice(record);
        self.len = body.len();
        self.records = self.records.saturating_add(1);
        self.bytes = self.bytes.saturating_add(record.len());
    }

    /// The body with its end, to be sent now.
    fn finish(&mut self, dropped: u64) -> Rc<Vec<u8>> {
        let body = Rc::make_mut(&mut self.body);
        body.truncate(self.len);
        body.extend_from_slice(b"],\"dropped\":");
        body.extend_from_slice(dropped.to_string().as_bytes());
        body.push(b'}');
        Rc::clone(&self.body)
    }
}

fn push_json_string(out: &mut Vec<u8>, text: &str) {
    // Writing a string into a Vec cannot fail; should it ever, an empty name is still valid JSON.
    match serde_json::to_vec(text) {
        Ok(quoted) => out.extend_from_slice(&quoted),
        Err(_) => out.extend_from_slice(b"\"\""),
    }
}

#[cfg(test)]
mod tests;
