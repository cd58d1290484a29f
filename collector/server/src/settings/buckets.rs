//! The keys of a table that name a bucket beside its address.

use super::tables::short_name;
use super::variables::secret;
use headgate_collector_bucket::{Bucket, DEFAULT_REGION};
use headgate_collector_forward::Secret;

/// The keys, in the order of the documentation.
pub(super) const KEYS: [&str; 3] = ["region", "access_key", "secret_key"];

/// The keys that have been read so far.
#[derive(Default)]
pub(super) struct BucketDraft {
    region: Option<String>,
    access_key: Option<Secret>,
    secret_key: Option<Secret>,
}

impl BucketDraft {
    /// Reads the value of one of [`KEYS`].
    pub(super) fn take(&mut self, name: &str, text: &str) -> Result<(), String> {
        match name {
            "region" => self.region = Some(short_name(text)?),
            "access_key" => self.access_key = Some(secret(text)?),
            _ => self.secret_key = Some(secret(text)?),
        }
        Ok(())
    }

    /// Returns the first of [`KEYS`] that is set.
    pub(super) fn first(&self) -> Option<&'static str> {
        let set = [self.region.is_some(), self.access_key.is_some(), self.secret_key.is_some()];
        KEYS.into_iter().zip(set).find(|(_, is_set)| *is_set).map(|(name, _)| name)
    }

    /// Returns the bucket at an address.
    pub(super) fn open(&self, address: &str) -> Result<Bucket, String> {
        let keys = self.access_key.as_ref().zip(self.secret_key.as_ref());
        let keys = keys.map(|(access, secret)| (access.0.as_str(), secret.0.as_str()));
        Bucket::new(address, self.region.as_deref().unwrap_or(DEFAULT_REGION), keys)
            .map_err(|why| format!("`url`: {why}"))
    }
}
