//! Evidence packets: `/v1/packets` and the paths below it, and how a packet is made.

mod build;
mod fault;
mod folder;
mod order;
mod routes;

pub use build::{BuiltPacket, PacketSigner, PacketTools, Reading, StatedSource, build_packet};
pub use fault::PacketFault;
pub(crate) use folder::PacketFolder;
pub(crate) use order::NewPacket;
pub use order::{PacketOrder, packet_scope};
pub use routes::packet_path;
pub(crate) use routes::{ZIP, archive, create, create_of, delete, delete_named, list, listed, not_found, show};

/// The program with which the page of a packet checks it, built from `collector/packet-checker` by `just packet-checker`.
const CHECKER: &[u8] = include_bytes!("../../packet-checker/checker.wasm");
