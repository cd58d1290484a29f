//! The calls of roots that are under way, with as much of their answers as has come.
//!
//! The host serves them on the main thread. It destroys a root where the last stream of it ends, which may be on a worker, and cancels the
//! root's calls there: two threads would then be in one call. So a root that is replaced has its calls reset at once, on the main thread. One
//! that ends without a successor waits for the end of its calls.

use crate::abi::Root;
use crate::at::CallAnswer;
use std::cell::Cell;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Largest answer that is kept, and so used.
const MAX_ANSWER: usize = 16 << 20;
/// Longest wait for the end of a call, which has a time limit of its own.
const PATIENCE: Duration = Duration::from_secs(10);

struct Open {
    root: Root,
    number: u64,
    answer: Option<CallAnswer>,
}

static OPEN: Mutex<Vec<Open>> = Mutex::new(Vec::new());
static OVER: Condvar = Condvar::new();

thread_local! {
    static IS_MAIN: Cell<bool> = const { Cell::new(false) };
}

fn lock() -> MutexGuard<'static, Vec<Open>> {
    OPEN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The host makes its roots on the main thread, which is this one.
pub(crate) fn this_is_main() {
    IS_MAIN.set(true);
}

pub(crate) fn begin(root: Root, number: u64) {
    lock().push(Open { root, number, answer: None });
}

/// The head of an answer has come.
pub(crate) fn head(root: Root, number: u64, headers: Vec<(Vec<u8>, Vec<u8>)>) {
    if let Some(open) = find(&mut lock(), root, number) {
        open.answer = Some(CallAnswer { headers, body: Vec::new() });
    }
}

/// More of its body has come. An answer that is too large counts as none.
pub(crate) fn body<'a>(root: Root, number: u64, pieces: impl Iterator<Item = &'a [u8]>) {
    let mut all = lock();
    let Some(open) = find(&mut all, root, number) else { return };
    for piece in pieces {
        let Some(answer) = &mut open.answer else { return };
        if answer.body.len().saturating_add(piece.len()) > MAX_ANSWER {
            open.answer = None;
            return;
        }
        answer.body.extend_from_slice(piece);
    }
}

/// Returns what has come of an answer.
pub(crate) fn take_answer(root: Root, number: u64) -> Option<CallAnswer> {
    find(&mut lock(), root, number)?.answer.take()
}

/// A call is over. Its root may be gone as soon as this returns.
pub(crate) fn over(root: Root, number: u64) {
    lock().retain(|open| (open.root, open.number) != (root, number));
    OVER.notify_all();
}

fn find(all: &mut [Open], root: Root, number: u64) -> Option<&mut Open> {
    all.iter_mut().find(|open| (open.root, open.number) == (root, number))
}

/// Resets the calls of all roots but this one, which has just taken over. Only the main thread may do it.
pub(crate) fn reset_others(root: Root) {
    let others: Vec<_> = lock().iter().filter(|open| open.root != root).map(|open| (open.root, open.number)).collect();
    for (other, number) in others {
        log::info!("a call to the collector is made again, since a new policy has taken over");
        other.reset_call(number);
    }
}

/// A root ends on this thread: its calls are over when this returns. On the main thread the host cancels them.
pub(crate) fn end_root(root: Root) {
    let mut all = lock();
    if IS_MAIN.get() {
        return all.retain(|open| open.root != root);
    }
    let is_open = |all: &mut Vec<Open>| all.iter().any(|open| open.root == root);
    let waited = OVER.wait_timeout_while(all, PATIENCE, is_open).unwrap_or_else(PoisonError::into_inner);
    if waited.1.timed_out() {
        log::error!("a call to the collector has not ended in its time; please report this");
    }
}
