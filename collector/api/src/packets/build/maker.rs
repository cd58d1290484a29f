//! The making of one packet: what all of its parts need.

use super::limited_file::LimitedFile;
use super::reading::Reading;
use crate::packets::fault::PacketFault;
use crate::packets::order::PacketOrder;
use headgate_collector_packet::{Kind, PacketFile, PacketWriter};
use headgate_collector_tree::VerifyingKey;
use std::path::Path;

/// A file of a packet that is being made.
pub(super) type Writer = PacketWriter<LimitedFile>;

/// Signs a text with the keys of the logs; returns each signature with its key.
type Sign<'a> = dyn Fn(&[u8]) -> Result<Vec<(VerifyingKey, [u8; 64])>, String> + 'a;

/// The signer of a packet.
#[derive(Clone, Copy)]
pub struct PacketSigner<'a> {
    /// The present public key, with the name of the logs.
    pub public: &'a VerifyingKey,
    /// Signs a text.
    pub sign: &'a Sign<'a>,
}

/// The things that are needed beside the order.
#[derive(Clone, Copy)]
pub struct PacketTools<'a> {
    /// The signer; without one, the packet is not signed.
    pub signer: Option<PacketSigner<'a>>,
    /// The most bytes of the archive.
    pub max_bytes: u64,
    /// The proxies that the operator states.
    pub sources: &'a [StatedSource],
}

/// A proxy that writes to this log, as the operator states it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatedSource {
    /// The name that it gives itself in records and heartbeats.
    pub node: String,
    /// The traffic that goes through it.
    pub description: String,
}

/// The making of one packet.
pub(super) struct Maker<'a, 'r> {
    pub(super) reading: &'a mut Reading<'r>,
    pub(super) order: &'a PacketOrder,
    pub(super) tools: PacketTools<'a>,
    pub(super) parts: &'a Path,
}

/// The files of a packet, with their rows.
#[derive(Default)]
pub(super) struct Listed(pub(super) Vec<PacketFile>);

impl Listed {
    pub(super) fn add(&mut self, name: impl Into<String>, rows: Option<u64>) {
        self.0.push(PacketFile { name: name.into(), rows });
    }
}

impl Maker<'_, '_> {
    /// Returns a file for a part.
    pub(super) fn part(&self, name: &str) -> Result<Writer, PacketFault> {
        Ok(PacketWriter::new(LimitedFile::create(&self.parts.join(name), self.tools.max_bytes)?))
    }

    pub(super) fn has(&self, section: &str) -> bool {
        self.order.scope.sections.iter().any(|known| known == section)
    }
}

/// Returns the kind of a packet.
pub(super) fn kind(order: &PacketOrder) -> Kind {
    if order.scope.filters.is_empty() { Kind::Whole } else { Kind::Filtered }
}
