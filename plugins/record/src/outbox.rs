//! The outbox: a bounded queue of finished records, sent in batches until they are acknowledged.
//!
//! Without acknowledgement, records would be lost whenever the collector restarts; an unbounded queue would exhaust the
//! proxy's memory. So at most one batch is in flight. It is sent again after growing pauses until it is acknowledged.
//! New records wait, and those that find no room are dropped and counted. A dropped record keeps its number, so that the
//! collector sees the gap. Delivery is at least once; the collector recognises repeats by (node, boot, seq).
//!
//! Records are written straight into their batch, which saves one copy and one allocation for each compared with a queue
//! of single records.

use std::collections::VecDeque;
use std::sync::Arc;

/// Bounds of the queue and the pace of delivery. Times are milliseconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxLimits {
    /// Records that may be queued.
    pub queue_records: usize,
    /// Bytes that may be queued.
    pub queue_bytes: usize,
    /// Records in a batch.
    pub batch_records: usize,
    /// Bytes in a batch. A larger record is a batch of its own.
    pub batch_bytes: usize,
    /// First pause after a failed delivery.
    pub backoff_min_ms: u64,
    /// Longest pause.
    pub backoff_max_ms: u64,
    /// Time without an answer after which a delivery has failed.
    pub delivery_timeout_ms: u64,
    /// Shortest time between deliveries, unless a full batch is queued: each costs the proxy as much as a request.
    pub spacing_ms: u64,
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
            spacing_ms: 20,
        }
    }
}

/// The outcome of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// 2xx: the batch is on disk, except refused records, which never will be.
    Acknowledged,
    /// Another status, or no answer.
    Failed,
}

/// A batch to send now.
#[derive(Debug, PartialEq, Eq)]
pub struct PendingBatch {
    /// Identifies this delivery in [`Outbox::delivered`].
    pub ticket: u64,
    /// The JSON body.
    pub body: Arc<Vec<u8>>,
    /// The number of records.
    pub records: usize,
}

/// The queue of one worker.
#[derive(Debug)]
pub struct Outbox {
    limits: OutboxLimits,
    head: Vec<u8>,
    /// The first one is next or in flight; new records are added to the last one.
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

/// A batch that is not acknowledged yet.
#[derive(Debug)]
struct Bundle {
    /// The body. Its end, with the number of dropped records, is written again for each delivery.
    body: Arc<Vec<u8>>,
    /// The offset of the end.
    len: usize,
    records: usize,
    /// Bytes of the records alone.
    bytes: usize,
}

#[derive(Debug)]
struct InFlight {
    ticket: u64,
    sent_ms: u64,
    deadline_ms: u64,
}

impl Outbox {
    /// Returns an empty queue for one worker's boot. Every batch contains `node` and `boot`.
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

    /// Returns the number for the next record. Every finished request takes one, even if its record is then dropped.
    pub fn take_seq(&mut self) -> u64 {
        let seq = self.next_seq;
        self.next_seq = seq.saturating_add(1);
        seq
    }

    /// Returns the number that was taken last; 0 before the first.
    #[must_use]
    pub fn last_seq(&self) -> u64 {
        self.next_seq.saturating_sub(1)
    }

    /// Queues a finished record (one JSON object). Returns `false` if there was no room, and counts it as dropped.
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

    /// Counts a record that found no room.
    fn note_dropped(&mut self) {
        self.dropped = self.dropped.saturating_add(1);
    }

    /// Returns the next batch, if one is due. `jitter` is a random number that spreads the pauses of many workers.
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
        let deadline_ms = now_ms.saturating_add(self.limits.delivery_timeout_ms);
        self.in_flight = Some(InFlight { ticket: self.ticket, sent_ms: now_ms, deadline_ms });
        Some(PendingBatch { ticket: self.ticket, body, records })
    }

    /// Returns the milliseconds until [`Outbox::poll`] may return a batch, or `None` if no record is queued or a delivery is
    /// in flight.
    #[must_use]
    pub fn due_in_ms(&self, now_ms: u64) -> Option<u64> {
        let waits = self.in_flight.is_none() && !self.bundles.is_empty();
        waits.then(|| self.not_before_ms.saturating_sub(now_ms))
    }

    /// Records the outcome of the delivery `ticket`. Ignores the answer to an older one.
    pub fn delivered(&mut self, ticket: u64, outcome: Delivery, now_ms: u64, jitter: u32) {
        let Some(InFlight { sent_ms, .. }) = self.in_flight.take_if(|flight| flight.ticket == ticket) else { return };
        match outcome {
            Delivery::Failed => self.fail(now_ms, jitter),
            Delivery::Acknowledged => {
                if let Some(acknowledged) = self.bundles.pop_front() {
                    self.queued_records = self.queued_records.saturating_sub(acknowledged.records);
                    self.queued_bytes = self.queued_bytes.saturating_sub(acknowledged.bytes);
                }
                self.failures = 0;
                let full_waits = self.bundles.len() > 1;
                self.not_before_ms = if full_waits { 0 } else { sent_ms.saturating_add(self.limits.spacing_ms) };
            }
        }
    }

    /// Returns the number of queued records, including those in flight.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.queued_records
    }

    /// Returns the bytes of the queued records.
    #[must_use]
    pub fn queued_bytes(&self) -> usize {
        self.queued_bytes
    }

    /// Returns the records dropped since the boot.
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
        // Half of the pause is fixed and half is random, so that workers do not retry at the same time.
        let drawn = u64::from(jitter) % (pause / 2).saturating_add(1);
        self.not_before_ms = now_ms.saturating_add(pause / 2).saturating_add(drawn);
    }

    /// Returns whether the last bundle can take a record of this size. A bundle in flight takes none.
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
        Self { body: Arc::new(head.to_vec()), len: head.len(), records: 0, bytes: 0 }
    }

    fn push(&mut self, record: &[u8]) {
        let body = Arc::make_mut(&mut self.body);
        body.truncate(self.len);
        if self.records > 0 {
            body.push(b',');
        }
        body.extend_from_slice(record);
        self.len = body.len();
        self.records = self.records.saturating_add(1);
        self.bytes = self.bytes.saturating_add(record.len());
    }

    /// Completes the body for a delivery.
    fn finish(&mut self, dropped: u64) -> Arc<Vec<u8>> {
        let body = Arc::make_mut(&mut self.body);
        body.truncate(self.len);
        body.extend_from_slice(b"],\"dropped\":");
        body.extend_from_slice(dropped.to_string().as_bytes());
        body.push(b'}');
        Arc::clone(&self.body)
    }
}

fn push_json_string(out: &mut Vec<u8>, text: &str) {
    // Serializing a string into a Vec cannot fail. If it did, an empty name would still be valid JSON.
    match serde_json::to_vec(text) {
        Ok(quoted) => out.extend_from_slice(&quoted),
        Err(_) => out.extend_from_slice(b"\"\""),
    }
}

#[cfg(test)]
mod tests;
