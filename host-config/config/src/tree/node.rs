//! The tree: values, each with its position in the source.

use std::rc::Rc;

/// A range of the source. Offsets count bytes, from 0; line and column count from 1, columns in characters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Span {
    /// First byte.
    pub(crate) start: usize,
    /// One past the last byte.
    pub(crate) end: usize,
    /// Line of the first byte.
    pub(crate) line: usize,
    /// Column of the first byte.
    pub(crate) column: usize,
}

/// A value and its position.
#[derive(Debug)]
pub(crate) struct Node {
    /// Its position; of a mapping or a list, its beginning.
    pub(crate) span: Span,
    /// The value.
    pub(crate) value: Value,
    /// Whether it has an anchor. A typing error can turn a key into one, and its secret into the value of another key.
    pub(crate) has_anchor: bool,
}

/// A YAML value.
#[derive(Debug)]
pub(crate) enum Value {
    /// `~`, `null`, or nothing at all.
    Null,
    /// Anything else that is not a list or a mapping, as written and unescaped.
    Scalar(String),
    /// A sequence.
    List(Vec<Rc<Node>>),
    /// A mapping, in the order of the file; a repeated key is here twice.
    Map(Vec<Entry>),
}

/// One entry of a mapping.
#[derive(Debug)]
pub(crate) struct Entry {
    /// The key's text.
    pub(crate) key: String,
    /// Position of the key.
    pub(crate) span: Span,
    /// Its value.
    pub(crate) value: Rc<Node>,
}

impl Node {
    /// Returns an empty mapping at the start of the file.
    #[must_use]
    pub(crate) fn empty() -> Self {
        Self { span: Span { line: 1, column: 1, ..Span::default() }, value: Value::Map(Vec::new()), has_anchor: false }
    }

    /// Returns the entries of a mapping, and none for other values.
    #[must_use]
    pub(crate) fn entries(&self) -> &[Entry] {
        match &self.value {
            Value::Map(entries) => entries,
            _ => &[],
        }
    }

    /// Returns the items of a list, and none for other values.
    #[must_use]
    pub(crate) fn items(&self) -> &[Rc<Node>] {
        match &self.value {
            Value::List(items) => items,
            _ => &[],
        }
    }

    /// Returns the text of a scalar.
    #[must_use]
    pub(crate) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar(text) => Some(text),
            _ => None,
        }
    }

    /// Returns the kind of the value, for a message.
    #[must_use]
    pub(crate) fn kind(&self) -> &'static str {
        match self.value {
            Value::Null => "nothing",
            Value::Scalar(_) => "a single value",
            Value::List(_) => "a list",
            Value::Map(_) => "a mapping",
        }
    }
}

/// An error of the YAML parser.
#[derive(Debug)]
pub(crate) struct Fault {
    /// Position at which parsing stopped.
    pub(crate) span: Span,
    /// The problem.
    pub(crate) message: String,
    /// The remedy.
    pub(crate) help: &'static str,
    /// Whether the rest of the file cannot be read either.
    pub(crate) is_fatal: bool,
}
