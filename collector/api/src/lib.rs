//! The HTTP API of the collector: its routes, their access rights, and the server.

mod access;
mod access_audit;
mod app;
mod audit;
mod auth;
mod bodies;
mod caller;
mod connections;
mod corrections;
mod csv;
mod damage;
mod damaged;
mod dataplanes;
mod error;
mod export;
mod export_stream;
mod forwarders;
mod gaps;
mod health;
mod holds;
mod ingest;
mod justification;
mod kept_policy;
mod limits;
mod log;
mod metrics;
mod openapi;
mod packets;
mod pages;
mod parameter;
mod path_param;
mod policy;
mod query;
mod query_string;
mod retention;
mod reviews;
mod revision;
mod route;
mod router;
mod routes;
mod server;
mod session;
mod streams;
mod tokens;
mod usage;
mod values;
mod write_timeout;

pub use access::Access;
pub use app::App;
pub use metrics::Metrics;
pub use openapi::{Docs, SchemaOf, Schemas};
pub use packets::{
    BuiltPacket, PacketFault, PacketOrder, PacketSigner, PacketTools, Reading, StatedSource, build_packet, packet_path,
    packet_scope,
};
pub use parameter::Parameter;
pub use query::request_filters;
pub use route::Route;
pub use routes::routes;
pub use server::serve;
