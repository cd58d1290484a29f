//! The end of an exchange: its record, and whatever waits for it elsewhere.

use super::Exchange;
use crate::delivery::send_soon;
use crate::host::{self, Headers};
use crate::pending_resets;
use crate::pending_resumes;
use crate::worker::{Worker, with_worker};
use headgate_policy::{Closing, Disconnect, Gate, HeaderView, Policy, RecordSeq, Timestamp};
use std::rc::Rc;

/// Envoy's response flags that name the client: connection ended (DC), stream reset (DR), protocol error (DPE).
const CLIENT_FLAGS: u64 = 0x4000 | 0x1000_0000 | 0x4_0000;
/// Those that name the provider: reset (UR), connection failure (UF), termination (UC), protocol error (UPE).
const PROVIDER_FLAGS: u64 = 0x10 | 0x20 | 0x40 | 0x80_0000;

impl Exchange {
    fn disconnect() -> Disconnect {
        let flags = host::response_flags();
        // A client that resets its HTTP/2 stream without an error code leaves no flag; whatever a provider does, leaves one.
        if flags == 0 || flags & CLIENT_FLAGS != 0 {
            Disconnect::ClientGone
        } else if flags & PROVIDER_FLAGS != 0 {
            Disconnect::ProviderGone
        } else {
            Disconnect::Unknown
        }
    }

    /// Records a request that the proxy has answered by itself, with the facts of the proxy's log.
    fn refused_by_proxy(&mut self) {
        let request = host::headers(Headers::Request).unwrap_or_default();
        let response = host::headers(Headers::Response).unwrap_or_default();
        let details = host::property("response\0code_details").unwrap_or_default();
        let (request, response) = (host::decode_pairs(&request), host::decode_pairs(&response));
        let details = std::str::from_utf8(&details).unwrap_or_default();
        if let Some(class) = self.gate.refused_by_proxy(HeaderView::new(&request), HeaderView::new(&response), details)
        {
            let client = host::property("source\0address").unwrap_or_default();
            with_worker(|worker| worker.proxy_refusals.request(class, &client));
        }
    }

    /// One record for every request, in whatever way it ended.
    pub(crate) fn close(mut self) {
        if self.gate.is_aside() {
            with_worker(|worker| worker.open = worker.open.saturating_sub(1));
            return;
        }
        if self.gate.is_unseen() {
            self.refused_by_proxy();
        }
        let disconnect = if self.gate.ended_early() { Self::disconnect() } else { Disconnect::Unknown };
        let now = Timestamp(host::now_us());
        let (gate, policy, claim) = (&mut self.gate, &self.policy, self.claim);
        with_worker(|worker| {
            if claim.is_some_and(|claim| !worker.counters.claims.drop(claim)) {
                gate.reservations_are_gone();
            }
            worker.open = worker.open.saturating_sub(1);
            let closing = settle(worker, gate, policy, now, disconnect);
            // The proxy's own loggers come after this callback.
            for (field, value) in gate.access_log(&closing) {
                let _ = host::set_property(field.property(), value.as_bytes());
            }
            if policy.metrics() {
                worker.metrics.request(&gate.facts(&closing));
            }
            worker.note_outbox();
            send_soon(worker, policy, now.as_ms());
        });
        if self.ending {
            pending_resets::forget(self.context);
        }
        if self.paced.is_some() {
            pending_resumes::forget(self.context);
        }
    }
}

/// Settles the reservations of a request, and queues its record if it leaves one.
fn settle(worker: &mut Worker, gate: &mut Gate, policy: &Policy, now: Timestamp, disconnect: Disconnect) -> Closing {
    if !gate.logs() {
        let (env, _) = worker.request_env(policy, now.0);
        return gate.close_without_record(now, disconnect, env);
    }
    let seq = worker.outbox.take_seq();
    let mut record = std::mem::take(&mut worker.record);
    record.clear();
    let (node, boot) = (Rc::clone(&worker.node), Rc::clone(&worker.boot));
    let (env, _) = worker.request_env(policy, now.0);
    let closing = gate.close(now, disconnect, RecordSeq { node: &node, boot: &boot, seq }, env, &mut record);
    worker.outbox.push(&record);
    worker.record = record;
    closing
}
