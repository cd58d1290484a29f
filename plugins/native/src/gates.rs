//! The gates of this worker that are open, by their numbers: others act for them.

use crate::abi::Stream;
use crate::clock;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;

thread_local! {
    static OPEN: RefCell<HashMap<u32, Stream>> = RefCell::new(HashMap::new());
    static LAST: Cell<u32> = const { Cell::new(0) };
}

/// Adds a gate, and returns its number.
pub(crate) fn open(stream: Stream) -> u32 {
    let number = LAST.get().wrapping_add(1);
    LAST.set(number);
    OPEN.with_borrow_mut(|open| open.insert(number, stream));
    clock::watch(stream);
    number
}

/// Removes a gate.
pub(crate) fn close(number: u32) {
    let Some(stream) = OPEN.with_borrow_mut(|open| open.remove(&number)) else { return };
    clock::unwatch(stream, || OPEN.with_borrow(|open| open.values().next().copied()));
}

/// Returns the stream of a gate that is open.
pub(crate) fn stream_of(number: u32) -> Option<Stream> {
    OPEN.with_borrow(|open| open.get(&number).copied())
}
