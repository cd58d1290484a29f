//! Typed reading of a tree whose shape has been reported on already.
//!
//! What does not fit reads as absent: the check has said why, and the compiler goes on to find what else is wrong.

use crate::scalar::Wrong;
use crate::tree::{Entry, Node, Span, Value};
use std::collections::BTreeSet;

/// A value, and where to point when something about it is wrong.
#[derive(Debug, Clone, Copy)]
pub(crate) struct View<'a> {
    node: &'a Node,
    /// For a single value its own place; for anything larger the place of its key.
    pub(crate) span: Span,
}

impl<'a> View<'a> {
    /// The root.
    #[must_use]
    pub(crate) fn root(node: &'a Node) -> Self {
        Self { node, span: node.span }
    }

    fn of(entry: &'a Entry) -> Self {
        let span = if entry.value.text().is_some() { entry.value.span } else { entry.span };
        Self { node: &entry.value, span }
    }

    /// Whether there are keys to be looked for.
    pub(crate) fn is_map(self) -> bool {
        matches!(self.node.value, Value::Map(_))
    }

    /// What stands at a key.
    #[must_use]
    pub(crate) fn get(self, key: &str) -> Option<Self> {
        self.node.entries().iter().find(|entry| entry.key == key).map(Self::of)
    }

    /// Names and what stands at them; of a name that is there twice, the first.
    pub(crate) fn named(self, key: &str) -> impl Iterator<Item = Named<'a>> {
        let entries = self.get(key).map_or::<&[Entry], _>(&[], |view| view.node.entries());
        let mut seen = BTreeSet::new();
        entries.iter().filter(move |entry| seen.insert(entry.key.as_str())).map(|entry| Named {
            name: &entry.key,
            span: entry.span,
            value: Self::of(entry),
        })
    }

    /// Items of the list at a key.
    pub(crate) fn items(self, key: &str) -> impl Iterator<Item = Self> {
        let items = self.get(key).map_or::<&[_], _>(&[], |view| view.node.items());
        items.iter().map(|node| Self { node, span: node.span })
    }

    /// The text, if this is a single value.
    #[must_use]
    pub(crate) fn text(self) -> Option<&'a str> {
        self.node.text()
    }

    /// The text at a key.
    #[must_use]
    pub(crate) fn text_at(self, key: &str) -> Option<&'a str> {
        self.get(key)?.text()
    }

    /// The text at a key, kept.
    #[must_use]
    pub(crate) fn string(self, key: &str) -> Option<String> {
        self.text_at(key).map(str::to_owned)
    }

    /// Single values of the list at a key, kept.
    #[must_use]
    pub(crate) fn strings(self, key: &str) -> Vec<String> {
        self.items(key).filter_map(Self::text).map(str::to_owned).collect()
    }

    /// The single value at a key, or those of the list there.
    pub(crate) fn several(self, key: &str) -> impl Iterator<Item = Self> {
        let one = self.get(key).filter(|view| view.text().is_some());
        one.into_iter().chain(self.items(key))
    }

    /// What a reader of [`crate::scalar`] makes of the text at a key.
    pub(crate) fn read<T>(self, key: &str, reader: impl Fn(&'a str) -> Result<T, Wrong>) -> Option<T> {
        reader(self.text_at(key)?).ok()
    }
}

/// An entry of a mapping from names.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Named<'a> {
    /// The name.
    pub(crate) name: &'a str,
    /// Where the name stands.
    pub(crate) span: Span,
    /// What stands at it.
    pub(crate) value: View<'a>,
}
