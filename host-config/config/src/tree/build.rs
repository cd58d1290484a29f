//! Builds the tree from the events of the YAML parser.
//!
//! The file is hostile until it is checked: depth, aliases and expanded size are bounded, and nothing recurses on input.

use super::hints::{CLOSE, explain};
use super::node::{Entry, Fault, Node, Span, Value};
use granit_parser::{Event, Parser, ScalarStyle};
use std::collections::BTreeMap;
use std::rc::Rc;

/// Deeper than any key of gateway.yaml, aliases replaced. Code that walks or drops the tree recurses this deep.
pub(super) const MAX_DEPTH: usize = 24;

/// Deeper than configurations of a proxy.
pub(super) const MAX_PROXY_DEPTH: usize = 96;

/// Largest number of `*alias` in one file; each can repeat a part of the file.
const MAX_ALIASES: usize = 256;

/// Largest size of a file with every alias replaced, bytes: aliases of aliases multiply, and all readers of the tree walk
/// through each of them. A hundred thousand keys take 80 MiB.
const MAX_EXPANDED: usize = 192 << 20;

/// Size of a value besides its text, bytes.
const VALUE_BYTES: usize = 64;

const TOO_DEEP: &str = "this is nested deeper than anything that is expected here";

/// A collection that is still open.
struct Open {
    span: Span,
    anchor: usize,
    is_map: bool,
    /// The expanded size of the file when it began.
    before: usize,
    /// Depth of the collections in it.
    height: usize,
    items: Vec<Rc<Node>>,
    keys: Vec<(String, Span)>,
}

/// The value of an anchor, to which aliases refer.
struct Anchored {
    node: Rc<Node>,
    /// Its size, aliases replaced.
    size: usize,
    /// Depth of the collections in it, including itself.
    height: usize,
}

#[derive(Default)]
struct Builder {
    max_depth: usize,
    open: Vec<Open>,
    anchors: BTreeMap<usize, Anchored>,
    aliases: usize,
    /// The size so far, aliases replaced.
    expanded: usize,
    documents: usize,
    root: Option<Rc<Node>>,
}

/// Parses one document that is nested at most this deep.
pub(crate) fn build(source: &str, max_depth: usize) -> Result<Rc<Node>, Fault> {
    let options = granit_parser::options! { simple_key_max_lookahead: 4096 };
    let mut builder = Builder { max_depth, ..Builder::default() };
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
    // Some errors have only a position in characters, not in bytes.
    let byte = || source.char_indices().nth(at.index()).map(|(byte, _)| byte);
    let start = at.byte_offset().or_else(byte).unwrap_or(source.len()).min(source.len());
    let span = Span { start, end: start.saturating_add(1), line: at.line(), column: at.col().saturating_add(1) };
    let above = at.line().saturating_sub(2);
    let mut lines = source.lines().skip(above);
    // The first line has none above it.
    let before = if at.line() < 2 { "" } else { lines.next().unwrap_or_default() };
    let (reason, help) = explain(error.kind(), lines.next().unwrap_or_default(), before);
    Fault { span, message: format!("this is not YAML: {reason}"), help, is_fatal: false }
}

impl Builder {
    fn event(&mut self, event: Event<'_>, span: Span) -> Result<(), Fault> {
        match event {
            Event::DocumentStart(..) => self.document(span),
            Event::Scalar(text, style, anchor, tag) => {
                known_tag(tag.as_deref(), span)?;
                self.scalar(&text, style, anchor, span)
            }
            Event::SequenceStart(_, anchor, tag) => {
                known_tag(tag.as_deref(), span)?;
                self.open(false, anchor, span)
            }
            Event::MappingStart(_, anchor, tag) => {
                known_tag(tag.as_deref(), span)?;
                self.open(true, anchor, span)
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(),
            Event::Alias(id) => self.alias(id, span),
            _ => Ok(()),
        }
    }

    fn document(&mut self, span: Span) -> Result<(), Fault> {
        self.documents = self.documents.saturating_add(1);
        if self.documents > 1 {
            let message = "a second YAML document begins here".to_owned();
            return Err(Fault {
                span,
                message,
                help: "remove this line and what follows it, or put it in a file of its own",
                is_fatal: true,
            });
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
        self.place(Node { span, value, has_anchor: anchor != 0 }, anchor, before, 0)
    }

    fn grow(&mut self, bytes: usize, span: Span) -> Result<(), Fault> {
        self.expanded = self.expanded.saturating_add(bytes);
        if self.expanded > MAX_EXPANDED {
            return refuse(span, "the file is too large once its aliases are replaced", "use fewer aliases of aliases");
        }
        Ok(())
    }

    fn open(&mut self, is_map: bool, anchor: usize, span: Span) -> Result<(), Fault> {
        if self.open.len() >= self.max_depth {
            return refuse(span, TOO_DEEP, CLOSE);
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
        let node = Node { span: done.span, value, has_anchor: done.anchor != 0 };
        self.place(node, done.anchor, done.before, done.height)
    }

    fn alias(&mut self, id: usize, span: Span) -> Result<(), Fault> {
        self.aliases = self.aliases.saturating_add(1);
        if self.aliases > MAX_ALIASES {
            return refuse(span, "there are more than 256 aliases", "write the values out from here on");
        }
        let Some(Anchored { node, size, height }) = self.anchors.get(&id) else {
            return refuse(span, "this alias is inside the value that it refers to", "write the value out");
        };
        let (node, size, height) = (Rc::clone(node), *size, *height);
        if self.open.len().saturating_add(height) > self.max_depth {
            return refuse(span, TOO_DEEP, CLOSE);
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
            _ => return refuse(node.span, "a key must be a single word", "remove the brackets around the key"),
        };
        open.keys.push((key, node.span));
        Ok(())
    }
}

fn entries(keys: Vec<(String, Span)>, values: Vec<Rc<Node>>) -> Vec<Entry> {
    keys.into_iter().zip(values).map(|((key, span), value)| Entry { key, span, value }).collect()
}

/// Refuses tags such as `!env`: a reader that ignores them would take the text behind them for the value.
fn known_tag(tag: Option<&granit_parser::Tag>, span: Span) -> Result<(), Fault> {
    match tag {
        Some(tag) if !tag.is_yaml_core_schema() => {
            refuse(span, "YAML tags such as `!env` are not supported", "remove the word that begins with `!`")
        }
        _ => Ok(()),
    }
}

fn refuse(span: Span, message: &str, help: &'static str) -> Result<(), Fault> {
    Err(Fault { span, message: message.to_owned(), help, is_fatal: false })
}
