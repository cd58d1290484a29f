//! The way out: a bounded queue of finished records, sent in batches until they are acknowledged.
//!
//! Fire and forget would lose records whenever the collector restarts; an unbounded queue would take the proxy down
//! with it. So: at most one batch is under way, it is sent again with growing pauses until it is acknowledged, new
//! records wait, and those for which there is no room are dropped and counted. A dropped record keeps its number, so
//! that the collector sees the hole. Delivery is at least once; the collector folds repeats by (node, boot, seq).

use std::collections::VecDeque;

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
    pub body: Vec<u8>,
    /// How many records are inside.
    pub records: usize,
}

/// Queue of one worker. See the module's text.
#[derive(Debug)]
pub struct Outbox {
    limits: OutboxLimits,
    head: Vec<u8>,
    queue: VecDeque<Box<[u8]>>,
    queued_bytes: usize,
    next_seq: u64,
    dropped: u64,
    in_flight: Option<InFlight>,
    ticket: u64,
    failures: u32,
    not_before_ms: u64,
}

#[derive(Debug)]
struct InFlight {
    ticket: u64,
    records: usize,
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
        Self {
            limits,
            head,
            queue: VecDeque::new(),
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

    /// Puts a finished record (one JSON object) in the queue; `false` if there was no room and it was counted as dropped.
    pub fn push(&mut self, record_json: Vec<u8>) -> bool {
        let bytes = record_json.len();
        let full = self.queue.len() >= self.limits.queue_records
            || self.queued_bytes.saturating_add(bytes) > self.limits.queue_bytes;
        if full {
            self.note_dropped();
            return false;
        }
        self.queued_bytes = self.queued_bytes.saturating_add(bytes);
        self.queue.push_back(record_json.into_boxed_slice());
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
        if self.queue.is_empty() || now_ms < self.not_before_ms {
            return None;
        }
        let (records, body) = self.batch();
        self.ticket = self.ticket.saturating_add(1);
        self.in_flight = Some(InFlight {
            ticket: self.ticket,
            records,
            deadline_ms: now_ms.saturating_add(self.limits.delivery_timeout_ms),
        });
        Some(PendingBatch { ticket: self.ticket, body, records })
    }

    /// Tells how the delivery `ticket` ended; an answer to an older one is ignored.
    pub fn delivered(&mut self, ticket: u64, outcome: Delivery, now_ms: u64, jitter: u32) {
        let Some(flight) = self.in_flight.as_ref().filter(|flight| flight.ticket == ticket) else {
            return;
        };
        match outcome {
            Delivery::Failed => self.fail(now_ms, jitter),
            Delivery::Acknowledged => {
                let records = flight.records;
                for acknowledged in self.queue.drain(..records.min(self.queue.len())) {
                    self.queued_bytes = self.queued_bytes.saturating_sub(acknowledged.len());
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
        self.queue.len()
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

    fn batch(&self) -> (usize, Vec<u8>) {
        let mut body = Vec::with_capacity(self.head.len() + self.queued_bytes.min(self.limits.batch_bytes) + 64);
        body.extend_from_slice(&self.head);
        body.extend_from_slice(b",\"dropped\":");
        body.extend_from_slice(self.dropped.to_string().as_bytes());
        body.extend_from_slice(b",\"records\":[");
        let mut records = 0;
        for record in self.queue.iter().take(self.limits.batch_records) {
            if records > 0 {
                if body.len().saturating_add(record.len()) > self.limits.batch_bytes {
                    break;
                }
                body.push(b',');
            }
            body.extend_from_slice(record);
            records += 1;
        }
        body.extend_from_slice(b"]}");
        (records, body)
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
