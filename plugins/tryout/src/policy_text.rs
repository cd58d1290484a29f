//! A gateway.yaml with the price file that it names. There are no files in a browser, so its text is given.

use headgate_config::diagnostic::Diagnostic;
use headgate_config::include::Source;
use headgate_config::{Compiled, compile};

/// Name of the policy in messages.
const FILE: &str = "gateway.yaml";

/// The text of a policy.
pub(crate) struct PolicyText(Source);

impl PolicyText {
    pub(crate) fn new(yaml: &str, prices: Option<String>) -> Result<Self, Vec<Diagnostic>> {
        let read = |name: &str| match prices {
            Some(text) => Ok((name.to_owned(), text)),
            None => Err("the page has no text of it".to_owned()),
        };
        Source::new(yaml.to_owned(), FILE, read).map(Self)
    }

    pub(crate) fn compile(&self, now: f64) -> Result<Compiled, Vec<Diagnostic>> {
        let compiled = compile(&self.0.text, FILE, seconds(now)).map_err(|problems| self.0.placed(problems))?;
        Ok(Compiled { warnings: self.0.placed(compiled.warnings), ..compiled })
    }
}

/// Returns seconds as JavaScript gives them.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the cast saturates")]
pub(crate) fn seconds(now: f64) -> u64 {
    now as u64
}
