//! One problem of a file, in the form in which it is shown.

use serde::Serialize;

/// The severity of a problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The file cannot be used.
    Error,
    /// The file can be used, but probably does not have the intended effect.
    Warning,
}

/// One problem. It never contains a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    /// The severity.
    pub severity: Severity,
    /// The problem, in one sentence.
    pub message: String,
    /// The remedy.
    pub help: String,
    /// The file, as the caller named it.
    pub file: String,
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// The line, or the part of it around the problem, with dots for characters that are not shown.
    pub snippet: String,
    /// First marked character of the snippet, from 0.
    pub mark: usize,
    /// Number of marked characters.
    pub length: usize,
}
