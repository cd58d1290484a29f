//! The needs that follow from a policy.

use crate::compile::Compiled;
use crate::render::buffer_bytes;
use headgate_policy::document::Stage;

/// A policy, and the needs that follow from it.
pub(super) struct Needs<'a> {
    pub(super) compiled: &'a Compiled,
    /// Smallest buffer, bytes.
    pub(super) buffer: u64,
    /// Whether the gateway routes some requests.
    pub(super) routes: bool,
}

impl<'a> Needs<'a> {
    pub(super) fn of(compiled: &'a Compiled) -> Self {
        let document = &compiled.document;
        let sets = document.stage_sets.values().chain([&document.stages]);
        let routes = sets.into_iter().any(|stages| stages.has(Stage::Routing));
        Self { compiled, buffer: buffer_bytes(compiled), routes }
    }
}
