//! The keys with which this process can sign: the log key and, while it is being changed, the one before.

use crate::log_key::{LogKey, LogKeySource};
use headgate_collector_store::{LogKeys, is_key_of_logs};
use headgate_collector_tree::VerifyingKey;

/// Signatures, each with its key.
pub type Signatures = Vec<(VerifyingKey, [u8; 64])>;

/// The keys, the one of the settings first.
#[derive(Debug)]
pub struct Signers(Vec<LogKey>);

impl From<LogKey> for Signers {
    fn from(key: LogKey) -> Self {
        Self(vec![key])
    }
}

impl Signers {
    /// Returns the keys of the settings, if they name one.
    ///
    /// # Errors
    /// A key cannot be used; the message says how to go on.
    pub fn given(
        key: Option<LogKeySource>,
        public: Option<VerifyingKey>,
        former: Option<LogKeySource>,
    ) -> Result<Option<Self>, String> {
        let Some(key) = LogKey::given(key, public)? else { return Ok(None) };
        let former = LogKey::given(former, None)?;
        Ok(Some(Self([key].into_iter().chain(former).collect())))
    }

    /// Returns the public key of the settings.
    #[must_use]
    pub fn first(&self) -> Option<&VerifyingKey> {
        self.0.first().map(LogKey::public)
    }

    /// Returns whether this process has the logs' present key.
    #[must_use]
    pub fn has_present(&self, keys: &LogKeys) -> bool {
        keys.present.as_ref().is_some_and(|present| self.own(present).is_some())
    }

    /// Signs a text with the logs' present key and, for a time, with those that it replaces. Returns each signature with its key, under
    /// the name that the key has in the logs, the present one first; nothing if this process does not have that one. Helpers may take
    /// their time, so this blocks.
    ///
    /// # Errors
    /// The present key cannot sign. That of a former one is not needed.
    pub fn sign(&self, keys: &LogKeys, now: i64, text: &[u8]) -> Result<Signatures, String> {
        let Some((present, key)) = keys.present.as_ref().and_then(|present| Some((present, self.own(present)?))) else {
            return Ok(Vec::new());
        };
        let mut signatures = vec![(present.clone(), key.sign(text)?)];
        for former in keys.former.iter().filter(|former| former.signs_until > now) {
            let signature = self.own(&former.key).and_then(|key| key.sign(text).ok());
            signatures.extend(signature.map(|signature| (former.key.clone(), signature)));
        }
        Ok(signatures)
    }

    /// Returns the key of this process that is this key of the logs. Its name may be another one, if the logs were restarted.
    fn own(&self, of_logs: &VerifyingKey) -> Option<&LogKey> {
        self.0.iter().find(|key| is_key_of_logs(of_logs, key.public()))
    }
}
