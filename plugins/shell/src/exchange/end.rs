//! The end of an exchange: its record, and whatever waits for it elsewhere.

use super::Exchange;
use crate::delivery::send_soon;
use crate::host::Headers;
use crate::member::{Member, MemberHost};
use crate::pending_resets;
use crate::pending_resumes;
use crate::worker::with_worker;
use headgate_policy::{Closing, Disconnect, Gate, Policy, RecordSeq, Timestamp};

impl Exchange {
    /// Records a request that the proxy has answered by itself, with the facts of the proxy's log.
    fn refused_by_proxy(&mut self, host: &impl MemberHost) {
        let details = host.answer_details();
        let details = std::str::from_utf8(&details).unwrap_or_default();
        let class = host.with_headers(Headers::Request, |request| {
            host.with_headers(Headers::Response, |response| self.gate.refused_by_proxy(request, response, details))
        });
        if let Some(class) = class {
            let client = host.client_address();
            host.with_member(|member| member.proxy_refusals.request(class, &client));
        }
    }

    /// One record for every request, in whatever way it ended.
    pub(crate) fn close(mut self: Box<Self>, host: &impl MemberHost) {
        if self.gate.is_aside() {
            host.with_member(Member::end_request);
            return;
        }
        if self.gate.is_unseen() {
            self.refused_by_proxy(host);
        }
        let disconnect = if self.gate.ended_early() { host.disconnect() } else { Disconnect::Unknown };
        let now = Timestamp(host.now_us());
        let (gate, policy, claim) = (&mut self.gate, &self.policy, self.claim);
        host.with_member(|member| {
            if claim.is_some_and(|claim| !member.counters.claims.drop(host, claim)) {
                gate.reservations_are_gone();
            }
            member.end_request();
            let closing = settle(host, member, gate, policy, now, disconnect, |_| false)?;
            member.note_outbox();
            send_soon(host, member, policy, now.as_ms());
            Some(closing)
        })
        .flatten()
        .inspect(|closing| tell_proxy(host, gate, policy, closing));
        if self.ending {
            pending_resets::forget(self.context);
        }
        if self.paced.is_some() {
            pending_resumes::forget(self.context);
        }
    }
}

/// Shows the proxy the end of a request: its own loggers come after this callback.
fn tell_proxy(host: &impl MemberHost, gate: &Gate, policy: &Policy, closing: &Closing) {
    for (field, value) in gate.access_log(closing) {
        let _ = host.set_log_field(field.property(), &value);
    }
    if policy.metrics() {
        with_worker(host, |worker| worker.metrics.request(host, &gate.facts(closing)));
    }
}

/// Settles the reservations of a request. If it leaves a record, the record is queued, unless `hand_over` has found another way for it.
/// `None` only if the state of the worker is in use.
pub(crate) fn settle<H: MemberHost>(
    host: &H,
    member: &mut Member,
    gate: &mut Gate,
    policy: &Policy,
    now: Timestamp,
    disconnect: Disconnect,
    hand_over: impl FnOnce(&[u8]) -> bool,
) -> Option<Closing> {
    let fleet_status = member.counters.fleet_status(policy, now.as_ms());
    with_worker(host, |worker| {
        // Without a collector, a record would wait for nobody.
        if !gate.logs() || !(H::CAN.takes_records || policy.collector().is_some()) {
            let closing =
                worker.with_request_env(host, fleet_status, |env, _| gate.close_without_record(now, disconnect, env));
            worker.hand_over(member);
            return closing;
        }
        let seq = member.outbox.take_seq();
        let mut record = std::mem::take(&mut worker.record);
        record.clear();
        let number = RecordSeq { node: &member.node, boot: &member.boot, seq };
        let closing =
            worker.with_request_env(host, fleet_status, |env, _| gate.close(now, disconnect, number, env, &mut record));
        if hand_over(&record) {
            member.handed_over.note(now.as_ms());
        } else {
            member.outbox.push(&record);
        }
        worker.record = record;
        worker.hand_over(member);
        closing
    })
}
