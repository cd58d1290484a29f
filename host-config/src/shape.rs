//! The keys of gateway.yaml, declared once.
//!
//! The check, the JSON Schema for editors and the reference page all read [`GATEWAY`], so a key cannot be accepted
//! without being documented, or documented without being read.

mod check;
mod declared;
mod reference;
mod schema;

pub(crate) use check::check;
pub use declared::GATEWAY;
pub use reference::reference;
pub use schema::json_schema;

use crate::scalar::Scalar;

/// What stands at a key.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// A single value.
    One(Scalar),
    /// A list.
    List(&'static Kind),
    /// The word `all`, or a list.
    AllOr(Scalar),
    /// A single value, or a list of them.
    Several(Scalar),
    /// Names, each with something.
    Map(Scalar, &'static Kind),
    /// Declared keys.
    Section(&'static [Key]),
}

/// One declared key.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// As written.
    pub name: &'static str,
    /// What stands there.
    pub kind: Kind,
    /// Whether it may be missing.
    pub need: Need,
    /// What it does, one sentence.
    pub about: &'static str,
}

/// Whether a key may be missing.
#[derive(Debug, Clone, Copy)]
pub enum Need {
    /// It may not.
    Required,
    /// It may, and then there is none.
    Optional,
    /// It may, and then this is meant.
    Default(&'static str),
}

/// Whether a word is a declared key anywhere.
#[must_use]
pub(crate) fn is_key(word: &str) -> bool {
    contains(GATEWAY, word)
}

fn contains(keys: &[Key], word: &str) -> bool {
    keys.iter().any(|key| key.name == word || below(key.kind).is_some_and(|keys| contains(keys, word)))
}

/// The keys of a section, or of the sections in a list or a mapping.
fn below(kind: Kind) -> Option<&'static [Key]> {
    match kind {
        Kind::Section(keys) => Some(keys),
        Kind::List(each) | Kind::Map(_, each) => below(*each),
        _ => None,
    }
}
