//! The audit log: who did what to whom, with what outcome.
//!
//! An entry is written inside the transaction of what it tells of, by [`append`], so neither can be there without the
//! other. An entry is never changed; secrets are masked before it is, because nothing can take them out afterwards.
//!
//! # What is stored
//! Both logs are kept alike: one row per entry in `audit_entries` (`request_entries`), at a `position` that counts 1, 2, 3 …
//! without holes in the order of commits. A hash tree over a log takes `position - 1` as its leaf index and `bytes` as the
//! leaf's data. `bytes` are the only copy, in the canonical form numbered by `schema`:
//!
//! 1. compact JSON (RFC 8259, UTF-8, no white space between tokens) of [`Entry`] (of `headgate_record::RequestRecord`): members
//!    in the order of the type's declaration, absent ones left out, integers in plain digits, members of free objects sorted
//!    by name, in strings only `"`, `\` and characters that cannot be seen (`canonical`) escaped, in the shortest form. In
//!    entries of older collectors only those below U+0020 are.
//!
//! What came in another spelling is written anew before it is stored; two spellings of one entry are one entry. A reader
//! needs no rule to check a hash: it hashes the bytes as they are stored and exported.

mod canonical;
mod entry;
mod mask;

pub use crate::store::audit::{Appended, append, new_id};
pub use canonical::canonical;
pub use entry::{Actor, ActorKind, Change, Deliverer, Entry, Operation, Outcome, Resource, SCHEMA};
pub use mask::{diff, mask, mask_entry, mask_text};

/// `source` of the entries that the collector writes itself.
pub const SOURCE: &str = "collector";
