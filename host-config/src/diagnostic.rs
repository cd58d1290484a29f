//! Problems in gateway.yaml, and how they are shown.
//!
//! A problem is noted by its place alone. The text around it is cut out at the very end, and of it only what was
//! understood is shown: a secret may stand beside somebody else's mistake, in a comment, or where no key was meant.

mod show;
mod snippet;

pub use show::{json, text};
pub use snippet::{is_hidden, plain};

use crate::tree::{Fault, Span};
use serde::Serialize;
use std::collections::BTreeSet;

/// Problems reported of one file; the rest is counted.
const MAX_REPORTED: usize = 200;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The file cannot be used.
    Error,
    /// It can be used, and probably does not do what was meant.
    Warning,
}

/// One problem. Nothing in it shows a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong, one sentence.
    pub message: String,
    /// What to write instead.
    pub help: String,
    /// File as it was named.
    pub file: String,
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// The line, or the part of it around the problem, with dots for what was not understood.
    pub snippet: String,
    /// First character of the snippet that is meant, from 0.
    pub mark: usize,
    /// How many characters are meant.
    pub length: usize,
}

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

/// What to write instead. Of very many problems only the first are shown, and only for those it is worked out.
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
    /// Begins with what could not be read at all.
    #[must_use]
    pub(crate) fn new(faults: Vec<Fault>, unreadable: BTreeSet<String>) -> Self {
        let noted = faults.into_iter().map(|fault| Noted {
            severity: Severity::Error,
            span: fault.span,
            message: format!("this is not YAML: {}", fault.message),
            help: Help::Known(fault.help.to_owned()),
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

    /// Notes a problem whose help takes long to find.
    pub(crate) fn seek(
        &mut self,
        severity: Severity,
        span: Span,
        message: &str,
        help: impl FnOnce() -> String + 'static,
    ) {
        self.note(severity, span, message, Help::Sought(Box::new(help)));
    }

    /// What stands there is understood and no secret; nothing else is ever shown.
    pub(crate) fn show(&mut self, span: Span) {
        self.shown.push(span);
    }

    /// The section is there, but could not be read: nothing can be said about what it lacks.
    #[must_use]
    pub(crate) fn is_unreadable(&self, section: &str) -> bool {
        self.unreadable.contains(section)
    }

    fn note(&mut self, severity: Severity, span: Span, message: &str, help: Help) {
        self.noted.push(Noted { severity, span, message: message.to_owned(), help });
    }

    /// All problems in the order of the file.
    #[must_use]
    pub(crate) fn finish(mut self, source: &str, file: &str) -> Vec<Diagnostic> {
        self.noted.sort_by_key(|noted| (noted.span.start, noted.severity));
        let left_out = self.noted.len().saturating_sub(MAX_REPORTED);
        // Errors are never left out in favour of warnings. A snippet costs time by the size of the file: none is cut in vain.
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
