//! Responses that are paused and that the next tick lets go on.
//!
//! In the trailers callback the host has a buffer for the body only if the last chunk was paused. So the chunks of a guarded
//! stream that may end with trailers are paused, each for a millisecond. Once a chunk was paused, all later ones have to be: the
//! host moves them into the buffer of paused chunks, from which only a resume takes them.

use crate::member::MemberHost;
use std::cell::RefCell;
use std::time::Duration;

/// Time for which a chunk is paused: the shortest period of a tick.
const PAUSE: Duration = Duration::from_millis(1);

thread_local! {
    static PENDING: RefCell<Vec<u32>> = const { RefCell::new(Vec::new()) };
}

fn with_pending<T: Default>(act: impl FnOnce(&mut Vec<u32>) -> T) -> T {
    PENDING.with(|pending| pending.try_borrow_mut().ok().map(|mut pending| act(&mut pending))).unwrap_or_default()
}

/// This context has just paused its response.
pub(crate) fn begin(host: &impl MemberHost, context: u32) {
    with_pending(|pending| {
        if !pending.contains(&context) {
            pending.push(context);
        }
    });
    if host.tick_streams(PAUSE).is_err() {
        host.with_member(|member| member.hurry(host, PAUSE));
    }
}

/// Whether the response of this context is still paused.
pub(crate) fn is_pending(context: u32) -> bool {
    with_pending(|pending| pending.contains(&context))
}

/// The context is over, or goes on by itself.
pub(crate) fn forget(context: u32) {
    with_pending(|pending| pending.retain(|one| *one != context));
}

/// Lets all paused responses go on.
pub(crate) fn finish(host: &impl MemberHost) {
    for context in with_pending(std::mem::take) {
        if host.act_for(context).is_ok() {
            let _ = host.resume_response();
        }
    }
}
