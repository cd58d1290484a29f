//! The resources of the policy that was read last: one policy, of 16 MiB of text at most.

use headgate_collector_store::PolicyRevision;
use serde_json::Value;
use std::sync::{Arc, Mutex, PoisonError};

/// The masked resources of a policy.
pub(super) type Resources = Arc<Vec<Value>>;

/// The policy that was read last.
#[derive(Debug, Clone, Default)]
pub(super) struct KeptPolicy(Arc<Mutex<Option<(PolicyRevision, Resources)>>>);

impl KeptPolicy {
    /// Returns the resources of this revision, if it is the one that was read last.
    pub(super) fn of(&self, revision: &PolicyRevision) -> Option<Resources> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.as_ref().filter(|(known, _)| known == revision).map(|(_, resources)| Arc::clone(resources))
    }

    pub(super) fn keep(&self, revision: PolicyRevision, resources: Resources) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((revision, resources));
    }
}
