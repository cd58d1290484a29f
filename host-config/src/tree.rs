//! gateway.yaml as a tree in which every value knows where it stands.
//!
//! A typed YAML reader stops at the first value that does not fit, and turns prices into floats on the way. Here the
//! text is kept as written, with its place, so that all problems can be reported at once. The file is hostile until
//! checked: depth and aliases are bounded, and nothing recurses on input.

mod recover;

pub(crate) use recover::parse;

use granit_parser::{Event, Parser, ScalarStyle};
use std::collections::BTreeMap;
use std::rc::Rc;

/// Deeper than any key of gateway.yaml, aliases replaced: whoever walks or drops the tree recurses this deep.
const MAX_DEPTH: usize = 24;

/// Uses of `*alias` in one file; each can repeat a part of the file.
const MAX_ALIASES: usize = 256;

/// How large a file may be once every alias is replaced by what it stands for, bytes: aliases of aliases multiply, and all
/// that reads the tree walks through each of them. A hundred thousand keys take 80 MiB.
const MAX_EXPANDED: usize = 192 << 20;

/// What a value takes beside its text, bytes.
const VALUE_BYTES: usize = 64;

/// A stretch of the source. Offsets count bytes, from 0; line and column count from 1, columns in characters.
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

/// A value and its place.
#[derive(Debug)]
pub(crate) struct Node {
    /// Where it stands; for a mapping or a list, where it begins.
    pub(crate) span: Span,
    /// What it is.
    pub(crate) value: Value,
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
    /// A mapping, in the order of the file; a key that stands there twice is here twice.
    Map(Vec<Entry>),
}

/// One entry of a mapping.
#[derive(Debug)]
pub(crate) struct Entry {
    /// The key's text.
    pub(crate) key: String,
    /// Where the key stands.
    pub(crate) span: Span,
    /// Its value.
    pub(crate) value: Rc<Node>,
}

impl Node {
    /// An empty mapping at the start of the file.
    #[must_use]
    pub(crate) fn empty() -> Self {
        Self { span: Span { line: 1, column: 1, ..Span::default() }, value: Value::Map(Vec::new()) }
    }

    /// Entries of a mapping, none for anything else.
    #[must_use]
    pub(crate) fn entries(&self) -> &[Entry] {
        match &self.value {
            Value::Map(entries) => entries,
            _ => &[],
        }
    }

    /// Items of a list, none for anything else.
    #[must_use]
    pub(crate) fn items(&self) -> &[Rc<Node>] {
        match &self.value {
            Value::List(items) => items,
            _ => &[],
        }
    }

    /// Text of a scalar.
    #[must_use]
    pub(crate) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar(text) => Some(text),
            _ => None,
        }
    }

    /// What it is, for a message.
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

/// Why a text is not YAML that can be read.
#[derive(Debug)]
pub(crate) struct Fault {
    /// Where reading stopped.
    pub(crate) span: Span,
    /// What was wrong.
    pub(crate) message: String,
    /// What to do about it.
    pub(crate) help: &'static str,
}

const CLOSE: &str = "close every bracket and quote, here or in the section before, and check the indentation; the rest of the section was not looked at";

const TOO_DEEP: &str = "nested deeper than anything in gateway.yaml";

/// YAML takes the brace for a mapping.
const QUOTE: &str =
    "inside `{…}` a variable has to stand in quotes: \"${NAME}\"; the rest of the section was not looked at";

/// A collection that is still open.
struct Open {
    span: Span,
    anchor: usize,
    is_map: bool,
    /// How large everything was when it began.
    before: usize,
    /// Collections in it, one in the other, at most.
    height: usize,
    items: Vec<Rc<Node>>,
    keys: Vec<(String, Span)>,
}

/// What an alias stands for.
struct Anchored {
    node: Rc<Node>,
    /// How large it is, aliases replaced.
    size: usize,
    /// Collections in it, one in the other, itself among them.
    height: usize,
}

#[derive(Default)]
struct Builder {
    open: Vec<Open>,
    anchors: BTreeMap<usize, Anchored>,
    aliases: usize,
    /// How large everything is so far, aliases replaced.
    expanded: usize,
    documents: usize,
    root: Option<Rc<Node>>,
}

/// Reads one document.
pub(crate) fn build(source: &str) -> Result<Rc<Node>, Fault> {
    let options = granit_parser::options! { simple_key_max_lookahead: 4096 };
    let mut builder = Builder::default();
    for event in Parser::new_from_str_with_options(source, options) {
        let (event, span) = event.map_err(|error| fault(&error, source))?;
        builder.event(event, place(&span))?;
    }
    Ok(builder.root.unwrap_or_else(|| Rc::new(Node::empty())))
}

fn place(span: &granit_parser::Span) -> Span {
    Span {
        start: span.start.byte_offset().unwrap_or_default(),
        end: span.end.byte_offset().unwrap_or_default(),
        line: span.start.line(),
        column: span.start.col().saturating_add(1),
    }
}

