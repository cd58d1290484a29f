//! The sender of a delivery.

/// The ingest token of a delivery.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sender {
    /// Its public id.
    pub token: String,
    /// Its purpose, as its owner named it.
    pub name: Option<String>,
    /// Id of the first token of its line. Tokens that replace one another are one sender.
    pub line: String,
}
