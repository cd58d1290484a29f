//! One declared key: its name, the kind of its value, whether it may be missing, and a sentence about it.

use crate::scalar::Scalar;

/// The kind of the value at a key.
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
    /// A mapping from names to values.
    Map(Scalar, &'static Kind),
    /// A mapping of declared keys.
    Section(&'static [Key]),
}

/// One declared key.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// The name, as written.
    pub name: &'static str,
    /// The kind of its value.
    pub kind: Kind,
    /// Whether it may be missing.
    pub need: Need,
    /// Its purpose, in one sentence.
    pub about: &'static str,
}

/// Whether a key may be missing.
#[derive(Debug, Clone, Copy)]
pub enum Need {
    /// It must be there.
    Required,
    /// It may be missing, without a default.
    Optional,
    /// It may be missing, and then has this value.
    Default(&'static str),
}

impl Kind {
    /// Returns the keys of a section, or of the sections in a list or a mapping.
    pub(crate) fn keys(self) -> Option<&'static [Key]> {
        match self {
            Self::Section(keys) => Some(keys),
            Self::List(each) | Self::Map(_, each) => each.keys(),
            _ => None,
        }
    }
}

/// Returns a declared key.
pub(super) const fn key(name: &'static str, kind: Kind, need: Need, about: &'static str) -> Key {
    Key { name, kind, need, about }
}
