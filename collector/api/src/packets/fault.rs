//! The reasons why a packet is not made. They are the state of its job, and never concern ingest.

use headgate_collector_db::StoreError;
use headgate_collector_store::PacketEnd;
use headgate_collector_store::tree::NodeFault;
use std::io;

/// The reason.
#[derive(Debug)]
pub enum PacketFault {
    /// The store cannot be read.
    Store(StoreError),
    /// A file cannot be written or read.
    Io(io::Error),
    /// Less of the disk is free than the logs need.
    DiskFull,
    /// The archive would be larger than is allowed.
    TooLarge,
    /// The hashes of entries between these positions are lost.
    HashesLost(i64, i64),
    /// The stored tree contradicts itself or its checkpoint.
    Contradicted,
    /// The record of the sample trace is not in the packet.
    NoSample,
    /// The key cannot sign.
    Signer(String),
    /// The packet was deleted while it was made.
    Deleted,
}

impl From<StoreError> for PacketFault {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<NodeFault> for PacketFault {
    fn from(fault: NodeFault) -> Self {
        match fault {
            NodeFault::Missing { first, last, .. } => Self::HashesLost(first, last),
            NodeFault::Store(error) => Self::Store(error),
        }
    }
}

impl From<io::Error> for PacketFault {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::DiskFull,
            io::ErrorKind::FileTooLarge => Self::TooLarge,
            _ => Self::Io(error),
        }
    }
}

impl PacketFault {
    /// Returns the word for programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Store(_) => "store_unavailable",
            Self::Io(_) => "packet_not_written",
            Self::DiskFull => "disk_full",
            Self::TooLarge => "packet_too_large",
            Self::HashesLost(..) => "leaf_lost",
            Self::Contradicted => "tree_contradicted",
            Self::NoSample => "sample_not_found",
            Self::Signer(_) => "signer_failed",
            Self::Deleted => "packet_deleted",
        }
    }

    /// Returns the sentence for people: the reason and the remedy.
    #[must_use]
    pub fn message(&self) -> String {
        match self {
            Self::Store(error) => format!("The store could not be read: {error}. Ask for the packet again."),
            Self::Io(error) => format!("The packet could not be written: {error}. Look at the folder of packets."),
            Self::DiskFull => {
                "The disk has too little room for it. Free some, delete old packets, or choose a shorter period."
                    .to_owned()
            }
            Self::TooLarge => {
                "It would be larger than `packet_max_mib` allows. A packet is made whole or not at all: choose a \
                shorter period, or raise the limit."
                    .to_owned()
            }
            Self::HashesLost(first, last) => format!(
                "Hashes of the entries {first} to {last} are lost, so the packet could not be proven. Choose a period that ends \
                 before them or begins behind them; GET /v1/damage lists them."
            ),
            Self::Contradicted => {
                "The stored tree contradicts itself or its checkpoint: somebody or something has changed the \
                database. `headgate-collector verify` says where."
                    .to_owned()
            }
            Self::NoSample => {
                "`sample_request` is no record of this packet. Name one of the period that the filters match."
                    .to_owned()
            }
            Self::Signer(why) => format!("The log key did not sign it: {why}. The journal says more."),
            Self::Deleted => "It was deleted while it was made.".to_owned(),
        }
    }

    /// Returns the end of the job.
    #[must_use]
    pub fn end(&self) -> PacketEnd {
        PacketEnd::Failed { code: self.code(), message: self.message() }
    }
}
