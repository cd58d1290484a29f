//! The key of a witness: given by the environment, or in a file.

use crate::log_key::{PRIVATE, read_key_file};
use headgate_collector_tree::CosigningKey;
use std::fmt;
use std::path::PathBuf;

/// The form of the key, for messages.
const FORM: &str =
    "write file:PATH of a file with what `headgate-collector log-key new --witness` printed behind `witness_key=`";

/// Where the key of the witness is.
#[derive(Clone)]
pub enum WitnessKeySource {
    /// In the setting itself, which then comes from the environment.
    Text(Box<CosigningKey>),
    /// In a file.
    File(PathBuf),
}

impl WitnessKeySource {
    /// Reads the setting.
    ///
    /// # Errors
    /// The message says which form it must have. It does not quote the setting.
    pub fn parse(text: &str) -> Result<Self, String> {
        match text.strip_prefix("file:") {
            Some(path) => Ok(Self::File(path.into())),
            None => CosigningKey::parse(text.trim()).map(|key| Self::Text(Box::new(key))).map_err(|_| FORM.to_owned()),
        }
    }

    /// Returns the key.
    ///
    /// # Errors
    /// The file cannot be used, or the key stands on the command line.
    pub(crate) fn open(&self) -> Result<CosigningKey, String> {
        match self {
            Self::Text(_) if std::env::args().any(|word| word.contains(PRIVATE)) => {
                Err("everyone on this machine could see the key in --key: put it in HEADGATE_WITNESS_KEY or in a file"
                    .to_owned())
            }
            Self::Text(key) => Ok((**key).clone()),
            Self::File(path) => CosigningKey::parse(read_key_file(path)?.trim())
                .map_err(|error| format!("there is no key of a witness in {}: {error}; {FORM}", path.display())),
        }
    }
}

impl fmt::Debug for WitnessKeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(key) => write!(f, "{}", key.public()),
            Self::File(path) => path.fmt(f),
        }
    }
}
