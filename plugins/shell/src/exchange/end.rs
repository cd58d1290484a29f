//! The end of an exchange: its record, and whatever waits for it elsewhere.

use super::Exchange;
use crate::delivery::send_soon;
use crate::host::{Headers, Host};
use crate::pending_resets;
use crate::pending_resumes;
use crate::worker::{Worker, with_worker};
use headgate_policy::{Closing, Disconnect, Gate, Policy, RecordSeq, Timestamp};
use std::rc::Rc;

impl Exchange {
    /// Records a request that the proxy has answered by itself, with the facts of the proxy's log.
    fn refused_by_proxy(&mut self, host: &impl Host) {
        let details = host.answer_details();
        let details = std::str::from_utf8(&details).unwrap_or_default();
        let class = host.with_headers(Headers::Request, |request| {
            host.with_headers(Headers::Response, |response| self.gate.refused_by_proxy(request, response, details))
        });
        if let Some(class) = class {
            let client = host.client_address();
            with_worker(host, |worker| worker.proxy_refusals.request(class, &client));
        }
    }

    /// One record for every request, in whatever way it ended.
    pub(crate) fn close(mut self, host: &impl Host) {
        if self.gate.is_aside() {
            with_worker(host, |worker| worker.open = worker.open.saturating_sub(1));
            return;
        }
        if self.gate.is_unseen() {
            self.refused_by_proxy(host);
        }
        let disconnect = if self.gate.ended_early() { host.disconnect() } else { Disconnect::Unknown };
        let now = Timestamp(host.now_us());
        let (gate, policy, claim) = (&mut self.gate, &self.policy, self.claim);
        with_worker(host, |worker| {
            if claim.is_some_and(|claim| !worker.counters.claims.drop(host, claim)) {
                gate.reservations_are_gone();
            }
            worker.open = worker.open.saturating_sub(1);
            let closing = settle(host, worker, gate, policy, now, disconnect, |_| false);
            // The proxy's own loggers come after this callback.
            for (field, value) in gate.access_log(&closing) {
                let _ = host.set_log_field(field.property(), &value);
            }
            if policy.metrics() {
                worker.metrics.request(host, &gate.facts(&closing));
            }
            worker.note_outbox();
            send_soon(host, worker, policy, now.as_ms());
        });
        if self.ending {
            pending_resets::forget(self.context);
        }
        if self.paced.is_some() {
            pending_resumes::forget(self.context);
        }
    }
}

/// Settles the reservations of a request. If it leaves a record, the record is queued, unless `hand_over` has found another way for it.
pub(crate) fn settle(
    host: &impl Host,
    worker: &mut Worker,
    gate: &mut Gate,
    policy: &Policy,
    now: Timestamp,
    disconnect: Disconnect,
    hand_over: impl FnOnce(&[u8]) -> bool,
) -> Closing {
    if !gate.logs() {
        return worker.with_request_env(host, policy, now.0, |env, _| gate.close_without_record(now, disconnect, env));
    }
    let seq = worker.outbox.take_seq();
    let mut record = std::mem::take(&mut worker.record);
    record.clear();
    let (node, boot) = (Rc::clone(&worker.node), Rc::clone(&worker.boot));
    let number = RecordSeq { node: &node, boot: &boot, seq };
    let closing =
        worker.with_request_env(host, policy, now.0, |env, _| gate.close(now, disconnect, number, env, &mut record));
    if hand_over(&record) {
        worker.handed_over.note(now.as_ms());
    } else {
        worker.outbox.push(&record);
    }
    worker.record = record;
    closing
}
