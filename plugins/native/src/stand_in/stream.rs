//! A stream as one of Envoy's filters sees it: that of the listener, or that of a try.

use super::host::{Fields, Pointer, path};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

/// A body in chunks, each with memory of its own.
pub(super) type Chunks = Vec<Box<[u8]>>;

/// A request for which the module waits.
#[derive(Debug)]
pub(super) struct Callout {
    pub(super) number: u64,
    pub(super) timeout_ms: u64,
    pub(super) path: String,
}

/// The parts that the streams of one exchange share.
#[derive(Debug, Default)]
pub(super) struct Shared {
    pub(super) request: RefCell<Fields>,
    pub(super) response: RefCell<Fields>,
    pub(super) state: RefCell<HashMap<Vec<u8>, Box<[u8]>>>,
    /// Envoy's response flags.
    pub(super) flags: Cell<u64>,
}

/// See the module's text. The bodies are in the order of the host's numbers: request, then response; received, then buffered.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) shared: Rc<Shared>,
    pub(super) bodies: [RefCell<Chunks>; 4],
    /// What the module holds for it.
    pub(super) filter: Cell<Pointer>,
    pub(super) connection: Cell<u64>,
    pub(super) callouts: RefCell<Vec<Callout>>,
    last_callout: Cell<u64>,
    /// An answer of the module: status and body.
    pub(super) reply: RefCell<Option<(u32, Fields, Vec<u8>)>>,
    pub(super) continued: Cell<bool>,
    pub(super) continued_response: Cell<bool>,
    pub(super) reset: Cell<bool>,
}

impl Stream {
    pub(super) fn new(shared: &Rc<Shared>) -> Self {
        Self {
            shared: Rc::clone(shared),
            bodies: Default::default(),
            filter: Cell::new(std::ptr::null_mut()),
            connection: Cell::new(0),
            callouts: RefCell::default(),
            last_callout: Cell::new(0),
            reply: RefCell::default(),
            continued: Cell::new(false),
            continued_response: Cell::new(false),
            reset: Cell::new(false),
        }
    }

    pub(super) fn pointer(&self) -> Pointer {
        std::ptr::from_ref(self).cast_mut().cast()
    }

    pub(super) fn map(&self, map: u32) -> &RefCell<Fields> {
        if map == 0 { &self.shared.request } else { &self.shared.response }
    }

    /// Sets a header to one value, or removes it.
    pub(super) fn set_header(&self, map: u32, name: &[u8], value: Option<&[u8]>) {
        let mut fields = self.map(map).borrow_mut();
        let place = fields.iter().position(|(one, _)| one.eq_ignore_ascii_case(name));
        fields.retain(|(one, _)| !one.eq_ignore_ascii_case(name));
        if let Some(value) = value {
            let at = place.unwrap_or(fields.len()).min(fields.len());
            fields.insert(at, (name.to_ascii_lowercase(), value.to_vec()));
        }
    }

    pub(super) fn add_header(&self, map: u32, name: &[u8], value: &[u8]) {
        self.map(map).borrow_mut().push((name.to_ascii_lowercase(), value.to_vec()));
    }

    pub(super) fn callout(&self, fields: &Fields, timeout_ms: u64) -> u64 {
        let number = self.last_callout.get() + 1;
        self.last_callout.set(number);
        self.callouts.borrow_mut().push(Callout { number, timeout_ms, path: path(fields) });
        number
    }

    /// Brings a chunk that the filter then sees as received.
    pub(super) fn receive(&self, buffer: usize, chunk: &[u8]) {
        *self.bodies[buffer].borrow_mut() = if chunk.is_empty() { Chunks::new() } else { vec![chunk.into()] };
    }

    /// Keeps what was received with what waits.
    pub(super) fn keep(&self, received: usize) {
        let mut chunks = self.bodies[received].take();
        self.bodies[received + 1].borrow_mut().append(&mut chunks);
    }

    /// Takes all bytes: those that wait, then those that were received.
    pub(super) fn take(&self, received: usize) -> Vec<u8> {
        let (waiting, new) = (self.bodies[received + 1].take(), self.bodies[received].take());
        waiting.into_iter().chain(new).collect::<Vec<_>>().concat()
    }
}
