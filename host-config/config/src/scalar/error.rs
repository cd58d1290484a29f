//! The error of a value that does not have the form of its kind.

/// The reason why a text is not a value of its kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScalarError {
    /// The problem, without a quotation of the text.
    pub message: String,
    /// The remedy.
    pub help: String,
    /// Whether the text may be a secret that must not be shown.
    pub hide: bool,
}

impl ScalarError {
    pub(crate) fn new(message: &str, help: &str) -> Self {
        Self { message: message.to_owned(), help: help.to_owned(), hide: false }
    }

    pub(crate) fn hidden(message: &str, help: &str) -> Self {
        Self { hide: true, ..Self::new(message, help) }
    }
}