fn fault(error: &granit_parser::ScanError, source: &str) -> Fault {
    let at = error.marker();
    // Some errors know their character only, not their byte.
    let byte = || source.char_indices().nth(at.index()).map(|(byte, _)| byte);
    let start = at.byte_offset().or_else(byte).unwrap_or(source.len()).min(source.len());
    let span = Span { start, end: start.saturating_add(1), line: at.line(), column: at.col().saturating_add(1) };
    let line = source.lines().nth(at.line().saturating_sub(1)).unwrap_or_default();
    let bare =
        line.match_indices("${").any(|(at, _)| !line.get(..at).is_some_and(|before| before.ends_with(['"', '\''])));
    Fault { span, message: error.kind().to_string(), help: if bare { QUOTE } else { CLOSE } }
}

impl Builder {
    fn event(&mut self, event: Event<'_>, span: Span) -> Result<(), Fault> {
        match event {
            Event::DocumentStart(..) => self.document(span),
            Event::Scalar(text, style, anchor, _) => self.scalar(&text, style, anchor, span),
            Event::SequenceStart(_, anchor, _) => self.open(false, anchor, span),
            Event::MappingStart(_, anchor, _) => self.open(true, anchor, span),
            Event::SequenceEnd | Event::MappingEnd => self.close(),
            Event::Alias(id) => self.alias(id, span),
            _ => Ok(()),
        }
    }

    fn document(&mut self, span: Span) -> Result<(), Fault> {
        self.documents = self.documents.saturating_add(1);
        if self.documents > 1 {
            return refuse(span, "a second YAML document begins here; gateway.yaml is one document");
        }
        Ok(())
    }

    fn scalar(&mut self, text: &str, style: ScalarStyle, anchor: usize, span: Span) -> Result<(), Fault> {
        let before = self.expanded;
        self.grow(VALUE_BYTES.saturating_add(text.len()), span)?;
        let plain = style == ScalarStyle::Plain;
        let value = match text {
            "" | "~" | "null" if plain => Value::Null,
            _ => Value::Scalar(text.to_owned()),
        };
        self.place(Node { span, value }, anchor, before, 0)
    }

    fn grow(&mut self, bytes: usize, span: Span) -> Result<(), Fault> {
        self.expanded = self.expanded.saturating_add(bytes);
        if self.expanded > MAX_EXPANDED {
            return refuse(span, "too large: aliases that stand for aliases multiply what they stand for");
        }
        Ok(())
    }

    fn open(&mut self, is_map: bool, anchor: usize, span: Span) -> Result<(), Fault> {
        if self.open.len() >= MAX_DEPTH {
            return refuse(span, TOO_DEEP);
        }
        let before = self.expanded;
        self.grow(VALUE_BYTES, span)?;
        self.open.push(Open { span, anchor, is_map, before, height: 1, items: Vec::new(), keys: Vec::new() });
        Ok(())
    }

    fn close(&mut self) -> Result<(), Fault> {
        let Some(done) = self.open.pop() else {
            return Ok(());
        };
        let value = if done.is_map { Value::Map(entries(done.keys, done.items)) } else { Value::List(done.items) };
        self.place(Node { span: done.span, value }, done.anchor, done.before, done.height)
    }

    fn alias(&mut self, id: usize, span: Span) -> Result<(), Fault> {
        self.aliases = self.aliases.saturating_add(1);
        if self.aliases > MAX_ALIASES {
            return refuse(span, "more than 256 aliases");
        }
        let Some(Anchored { node, size, height }) = self.anchors.get(&id) else {
            return refuse(span, "this alias stands inside what it refers to");
        };
        let (node, size, height) = (Rc::clone(node), *size, *height);
        if self.open.len().saturating_add(height) > MAX_DEPTH {
            return refuse(span, TOO_DEEP);
        }
        self.grow(size, span)?;
        self.attach(node, height)
    }

    fn place(&mut self, node: Node, anchor: usize, before: usize, height: usize) -> Result<(), Fault> {
        let node = Rc::new(node);
        if anchor != 0 {
            let size = self.expanded.saturating_sub(before);
            self.anchors.insert(anchor, Anchored { node: Rc::clone(&node), size, height });
        }
        self.attach(node, height)
    }

    fn attach(&mut self, node: Rc<Node>, height: usize) -> Result<(), Fault> {
        let Some(open) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        open.height = open.height.max(height.saturating_add(1));
        if !open.is_map || open.keys.len() > open.items.len() {
            open.items.push(node);
            return Ok(());
        }
        let key = match &node.value {
            Value::Scalar(text) => text.clone(),
            Value::Null => String::new(),
            _ => return refuse(node.span, "a key has to be a single word"),
        };
        open.keys.push((key, node.span));
        Ok(())
    }
}

fn entries(keys: Vec<(String, Span)>, values: Vec<Rc<Node>>) -> Vec<Entry> {
    keys.into_iter().zip(values).map(|((key, span), value)| Entry { key, span, value }).collect()
}

fn refuse(span: Span, message: &str) -> Result<(), Fault> {
    Err(Fault { span, message: message.to_owned(), help: CLOSE })
}
