//! Streams that the gateway has ended and that the host still has to reset.
//!
//! A reset in the callback that passed the last words on would take them back, so it waits for the stream's next
//! callback. A provider that has nothing more to say would never bring one, and its stream would stay open, paid for:
//! the tick then does it.

use crate::host;
use std::cell::RefCell;

/// How long the host is given to write the last words, µs.
const WRITTEN_US: u64 = 50_000;

/// A context, and since when it is to end.
#[derive(Clone, Copy)]
struct Ending {
    context: u32,
    since_us: u64,
}

thread_local! {
    static ENDINGS: RefCell<Vec<Ending>> = const { RefCell::new(Vec::new()) };
}

fn with_endings<T>(act: impl FnOnce(&mut Vec<Ending>) -> T) -> Option<T> {
    ENDINGS.with(|endings| endings.try_borrow_mut().ok().map(|mut endings| act(&mut endings)))
}

/// The last words of this context have just been passed on.
pub(crate) fn begin(context: u32, now_us: u64) {
    with_endings(|endings| endings.push(Ending { context, since_us: now_us }));
}

/// The context is over.
pub(crate) fn forget(context: u32) {
    with_endings(|endings| endings.retain(|ending| ending.context != context));
}

/// Resets what has had its time. The host then ends those contexts, which are forgotten with that.
pub(crate) fn finish(now_us: u64) {
    let due = with_endings(|endings| {
        let (due, rest) = endings.iter().partition(|ending| now_us.saturating_sub(ending.since_us) >= WRITTEN_US);
        *endings = rest;
        due
    });
    for Ending { context, .. } in due.unwrap_or_else(Vec::new) {
        if host::act_for(context).is_ok() {
            let _ = host::reset_response();
        }
    }
}
