//! Carries batches of records, reports of counts and heartbeats to the collector, one call at a time.
//!
//! One at a time also because two roots of one worker must not have calls with equal numbers under way, as they could while a new
//! configuration takes over from an old one.

use crate::host::OutgoingCall;
use crate::member::{Member, MemberHost};
use crate::worker::with_worker;
use headgate_limits::SYNC_PATH;
use headgate_policy::Policy;
use headgate_record::{Acknowledgement, Delivery, HEARTBEAT_PATH, Heartbeat, INGEST_PATH};
use std::time::Duration;

/// Interval between heartbeats of a worker, ms.
const HEARTBEAT_MS: u64 = 10_000;
/// The same while the number of requests under way changes, ms: should the worker die, it is known how many they were.
const OPEN_HEARTBEAT_MS: u64 = 2_000;
/// The same on a host without ticks while numbers were given that the collector has not heard of, ms: should the worker end, it is known
/// which records are missing.
const TOLD_HEARTBEAT_MS: u64 = 1_000;
/// Time for which the first record that waits is kept for others to join it, ms.
const GATHER_MS: u64 = 1;

/// The call of one root.
#[derive(Debug, Default)]
pub(crate) struct Uploader {
    under_way: Option<(u32, Payload)>,
}

/// The payload of a call.
#[derive(Debug, Clone, Copy)]
enum Payload {
    /// A batch of records, by its ticket.
    Records(u64),
    /// A report of counts.
    Counts,
    /// A heartbeat; one that is lost is followed by the next.
    Heartbeat,
}

impl Uploader {
    /// Sends the next payload that is due, if no other call is under way in this VM.
    pub(crate) fn deliver<H: MemberHost>(&mut self, host: &H, policy: &Policy) {
        if policy.collector().is_none() || host.with_member(|member| member.calling) != Some(false) {
            return;
        }
        let now_ms = host.now_us() / 1_000;
        if !H::CAN.ticks && host.with_member(|member| member.is_quiet(now_ms)) != Some(false) {
            return;
        }
        // Counts first: they are few, and records can wait.
        let report =
            host.with_member(|member| member.counters.report(host, policy, now_ms).map(<[u8]>::to_vec)).flatten();
        if let Some(body) = report {
            return self.call(host, policy, SYNC_PATH, &body, Payload::Counts);
        }
        if let Some(body) = host.with_member(|member| heartbeat(host, member, policy, now_ms)).flatten() {
            return self.call(host, policy, HEARTBEAT_PATH, &body, Payload::Heartbeat);
        }
        let jitter = with_worker(host, |worker| worker.draw(host)).unwrap_or_default();
        let next = host.with_member(|member| member.outbox.poll(now_ms, jitter));
        match next.flatten() {
            Some(batch) => self.call(host, policy, INGEST_PATH, &batch.body, Payload::Records(batch.ticket)),
            None => {
                host.with_member(|member| send_soon(host, member, policy, now_ms));
            }
        }
    }

    fn call<H: MemberHost>(&mut self, host: &H, policy: &Policy, path: &str, body: &[u8], payload: Payload) {
        let Some((collector, token)) = policy.collector() else { return };
        let path = format!("{}{path}", collector.path_prefix);
        let authorization = token.map(|token| format!("Bearer {token}"));
        let mut headers = vec![
            (":method", "POST"),
            (":path", path.as_str()),
            (":authority", collector.authority.as_str()),
            ("content-type", "application/json"),
        ];
        if let Some(authorization) = &authorization {
            headers.push(("authorization", authorization));
        }
        let (to, timeout) = (collector.cluster.as_str(), H::CAN.delivery_time);
        match host.call(OutgoingCall { to, headers: &headers, body: Some(body), timeout }) {
            Ok(call) => {
                self.under_way = Some((call, payload));
                host.with_member(|member| member.calling = true);
            }
            Err(_) => failed(host, policy, payload),
        }
    }

    /// Sends the next payload once the answer to a call was told: at once, or with the next tick, which then comes soon.
    pub(crate) fn go_on<H: MemberHost>(&mut self, host: &H, policy: &Policy) {
        if H::CAN.calls_from_answers {
            return self.deliver(host, policy);
        }
        host.with_member(|member| member.hurry(host, Duration::from_millis(GATHER_MS)));
    }

    /// Whether a call waits for its answer.
    pub(crate) fn is_under_way(&self) -> bool {
        self.under_way.is_some()
    }

    /// The answer to call `call` is there, or its failure.
    pub(crate) fn answered<H: MemberHost>(&mut self, host: &H, policy: &Policy, call: u32, body_size: usize) {
        let Some((_, payload)) = self.under_way.take_if(|(number, _)| *number == call) else { return };
        host.with_member(|member| member.calling = false);
        let status = host.call_status();
        let arrived = status.is_some_and(|status| (200..300).contains(&status));
        if !H::CAN.ticks {
            host.with_member(|member| member.note_delivery(arrived, host.now_us() / 1_000));
        }
        if !arrived {
            tell_failure(host, status);
            failed(host, policy, payload);
            return;
        }
        let body = host.call_body(body_size).unwrap_or_default();
        match payload {
            Payload::Records(ticket) => {
                tell_refusals(&body);
                finish(host, ticket, Delivery::Acknowledged);
            }
            Payload::Counts => {
                host.with_member(|member| member.counters.reported(host, policy, Some(&body), host.now_us() / 1_000));
            }
            Payload::Heartbeat => {}
        }
    }
}

