//! The gates of this worker that are open, by their numbers: others act for them.

use crate::abi::Stream;
use crate::clock;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;

thread_local! {
    static OPEN: RefCell<HashMap<u32, Stream>> = RefCell::new(HashMap::new());
    static LAST: Cell<u32> = const { Cell::new(0) };
}

/// A gate that others can act for, until this is dropped: also where a panic leaves its hook.
#[derive(Debug)]
pub(crate) struct OpenGate(u32);

impl OpenGate {
    pub(crate) fn new(stream: Stream) -> Self {
        let number = LAST.get().wrapping_add(1);
        LAST.set(number);
        OPEN.with_borrow_mut(|open| open.insert(number, stream));
        let gate = Self(number);
        clock::watch(stream);
        gate
    }

    /// Its number.
    pub(crate) fn number(&self) -> u32 {
        self.0
    }
}

impl Drop for OpenGate {
    fn drop(&mut self) {
        let Some(stream) = OPEN.with_borrow_mut(|open| open.remove(&self.0)) else { return };
        clock::unwatch(stream, || OPEN.with_borrow(|open| open.values().next().copied()));
    }
}

/// Returns the stream of a gate that is open.
pub(crate) fn stream_of(number: u32) -> Option<Stream> {
    OPEN.with_borrow(|open| open.get(&number).copied())
}

/// Returns the number of open gates.
#[cfg(test)]
pub(crate) fn open() -> usize {
    OPEN.with_borrow(HashMap::len)
}
