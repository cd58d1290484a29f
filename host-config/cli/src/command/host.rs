//! The proxy that a policy is for.

use crate::exit::Failure;
use crate::output::say;
use clap::ValueEnum;
use headgate_config::diagnostic::{self, Severity};
use headgate_config::include::Source;
use headgate_config::render::apisix_obstacles;

/// The proxy of a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Host {
    Envoy,
    Apisix,
}

impl Host {
    /// Tells the parts of a policy that this proxy carries out in another way.
    ///
    /// # Errors
    /// It cannot carry a part out at all.
    pub(super) fn examine(self, source: &Source, name: &str) -> Result<(), Failure> {
        if self == Self::Envoy {
            return Ok(());
        }
        let problems = source.placed(apisix_obstacles(&source.text, name));
        if problems.iter().any(|problem| problem.severity == Severity::Error) {
            return Err(diagnostic::text(&problems));
        }
        if !problems.is_empty() {
            say(&diagnostic::text(&problems));
        }
        Ok(())
    }
}
