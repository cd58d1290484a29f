//! The folder of packets.

use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The folder of packets, if there is one.
#[derive(Debug, Clone, Default)]
pub(crate) struct PacketFolder(pub(super) Option<Arc<Path>>);

impl PacketFolder {
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self(Some(folder.into()))
    }
}
