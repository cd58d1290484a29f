//! The stages of the gateway. Each can be on or off, for the whole policy or for some routes of the proxy.

use serde::{Deserialize, Serialize};

/// A part of the gateway that decides or records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Finds the caller by a virtual key.
    Keys,
    /// Chooses provider and model, and tries others. Without it the proxy's own route does.
    Routing,
    /// Limits and budgets.
    Limits,
    /// Guardrails on requests and answers.
    Guardrails,
    /// One record for each request.
    Logging,
}

impl Stage {
    /// All stages, in the order in which a request passes them.
    pub const ALL: [Self; 5] = [Self::Keys, Self::Routing, Self::Limits, Self::Guardrails, Self::Logging];

    /// Returns the name in gateway.yaml.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Keys => "keys",
            Self::Routing => "routing",
            Self::Limits => "limits",
            Self::Guardrails => "guardrails",
            Self::Logging => "logging",
        }
    }

    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// A set of stages; in JSON a list of their names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<Stage>", into = "Vec<Stage>")]
pub struct Stages(u8);

impl Stages {
    /// Returns whether a stage is on.
    #[must_use]
    pub const fn has(self, stage: Stage) -> bool {
        self.0 & stage.bit() != 0
    }

    /// Returns the set without a stage.
    #[must_use]
    pub const fn without(self, stage: Stage) -> Self {
        Self(self.0 & !stage.bit())
    }

    /// Returns whether every stage is on.
    #[must_use]
    pub fn is_all(&self) -> bool {
        *self == Self::default()
    }

    /// Returns the stages that are on, in the order in which a request passes them.
    pub fn iter(self) -> impl Iterator<Item = Stage> {
        Stage::ALL.into_iter().filter(move |stage| self.has(*stage))
    }
}

impl Default for Stages {
    fn default() -> Self {
        Stage::ALL.into_iter().collect()
    }
}

impl FromIterator<Stage> for Stages {
    fn from_iter<I: IntoIterator<Item = Stage>>(stages: I) -> Self {
        Self(stages.into_iter().fold(0, |set, stage| set | stage.bit()))
    }
}

impl From<Vec<Stage>> for Stages {
    fn from(stages: Vec<Stage>) -> Self {
        stages.into_iter().collect()
    }
}

impl From<Stages> for Vec<Stage> {
    fn from(stages: Stages) -> Self {
        stages.iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_are_lists_of_names() {
        let some: Stages = serde_json::from_str(r#"["logging","keys"]"#).unwrap();
        assert!(some.has(Stage::Keys) && some.has(Stage::Logging) && !some.has(Stage::Routing) && !some.is_all());
        assert_eq!(serde_json::to_string(&some).unwrap(), r#"["keys","logging"]"#);
        assert!(Stages::default().is_all());
        assert_eq!(Stages::default().without(Stage::Routing).iter().count(), 4);
        for stage in Stage::ALL {
            assert_eq!(serde_json::to_value(stage).unwrap(), stage.as_str());
        }
    }
}
