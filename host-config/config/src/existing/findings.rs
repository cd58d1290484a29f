//! Collects findings, each with the path of the object that it is about.

use crate::diagnostic::{Diagnostic, Report};
use crate::tree::Span;

/// One file of the configuration.
#[derive(Debug, Clone, Copy)]
pub struct ProxyFile<'a> {
    /// Its name, for problems.
    pub name: &'a str,
    /// Its text.
    pub text: &'a str,
}

/// An object's place.
#[derive(Debug, Clone, Default)]
pub(super) struct Place {
    /// Number of the file.
    pub(super) file: usize,
    /// Position of its key, or of itself in a list.
    pub(super) span: Span,
    /// Path from the file's root, such as `static_resources.listeners[0]`.
    pub(super) path: String,
}

impl Place {
    /// Returns the place of a key in this object, or of the object if it does not have the key.
    pub(super) fn key(&self, name: &str, span: Option<Span>) -> Self {
        let dot = if self.path.is_empty() { "" } else { "." };
        span.map_or_else(
            || self.clone(),
            |span| Self { file: self.file, span, path: format!("{}{dot}{name}", self.path) },
        )
    }
}

/// The findings of all files.
pub(super) struct Findings {
    reports: Vec<Report>,
}

impl Findings {
    pub(super) fn new(files: usize) -> Self {
        Self { reports: (0..files).map(|_| Report::default()).collect() }
    }

    /// Notes something that keeps Headgate from working.
    pub(super) fn error(&mut self, place: &Place, message: &str, help: &str) {
        if let Some(report) = self.reports.get_mut(place.file) {
            report.show(place.span);
            report.error(place.span, &located(place, message), help);
        }
    }

    /// Notes something with which Headgate works, but not as one may expect.
    pub(super) fn warning(&mut self, place: &Place, message: &str, help: &str) {
        if let Some(report) = self.reports.get_mut(place.file) {
            report.show(place.span);
            report.warning(place.span, &located(place, message), help);
        }
    }

    pub(super) fn finish(self, files: &[ProxyFile<'_>]) -> Vec<Diagnostic> {
        self.reports.into_iter().zip(files).flat_map(|(report, file)| report.finish(file.text, file.name)).collect()
    }
}

fn located(place: &Place, message: &str) -> String {
    if place.path.is_empty() { message.to_owned() } else { format!("{}: {message}", place.path) }
}
