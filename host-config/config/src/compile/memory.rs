//! Compiles the bounds of memory for requests, in a worker's VM and in the proxy.

use crate::diagnostic::Report;
use crate::scalar;
use crate::typed_view::View;
use headgate_policy::document::DEFAULT_MAX_MEMORY;

/// 20 MiB.
const DEFAULT_MAX_REQUEST_BYTES: u64 = 20 << 20;

/// Two workers with full VMs buffer about half of this.
const DEFAULT_MAX_HEAP: u64 = 2 << 30;

/// Half of the 1 GiB at which a VM ends. The other half is for copies of a single body, for queued records and for the
/// policy.
const MOST_MEMORY: u64 = 512 << 20;

/// Memory that a request takes besides its body.
const BESIDES: u64 = 1 << 20;

/// The three bounds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Memory {
    pub(super) max_request_bytes: u64,
    pub(super) max_memory: u64,
    pub(super) max_heap: u64,
}

impl Memory {
    pub(super) fn of(root: View<'_>, report: &mut Report) -> Self {
        let max_request_bytes = root.read("max_request_bytes", scalar::bytes).unwrap_or(DEFAULT_MAX_REQUEST_BYTES);
        let fitting = DEFAULT_MAX_MEMORY.max(max_request_bytes.saturating_mul(2));
        let written = root.read("max_memory", scalar::memory);
        if let (Some(written), Some(view)) = (written, root.get("max_memory")) {
            if written > MOST_MEMORY {
                report.error(
                    view.span,
                    "this is too much: a worker's VM has 1 GiB, and half of it is reserved for other uses",
                    "write at most `512MiB`",
                );
            } else if written - written / 8 < max_request_bytes.saturating_add(BESIDES) {
                report.error(
                    view.span,
                    "this is too small for the largest request that `max_request_bytes` allows",
                    "write at least 1.2 times `max_request_bytes` plus 2 MiB; an eighth is reserved for small requests",
                );
            }
        }
        Self {
            max_request_bytes,
            max_memory: written.unwrap_or(fitting),
            max_heap: root.read("max_heap", scalar::memory).unwrap_or(DEFAULT_MAX_HEAP),
        }
    }
}
