//! PostgreSQL, for several collectors on one database.
//!
//! A connection runs on a thread that may block, as with SQLite, so that the store's code works with both. Unlike SQLite, a
//! server can fall silent. So no call waits without limit, and a long call continues only while the server still answers
//! another connection.

mod address;
mod bad_url;
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

pub use bad_url::BadUrl;
pub(super) use connection::Connection;
pub use copy::Bulk;
pub use server::Server;
pub(super) use sql::table_form;
pub(super) use value::{value, without_nul};
