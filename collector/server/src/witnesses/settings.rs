//! The settings of a witness.

use headgate_collector_tree::WitnessKey;
use std::path::PathBuf;

/// The settings of a witness.
#[derive(Debug, Clone)]
pub struct WitnessSettings {
    /// Its name in the settings, pages and metrics.
    pub name: String,
    /// The address before `/add-checkpoint`.
    pub url: String,
    /// Its public key.
    pub key: WitnessKey,
    /// The authorities of its certificate; without it, those of the operating system.
    pub ca_file: Option<PathBuf>,
}
