//! Requests without an answer although their provider sent an interim one (100, 102, 103).
//!
//! Envoy takes an interim answer for the beginning of the client's answer. It stops its timer for the first byte and makes
//! no other try, so such a request would wait for the idle timeout of the stream. The tick ends it as Envoy's timer would
//! have done. Another target cannot be tried any more; the failed one gets its cooldown, so that the client's own retry
//! goes to another one.

use crate::exchanges::{self, with_exchange};
use crate::member::MemberHost;
use crate::worker::with_worker;
use headgate_policy::Timestamp;

/// Pause between two looks at all open requests, µs.
const LOOK_US: u64 = 250_000;

/// Answers overdue requests. The gate puts its own words into these answers.
pub(crate) fn finish<H: MemberHost>(host: &H, now_us: u64) {
    let is_time = with_worker(host, |worker| {
        let is_time = now_us.abs_diff(worker.looked_overdue_us) >= LOOK_US;
        if is_time {
            worker.looked_overdue_us = now_us;
        }
        is_time
    });
    if is_time != Some(true) {
        return;
    }
    for (exchange, context) in exchanges::overdue(Timestamp(now_us)) {
        if host.act_for(context).is_err() {
            continue;
        }
        if H::CAN.shows_own_replies {
            let _ = host.reply(504, &[], b"headgate: no answer in time");
        } else {
            with_exchange(exchange, |exchange| exchange.answer_for_proxy(host, 504));
        }
    }
}
