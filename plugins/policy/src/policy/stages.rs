//! The needs of a set of stages under a policy.

use super::Policy;
use crate::document::{Stage, Stages};

impl Policy {
    /// Returns the stages of all routes that ask for no set.
    #[must_use]
    pub fn stages(&self) -> Stages {
        self.stages
    }

    /// Returns a set of stages by its name.
    #[must_use]
    pub fn stage_set(&self, name: &str) -> Option<Stages> {
        self.stage_sets.get(name).copied()
    }

    /// Returns the path of the property by which the proxy tells the name of a caller, if one does.
    #[must_use]
    pub fn identity_property(&self) -> Option<&str> {
        self.identity.as_ref()?.property()
    }

    /// Whether these stages find out the caller.
    pub(crate) fn identifies(&self, stages: Stages) -> bool {
        stages.has(Stage::Keys) || self.identity.is_some()
    }

    pub(crate) fn has_limits(&self, stages: Stages) -> bool {
        stages.has(Stage::Limits) && !self.limits.is_empty()
    }

    pub(crate) fn has_guardrails(&self, stages: Stages) -> bool {
        stages.has(Stage::Guardrails) && !self.guardrails.list.is_empty()
    }

    /// Whether some guardrail may look at a request.
    pub(crate) fn guards_requests(&self, stages: Stages) -> bool {
        stages.has(Stage::Guardrails) && self.guardrails.look_at_requests
    }

    /// Whether a request is refused if its body cannot be read.
    pub(crate) fn must_read(&self, stages: Stages) -> bool {
        let permission = self.limits_models && self.identifies(stages);
        stages.has(Stage::Routing) || self.has_limits(stages) || self.has_guardrails(stages) || permission
    }

    /// Whether some stage reads bodies of requests.
    pub(crate) fn reads_requests(&self, stages: Stages) -> bool {
        self.must_read(stages) || stages.has(Stage::Logging)
    }

    /// Whether some stage reads answers.
    pub(crate) fn reads_answers(&self, stages: Stages) -> bool {
        let needed = self.has_limits(stages) || self.has_guardrails(stages);
        needed || stages.has(Stage::Routing) || stages.has(Stage::Logging)
    }
}
