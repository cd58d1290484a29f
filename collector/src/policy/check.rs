//! Whether a text is a policy that can come into force.

use crate::store::PolicyText;
use headgate::diagnostic::Diagnostic;

/// How messages name what was sent.
pub const FILE: &str = "gateway.yaml";

/// Largest gateway.yaml, bytes: a hundred thousand keys and some.
pub const MAX_BYTES: usize = 16 << 20;

/// A text that is a policy.
#[derive(Debug)]
pub struct Checked {
    /// The text, as it came.
    pub text: PolicyText,
    /// What records will carry.
    pub config_revision: String,
    /// Problems that do not stand in the way.
    pub warnings: Vec<Diagnostic>,
}

/// Why a text is none.
#[derive(Debug)]
pub enum BadPolicy {
    /// It is not UTF-8 from this byte on.
    NotText(usize),
    /// What `headgate check` says about it.
    Problems(Vec<Diagnostic>),
}

/// Checks a text. `now` is in µs since the Unix epoch.
///
/// # Errors
/// It is no policy.
pub fn check(body: Vec<u8>, now: i64) -> Result<Checked, BadPolicy> {
    let text = String::from_utf8(body).map_err(|error| BadPolicy::NotText(error.utf8_error().valid_up_to()))?;
    let seconds = u64::try_from(now / 1_000_000).unwrap_or(0);
    let compiled = headgate::compile(&text, FILE, seconds).map_err(BadPolicy::Problems)?;
    Ok(Checked { config_revision: compiled.document.revision, warnings: compiled.warnings, text: text.into() })
}
