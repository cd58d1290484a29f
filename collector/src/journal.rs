//! What the service says to its operator: lines on standard error, written in this house's words only.

use std::io::Write;

/// Writes one line. A closed standard error is no reason to stop.
pub fn line(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "headgate-collector: {text}");
}
