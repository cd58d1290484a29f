//! The parts of Envoy that belong to no stream: its roots, their calls, and its loggers.

use std::cell::{Cell, RefCell};
use std::ffi::c_void;

/// A pointer of the module, or one that it was lent.
pub(super) type Pointer = *mut c_void;

/// A header map.
pub(super) type Fields = Vec<(Vec<u8>, Vec<u8>)>;

/// A call of a root, as it was sent.
#[derive(Debug)]
pub(super) struct RootCall {
    pub(super) number: u64,
    pub(super) path: String,
    pub(super) body: Vec<u8>,
}

/// Returns the path of a request.
pub(super) fn path(fields: &Fields) -> String {
    let path = fields.iter().find(|(name, _)| name == b":path").map(|(_, value)| value.clone());
    String::from_utf8(path.unwrap()).unwrap()
}

/// A root as Envoy has it.
#[derive(Debug, Default)]
pub(super) struct Root {
    calls: RefCell<Vec<RootCall>>,
    last_call: Cell<u64>,
    last_metric: Cell<usize>,
}

impl Root {
    pub(super) fn pointer(&self) -> Pointer {
        std::ptr::from_ref(self).cast_mut().cast()
    }

    pub(super) fn begin_call(&self, fields: &Fields, body: Vec<u8>) -> u64 {
        let number = self.last_call.get() + 1;
        self.last_call.set(number);
        self.calls.borrow_mut().push(RootCall { number, path: path(fields), body });
        number
    }

    /// Returns the calls that wait for an answer.
    pub(super) fn take_calls(&self) -> Vec<RootCall> {
        self.calls.take()
    }

    pub(super) fn define(&self) -> usize {
        self.last_metric.set(self.last_metric.get() + 1);
        self.last_metric.get()
    }
}

/// The router's log entry of a try.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) flags: u64,
    pub(super) connection: u64,
}
