//! Formats problems as text for people and as JSON for programs.

use super::problem::{Diagnostic, Severity};
use std::fmt::Write as _;

/// Returns one paragraph for each problem, and a line that counts them.
#[must_use]
pub fn text(diagnostics: &[Diagnostic]) -> String {
    let mut out = String::new();
    for diagnostic in diagnostics {
        paragraph(&mut out, diagnostic);
    }
    let count = |severity| diagnostics.iter().filter(|d| d.severity == severity).count();
    let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
    let _ = writeln!(out, "{}, {}", plural(errors, "error"), plural(warnings, "warning"));
    out
}

fn paragraph(out: &mut String, diagnostic: &Diagnostic) {
    let Diagnostic { severity, message, help, file, line, column, snippet, mark, length } = diagnostic;
    let word = match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    let number = line.to_string();
    let margin = " ".repeat(number.len());
    let _ = writeln!(out, "{word}: {message}\n{margin}--> {file}:{line}:{column}");
    let _ = writeln!(out, "{number} | {snippet}\n{margin} | {}{}", " ".repeat(*mark), "^".repeat(*length));
    let _ = writeln!(out, "{margin} = {help}\n");
}

fn plural(count: usize, word: &str) -> String {
    format!("{count} {word}{}", if count == 1 { "" } else { "s" })
}

/// Returns a JSON list of objects, indented.
#[must_use]
pub fn json(diagnostics: &[Diagnostic]) -> String {
    let list = serde_json::to_value(diagnostics).unwrap_or_default();
    format!("{list:#}\n")
}
