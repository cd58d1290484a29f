//! The calls of roots that are under way, with as much of their answers as has come.
//!
//! The host serves them on the main thread. It destroys a root where the last stream of it ends, which may be on a worker, and cancels the
//! root's calls there: two threads would then be in one call. So a worker that ends a root has the main thread reset its calls, and waits.

use crate::abi::Root;
use crate::at::CallAnswer;
use crate::clock;
use std::cell::Cell;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Largest answer that is kept, and so used.
const MAX_ANSWER: usize = 16 << 20;
/// Longest wait of a worker. The main thread can be late only if it waits for that worker itself, at the end of the proxy.
const PATIENCE: Duration = Duration::from_secs(10);

struct Open {
    root: Root,
    number: u64,
    answer: Option<CallAnswer>,
    state: State,
}

#[derive(PartialEq, Eq)]
enum State {
    Wanted,
    /// A worker waits for its end.
    Unwanted,
    /// The main thread is resetting it.
    Resetting,
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
    lock().push(Open { root, number, answer: None, state: State::Wanted });
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

/// Resets the calls that workers wait for. Only the main thread may do it.
pub(crate) fn reset_unwanted() {
    let mut unwanted = Vec::new();
    for open in lock().iter_mut().filter(|open| open.state == State::Unwanted) {
        open.state = State::Resetting;
        unwanted.push((open.root, open.number));
    }
    for (root, number) in unwanted {
        log::info!("a call to the collector is made again: the policy that has begun it is gone");
        root.reset_call(number);
        over(root, number);
    }
}

/// A root ends on this thread: its calls are over when this returns. On the main thread the host cancels them.
pub(crate) fn end_root(root: Root) {
    let mut all = lock();
    if IS_MAIN.get() {
        return all.retain(|open| open.root != root);
    }
    let mut is_open = false;
    for open in all.iter_mut().filter(|open| open.root == root) {
        (open.state, is_open) = (State::Unwanted, true);
    }
    if !is_open {
        return;
    }
    drop(all);
    clock::wake_roots();
    let still_open = |all: &mut Vec<Open>| all.iter().any(|open| open.root == root);
    let waited = OVER.wait_timeout_while(lock(), PATIENCE, still_open);
    let (mut all, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
    if !timeout.timed_out() {
        return;
    }
    log::error!("the main thread has not ended a call to the collector in time; please report this");
    all.retain(|open| open.root != root || open.state == State::Resetting);
    let being_reset = OVER.wait_while(all, |all| still_open(all));
    drop(being_reset.unwrap_or_else(PoisonError::into_inner));
}
