//! PostgreSQL, for several collectors on one database.
//!
//! A connection is driven from a thread that may block, as one of SQLite's is, so that the store's code need not know which
//! it has. What SQLite cannot do to its callers, a server can: fall silent. So no call is waited for without end; one that
//! takes long is believed only as long as the server still lets somebody else in.

mod address;
mod begin;
mod connection;
mod copy;
mod days;
mod error;
mod passfile;
mod server;
mod sql;
mod tls;
mod value;

pub use address::BadUrl;
pub(super) use connection::Connection;
pub(in crate::store) use copy::Bulk;
pub use server::Server;
pub(super) use sql::table_form;
pub(super) use value::{kept, value};
