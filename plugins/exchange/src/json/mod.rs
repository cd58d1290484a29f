//! JSON at the level of bytes: a cursor over a whole document and a push tokenizer over pieces of one.
//!
//! Both are loops over a bounded stack of bits, so nesting costs no call stack, and both leave what they read where it
//! stands. Strings are most of every body; `run` steps over them sixteen bytes at a time.

mod cursor;
mod nesting;
mod number;
mod push;
mod run;
mod text;

pub use cursor::Flaw;
pub(crate) use cursor::{Cursor, Fault};
pub(crate) use nesting::Container;
pub(crate) use number::whole_number;
pub(crate) use push::{Place, PushScan, Sink};
pub(crate) use text::{NameBuffer, Text, push_escaped, push_quoted};
