//! The check that a text is a policy that can be put in force.

use headgate_collector_store::PolicyText;
use headgate_config::diagnostic::Diagnostic;
use headgate_limits::Rule;

/// Name of the sent text in messages.
const FILE: &str = "gateway.yaml";

/// Maximum size of a gateway.yaml, bytes: room for more than a hundred thousand keys.
pub(crate) const MAX_BYTES: usize = 16 << 20;

/// A text that is a valid policy.
#[derive(Debug)]
pub(crate) struct CheckedPolicy {
    /// The text as received.
    pub text: PolicyText,
    /// The config revision that records will carry.
    pub config_revision: String,
    /// Its limits and budgets.
    pub rules: Vec<Rule>,
    /// Warnings, which do not prevent its use.
    pub warnings: Vec<Diagnostic>,
}

/// The reason why a text is not a valid policy.
#[derive(Debug)]
pub(crate) enum BadPolicy {
    /// It is not UTF-8 from this byte on.
    NotText(usize),
    /// The problems that `headgate check` reports.
    Problems(Vec<Diagnostic>),
}

/// Checks a text. `now` is in µs since the Unix epoch.
///
/// # Errors
/// The text is not a valid policy.
pub(crate) fn check(body: Vec<u8>, now: i64) -> Result<CheckedPolicy, BadPolicy> {
    let text = String::from_utf8(body).map_err(|error| BadPolicy::NotText(error.utf8_error().valid_up_to()))?;
    let seconds = u64::try_from(now / 1_000_000).unwrap_or(0);
    let compiled = headgate_config::compile(&text, FILE, seconds).map_err(BadPolicy::Problems)?;
    let (config_revision, rules) = (compiled.document.revision, compiled.document.limits);
    Ok(CheckedPolicy { config_revision, rules, warnings: compiled.warnings, text: text.into() })
}
