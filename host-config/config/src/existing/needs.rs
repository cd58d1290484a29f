//! The needs that follow from a policy.

use crate::compile::Compiled;
use crate::render::buffer_bytes;

/// A policy, and the needs that follow from it.
pub(super) struct Needs<'a> {
    pub(super) compiled: &'a Compiled,
    /// Smallest buffer, bytes.
    pub(super) buffer: u64,
}

impl<'a> Needs<'a> {
    pub(super) fn of(compiled: &'a Compiled) -> Self {
        Self { compiled, buffer: buffer_bytes(compiled) }
    }
}