impl Uploader {
    /// Gives up a call whose answer cannot come any more.
    pub(crate) fn give_up(&mut self, host: &impl MemberHost, policy: &Policy) {
        if let Some((_, payload)) = self.under_way.take() {
            host.with_member(|member| member.calling = false);
            failed(host, policy, payload);
        }
    }
}

/// Wakes the root when the records that wait may be sent, so that little is lost with a worker that is killed. Where a
/// call is under way, its answer sends them.
pub(crate) fn send_soon(host: &impl MemberHost, member: &mut Member, policy: &Policy, now_ms: u64) {
    if policy.collector().is_none() || member.calling || member.hurried.is_some() {
        return;
    }
    if let Some(due_ms) = member.outbox.due_in_ms(now_ms) {
        member.hurry(host, Duration::from_millis(due_ms.max(GATHER_MS)));
    }
}

/// Returns the heartbeat of this member, if it is time. The first one goes out at once, so that the collector sees a new policy
/// in force.
fn heartbeat<H: MemberHost>(host: &H, member: &mut Member, policy: &Policy, now_ms: u64) -> Option<Vec<u8>> {
    let end = (member.outbox.last_seq(), member.outbox.dropped());
    let idle = member.open == 0 && member.outbox.queued() == 0;
    let ending = idle && policy.ends(member.counters.process(host).began_ms);
    let same = member.told_revision == policy.revision() && (!ending || member.told_end == Some(end));
    let due_ms = match member.open == member.told_open {
        _ if !H::CAN.ticks && member.told_seq != end.0 => TOLD_HEARTBEAT_MS,
        true => HEARTBEAT_MS,
        false => OPEN_HEARTBEAT_MS,
    };
    if same && now_ms < member.heartbeat_ms.saturating_add(due_ms) && now_ms >= member.heartbeat_ms {
        return None;
    }
    member.heartbeat_ms = now_ms;
    policy.revision().clone_into(&mut member.told_revision);
    member.told_end = ending.then_some(end);
    (member.told_open, member.told_seq) = (member.open, end.0);
    serde_json::to_vec(&Heartbeat {
        node: member.node.to_string(),
        boot: member.boot.to_string(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        config_revision: policy.revision().to_owned(),
        uptime_s: now_ms.saturating_sub(member.started_ms) / 1_000,
        queued: member.handed_over.on_the_way(now_ms).saturating_add(member.outbox.queued() as u64),
        dropped: member.outbox.dropped(),
        last_seq: member.outbox.last_seq(),
        open: Some(member.open),
        refused_by_proxy: member.proxy_refusals.counts().clone(),
        ending,
    })
    .ok()
}

fn failed(host: &impl MemberHost, policy: &Policy, payload: Payload) {
    match payload {
        Payload::Records(ticket) => finish(host, ticket, Delivery::Failed),
        Payload::Counts => {
            host.with_member(|member| member.counters.reported(host, policy, None, host.now_us() / 1_000));
        }
        Payload::Heartbeat => {
            // The next one tells it all; after a goodbye that was lost, it does not wait for so long.
            host.with_member(|member| {
                let sooner_ms = if member.told_end.is_some() { HEARTBEAT_MS - OPEN_HEARTBEAT_MS } else { 0 };
                member.heartbeat_ms = member.heartbeat_ms.saturating_sub(sooner_ms);
            });
        }
    }
}

fn finish(host: &impl MemberHost, ticket: u64, outcome: Delivery) {
    let now_ms = host.now_us() / 1_000;
    let jitter = with_worker(host, |worker| worker.draw(host)).unwrap_or_default();
    host.with_member(|member| {
        member.outbox.delivered(ticket, outcome, now_ms, jitter);
        member.note_outbox();
    });
}

fn tell_failure(host: &impl MemberHost, status: Option<u16>) {
    let queued = host.with_member(|member| (member.outbox.queued(), member.outbox.dropped())).unwrap_or_default();
    let what = status.map_or_else(|| "gave no answer".to_owned(), |status| format!("answered {status}"));
    let remedy = match status {
        Some(401 | 403) => "check the token named by collector.token",
        _ => "they are kept and sent again",
    };
    log::warn!("the collector {what}; {} records wait, {} were dropped: {remedy}", queued.0, queued.1);
}

fn tell_refusals(body: &[u8]) {
    let Ok(acknowledgement) = serde_json::from_slice::<Acknowledgement>(body) else { return };
    if let Some(first) = acknowledgement.refused.first() {
        let count = acknowledgement.refused.len();
        log::error!("the collector refused {count} records for good; the first: {}", first.reason);
    }
}
