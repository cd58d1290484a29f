//! Parses gateway.yaml into a tree in which every value knows its position in the source.
//!
//! A typed YAML reader stops at the first value that does not fit, and turns prices into floats. This tree keeps the text
//! as written and its position, so that all problems can be reported at once.

mod build;
mod hints;
mod node;
mod recover;

pub(crate) use node::{Entry, Fault, Node, Span, Value};
pub(crate) use recover::{parse, parse_proxy};
