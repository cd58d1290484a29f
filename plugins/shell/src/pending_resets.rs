//! Streams that the gateway has ended and that the host still has to reset.
//!
//! A reset in the callback that passed the last words on would take them back, so it waits for the stream's next
//! callback. A provider that has nothing more to say would never bring one, and its stream would stay open, paid for:
//! the tick then does it.

use crate::host::Host;
use std::cell::RefCell;

/// Time that the host is given to write the last words, µs.
const WRITTEN_US: u64 = 50_000;

/// A context, and since when it is to end.
#[derive(Clone, Copy)]
struct PendingReset {
    context: u32,
    since_us: u64,
}

thread_local! {
    static PENDING: RefCell<Vec<PendingReset>> = const { RefCell::new(Vec::new()) };
}

fn with_pending<T>(act: impl FnOnce(&mut Vec<PendingReset>) -> T) -> Option<T> {
    PENDING.with(|pending| pending.try_borrow_mut().ok().map(|mut pending| act(&mut pending)))
}

/// The last words of this context have just been passed on.
pub(crate) fn begin(context: u32, now_us: u64) {
    with_pending(|pending| pending.push(PendingReset { context, since_us: now_us }));
}

/// The context is over.
pub(crate) fn forget(context: u32) {
    with_pending(|pending| pending.retain(|reset| reset.context != context));
}

/// Resets streams after their time. The host then ends those contexts, which are forgotten with that.
pub(crate) fn finish(host: &impl Host, now_us: u64) {
    let due = with_pending(|pending| {
        let (due, rest) = pending.iter().partition(|reset| now_us.saturating_sub(reset.since_us) >= WRITTEN_US);
        *pending = rest;
        due
    });
    for PendingReset { context, .. } in due.unwrap_or_else(Vec::new) {
        if host.act_for(context).is_ok() {
            let _ = host.reset_response();
        }
    }
}
