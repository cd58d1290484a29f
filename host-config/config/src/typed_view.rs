//! Typed access to a tree that has been validated.
//!
//! Values that do not fit read as absent: validation has reported them, and the compiler continues to find more problems.

use crate::scalar::{self, ScalarError};
use crate::tree::{Entry, Node, Span, Value};
use std::collections::BTreeSet;

/// A value, and the position to which problems with it refer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct View<'a> {
    node: &'a Node,
    /// The position of a single value; for a larger value that of its key.
    pub(crate) span: Span,
}

impl<'a> View<'a> {
    /// Returns the root.
    #[must_use]
    pub(crate) fn root(node: &'a Node) -> Self {
        Self { node, span: node.span }
    }

    fn of(entry: &'a Entry) -> Self {
        let span = if entry.value.text().is_some() { entry.value.span } else { entry.span };
        Self { node: &entry.value, span }
    }

    /// Returns whether this is a mapping.
    pub(crate) fn is_map(self) -> bool {
        matches!(self.node.value, Value::Map(_))
    }

    /// Returns whether nothing is written here, or an empty list or mapping. A value of another kind, which has been
    /// reported, is not empty.
    pub(crate) fn is_empty(self) -> bool {
        match &self.node.value {
            Value::Null => true,
            Value::Scalar(_) => false,
            Value::List(items) => items.is_empty(),
            Value::Map(entries) => entries.is_empty(),
        }
    }

    /// Returns the value at a key.
    #[must_use]
    pub(crate) fn get(self, key: &str) -> Option<Self> {
        self.node.entries().iter().find(|entry| entry.key == key).map(Self::of)
    }

    /// Returns the keys of a mapping, as they are written.
    pub(crate) fn keys(self) -> impl Iterator<Item = &'a str> {
        self.node.entries().iter().map(|entry| entry.key.as_str())
    }

    /// Returns the entries of a mapping; of a repeated name, the first.
    pub(crate) fn named(self, key: &str) -> impl Iterator<Item = Named<'a>> {
        let entries = self.get(key).map_or::<&[Entry], _>(&[], |view| view.node.entries());
        let mut seen = BTreeSet::new();
        entries.iter().filter(move |entry| seen.insert(entry.key.as_str())).map(|entry| Named {
            name: &entry.key,
            span: entry.span,
            value: Self::of(entry),
        })
    }

    /// Returns the items of the list at a key.
    pub(crate) fn items(self, key: &str) -> impl Iterator<Item = Self> {
        let items = self.get(key).map_or::<&[_], _>(&[], |view| view.node.items());
        items.iter().map(|node| Self { node, span: node.span })
    }

    /// Returns the text, if this is a single value.
    #[must_use]
    pub(crate) fn text(self) -> Option<&'a str> {
        self.node.text()
    }

    /// Returns the text at a key.
    #[must_use]
    pub(crate) fn text_at(self, key: &str) -> Option<&'a str> {
        self.get(key)?.text()
    }

    /// Returns the text at a key, owned.
    #[must_use]
    pub(crate) fn string(self, key: &str) -> Option<String> {
        self.text_at(key).map(str::to_owned)
    }

    /// Returns the single values of the list at a key, owned.
    #[must_use]
    pub(crate) fn strings(self, key: &str) -> Vec<String> {
        self.items(key).filter_map(Self::text).map(str::to_owned).collect()
    }

    /// Returns the single value at a key, or those of the list there.
    pub(crate) fn several(self, key: &str) -> impl Iterator<Item = Self> {
        let one = self.get(key).filter(|view| view.text().is_some());
        one.into_iter().chain(self.items(key))
    }

    /// Returns the name in the `${NAME}` at a key.
    pub(crate) fn variable(self, key: &str) -> Option<String> {
        self.read(key, scalar::variable).map(str::to_owned)
    }

    /// Returns the text at a key as a reader of [`crate::scalar`] reads it.
    pub(crate) fn read<T>(self, key: &str, reader: impl Fn(&'a str) -> Result<T, ScalarError>) -> Option<T> {
        reader(self.text_at(key)?).ok()
    }
}

/// An entry of a mapping from names.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Named<'a> {
    /// The name.
    pub(crate) name: &'a str,
    /// Position of the name.
    pub(crate) span: Span,
    /// The value of the name.
    pub(crate) value: View<'a>,
}
