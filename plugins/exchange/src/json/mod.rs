//! JSON at the level of bytes: a cursor over a whole document, and a push tokenizer over pieces of one.
//!
//! Both are loops over a bounded stack of bits, so nesting uses no call stack, and both leave the bytes in place. Strings
//! are most of every body; `stops` finds their ends in blocks of 64 bytes, each read once.

mod byte_word;
mod code_unit;
mod cursor;
mod nesting;
mod number;
mod push;
mod spans;
mod stops;
mod text;

pub(crate) use code_unit::code_unit;
pub use cursor::JsonErrorKind;
pub(crate) use cursor::{Cursor, ParseError};
pub(crate) use nesting::Container;
pub(crate) use number::whole_number;
pub(crate) use push::{JsonField, PushScan, Sink};
pub use spans::StringSpans;
pub(crate) use text::{NameBuffer, Text, push_escaped, push_quoted};
