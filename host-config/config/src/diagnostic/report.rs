//! Collects the problems of a file.
//!
//! A problem is noted with its position only. The line around it is cut out at the end, and shows only values that have
//! been validated: an invalid line, a comment or an unknown key may contain a secret.

use super::problem::{Diagnostic, Severity};
use super::snippet;
use crate::tree::{Fault, Span};
use std::collections::BTreeSet;

/// Largest number of problems that are reported of one file; the rest is counted.
const MAX_REPORTED: usize = 200;

/// Collects problems.
#[derive(Default)]
pub(crate) struct Report {
    noted: Vec<Noted>,
    shown: Vec<Span>,
    unreadable: BTreeSet<String>,
}

struct Noted {
    severity: Severity,
    span: Span,
    message: String,
    help: Help,
}

/// The remedy. Only the first problems are shown, and an expensive remedy is computed only for those.
enum Help {
    Known(String),
    Sought(Box<dyn FnOnce() -> String>),
}

impl Help {
    fn text(self) -> String {
        match self {
            Self::Known(text) => text,
            Self::Sought(seek) => seek(),
        }
    }
}

impl Report {
    /// Starts a report with the sections that could not be read.
    #[must_use]
    pub(crate) fn new(faults: Vec<Fault>, unreadable: BTreeSet<String>) -> Self {
        let noted = faults.into_iter().map(|fault| Noted {
            severity: Severity::Error,
            span: fault.span,
            message: fault.message,
            help: Help::Known(format!(
                "{}; the rest of the {} was not checked",
                fault.help,
                if fault.is_fatal { "file" } else { "section" }
            )),
        });
        Self { noted: noted.collect(), shown: Vec::new(), unreadable }
    }

    /// Notes an error.
    pub(crate) fn error(&mut self, span: Span, message: &str, help: &str) {
        self.note(Severity::Error, span, message, Help::Known(help.to_owned()));
    }

    /// Notes a warning.
    pub(crate) fn warning(&mut self, span: Span, message: &str, help: &str) {
        self.note(Severity::Warning, span, message, Help::Known(help.to_owned()));
    }

    /// Notes a problem with help that is expensive to compute.
    pub(crate) fn seek(
        &mut self,
        severity: Severity,
        span: Span,
        message: &str,
        help: impl FnOnce() -> String + 'static,
    ) {
        self.note(severity, span, message, Help::Sought(Box::new(help)));
    }

    /// Marks a value that is valid and not a secret. Nothing else is ever shown.
    pub(crate) fn show(&mut self, span: Span) {
        self.shown.push(span);
    }

    /// Returns whether no problem has been noted yet.
    #[must_use]
    pub(crate) fn is_empty(&self) -> bool {
        self.noted.is_empty()
    }

    /// Returns whether the section is there but could not be read, so that nothing is known to be missing in it.
    #[must_use]
    pub(crate) fn is_unreadable(&self, section: &str) -> bool {
        self.unreadable.contains(section)
    }

    fn note(&mut self, severity: Severity, span: Span, message: &str, help: Help) {
        self.noted.push(Noted { severity, span, message: message.to_owned(), help });
    }

    /// Returns all problems in the order of the file.
    #[must_use]
    pub(crate) fn finish(mut self, source: &str, file: &str) -> Vec<Diagnostic> {
        self.noted.sort_by_key(|noted| (noted.span.start, noted.severity));
        let left_out = self.noted.len().saturating_sub(MAX_REPORTED);
        // Warnings are left out before errors. A snippet costs time by the size of the file, so none is cut in vain.
        if left_out > 0 {
            self.noted.sort_by_key(|noted| noted.severity);
            self.noted.truncate(MAX_REPORTED);
        }
        let lines = snippet::Lines::new(source, self.shown);
        let mut all: Vec<_> = self.noted.into_iter().map(|noted| shown(noted, &lines, file)).collect();
        if let Some(last) = all.last_mut().filter(|_| left_out > 0) {
            last.help = format!("{} ({left_out} more problems are not shown)", last.help);
        }
        all
    }
}

fn shown(noted: Noted, lines: &snippet::Lines<'_>, file: &str) -> Diagnostic {
    let cut = lines.cut(noted.span);
    Diagnostic {
        severity: noted.severity,
        message: noted.message,
        help: noted.help.text(),
        file: file.to_owned(),
        line: noted.span.line,
        column: noted.span.column,
        snippet: cut.text,
        mark: cut.mark,
        length: cut.length,
    }
}
