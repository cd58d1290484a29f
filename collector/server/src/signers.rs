//! The keys with which this process can sign: the log key and, while it is being changed, the one before.

use crate::log_key::{LogKey, LogKeySource};
use headgate_collector_store::{LogKeys, is_key_of_logs};
use headgate_collector_tree::VerifyingKey;

/// The keys, the one of the settings first.
#[derive(Debug)]
pub struct Signers(Vec<LogKey>);

/// A key of this process, under the name that it has in the logs.
#[derive(Debug)]
pub struct Signer<'k> {
    /// Its public key. The name may be another one than in the settings, if the logs were restarted.
    pub public: VerifyingKey,
    /// The key.
    pub key: &'k LogKey,
}

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

    /// Returns the keys that sign at a time, the logs' present key first; nothing if this process does not have that one.
    #[must_use]
    pub fn of_logs(&self, keys: &LogKeys, now: i64) -> Vec<Signer<'_>> {
        let own = |public: &VerifyingKey| {
            let key = self.0.iter().find(|key| is_key_of_logs(public, key.public()))?;
            Some(Signer { public: public.clone(), key })
        };
        let Some(present) = keys.present.as_ref().and_then(own) else { return Vec::new() };
        let former = keys.former.iter().filter(|former| former.signs_until > now).filter_map(|former| own(&former.key));
        [present].into_iter().chain(former).collect()
    }
}
