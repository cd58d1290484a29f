//! The keys of gateway.yaml, declared once.
//!
//! Validation, the JSON Schema for editors and the reference page all read [`GATEWAY`], so a key cannot be accepted
//! without being documented, or documented without being accepted.

mod json_schema;
mod key;
mod keys;
mod reference;

pub use json_schema::json_schema;
pub use key::{Key, Kind, Need};
pub use keys::GATEWAY;
pub(crate) use keys::{PROVIDER, is_key};
pub use reference::reference;
