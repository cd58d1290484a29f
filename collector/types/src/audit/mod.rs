//! The audit log: actor, action, resource, changes and outcome of each operation.
//!
//! The store's `append` writes an entry in the transaction of the operation itself, so neither can exist without the other. An
//! entry is never changed. Secrets are masked before it is stored, because they cannot be removed afterwards.
//!
//! # Stored form
//! Both logs are stored alike: one row per entry in `audit_entries` (`request_entries`), at a `position` that counts 1, 2, 3 …
//! without holes in the order of commits. A hash tree over a log takes `position - 1` as its leaf index and `bytes` as the
//! leaf's data. `bytes` are the only copy, in the canonical form numbered by `schema`:
//!
//! 1. compact JSON (RFC 8259, UTF-8, no white space between tokens) of [`Entry`] (of `headgate_record::RequestRecord`): members
//!    in the order of the type's declaration, absent ones left out, integers in plain digits, members of free objects sorted
//!    by name. In strings only `"`, `\` and hidden characters (`canonical`) are escaped, in the shortest form. Older collectors
//!    escaped only characters below U+0020.
//!
//! An entry in another spelling is rewritten before it is stored, so two spellings of one entry are one entry. A reader needs
//! no rule to check a hash: it hashes the bytes as they are stored and exported.

mod canonical;
mod entry;
mod mask;

pub use canonical::{canonical, escape_hidden};
pub use entry::{Actor, ActorKind, Change, Deliverer, Entry, Justification, Operation, Outcome, Resource, SCHEMA};
pub use mask::{MASK, diff, mask, mask_entry, mask_text};

/// `source` of the entries that the collector writes itself.
pub const SOURCE: &str = "collector";
