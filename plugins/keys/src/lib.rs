//! Virtual keys: finds the caller of a presented credential, and the caller's permissions.
//!
//! The table holds hashes only, so that a leaked policy leaks no key. It is laid out for a worker that carries
//! 100 000 keys: sorted hashes beside fixed-size rows whose repeated words (owners, projects, sets of globs) are kept
//! once. A map of structs of strings would cost five times as much memory in every worker.

mod table;

pub use table::{KeyEntry, KeyTable, MAX_KEYS};

use headgate_record::RiskClass;
use sha2::{Digest, Sha256};
use std::sync::Arc;
use wildmatch::WildMatch;

/// Longest credential that is looked up, in bytes. A longer one is an unknown key.
pub const MAX_PRESENTED: usize = 512;

/// The reason why a key is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyRefusal {
    /// No credential was presented.
    Missing,
    /// No key has this hash.
    Unknown,
    /// It is past its expiry.
    Expired,
    /// It is switched off.
    Disabled,
}

/// A key that was found, borrowed from its table.
#[derive(Debug, Clone, Copy)]
pub struct Caller<'a> {
    /// The key's id.
    pub key_id: &'a str,
    /// Its owner.
    pub owner: Option<&'a str>,
    /// Index of its team in the policy.
    pub team: Option<u32>,
    /// Its own project, if it overrides the team's.
    pub project: Option<&'a str>,
    /// Its own application, if it overrides the team's.
    pub application: Option<&'a str>,
    /// Its own use case, if it overrides the team's.
    pub use_case: Option<&'a str>,
    /// Its own risk class, if it overrides the team's.
    pub risk_class: Option<RiskClass>,
    /// Aliases that it may ask for.
    pub permission: &'a Permission,
    /// People try models with it.
    pub playground: bool,
}

/// The aliases that a key may ask for. Cheap to clone: keys with equal lists share one.
#[derive(Debug, Clone, Default)]
pub struct Permission(Option<Arc<[WildMatch]>>);

impl Permission {
    /// Returns the permission to ask for the aliases that match one of these globs; all without globs.
    #[must_use]
    pub fn of(globs: Option<&[String]>) -> Self {
        Self(globs.map(|globs| globs.iter().map(|glob| WildMatch::new(glob)).collect()))
    }

    /// Returns whether the key is limited to a list of aliases.
    #[must_use]
    pub fn is_limited(&self) -> bool {
        self.0.is_some()
    }

    /// Returns whether the key may use this alias.
    #[must_use]
    pub fn may_use(&self, alias: &str) -> bool {
        self.0.as_ref().is_none_or(|globs| globs.iter().any(|glob| glob.matches(alias)))
    }
}

/// A refused key, with its identity if it is known, so that the record can name it.
#[derive(Debug, Clone, Copy)]
pub struct Refused<'a> {
    /// The reason.
    pub reason: KeyRefusal,
    /// The identity, if the key is known.
    pub caller: Option<Caller<'a>>,
}

impl KeyTable {
    /// Admits the caller of the first credential that is a key of this table. The others may be the client's own credentials
    /// of a provider.
    ///
    /// # Errors
    /// Returns the refusal of that key, or that there is none.
    pub fn admit_first<'k>(
        &self,
        presented: impl Iterator<Item = &'k [u8]>,
        now_s: u64,
    ) -> Result<Caller<'_>, Refused<'_>> {
        let mut refused = Refused { reason: KeyRefusal::Missing, caller: None };
        for key in presented {
            match self.admit(Some(key), now_s) {
                Err(Refused { reason: KeyRefusal::Missing | KeyRefusal::Unknown, .. }) => {
                    refused.reason = KeyRefusal::Unknown;
                }
                known => return known,
            }
        }
        Err(refused)
    }

    /// Admits the caller of `presented` at `now_s` (seconds since the Unix epoch).
    ///
    /// # Errors
    /// Returns the reason, and the identity if the key is known.
    pub fn admit(&self, presented: Option<&[u8]>, now_s: u64) -> Result<Caller<'_>, Refused<'_>> {
        let refuse = |reason, caller| Err(Refused { reason, caller });
        let Some(presented) = presented.filter(|key| !key.is_empty()) else {
            return refuse(KeyRefusal::Missing, None);
        };
        if presented.len() > MAX_PRESENTED {
            return refuse(KeyRefusal::Unknown, None);
        }
        let Some((caller, state)) = self.find(&Sha256::digest(presented).into()) else {
            return refuse(KeyRefusal::Unknown, None);
        };
        if state.disabled {
            return refuse(KeyRefusal::Disabled, Some(caller));
        }
        if state.expires.is_some_and(|at| now_s >= at) {
            return refuse(KeyRefusal::Expired, Some(caller));
        }
        Ok(caller)
    }
}

/// Headers in which clients put a credential, in the order of preference.
const HEADERS: [&[u8]; 4] = [b"authorization", b"x-api-key", b"api-key", b"x-goog-api-key"];

/// Largest number of credentials of one request that are looked up.
const MAX_CANDIDATES: usize = 8;

/// Returns the credentials of a request: `Authorization: Bearer`, `x-api-key`, `api-key`, `x-goog-api-key`, in this
/// order. A proxy may have joined a repeated header with a comma.
pub fn presented<'a>(headers: impl Iterator<Item = (&'a [u8], &'a [u8])> + Clone) -> impl Iterator<Item = &'a [u8]> {
    let values = HEADERS.into_iter().flat_map(move |wanted| {
        let own = headers.clone().filter(move |(name, _)| *name == wanted);
        own.filter_map(move |(name, value)| if name == b"authorization" { bearer(value) } else { Some(value) })
    });
    values.flat_map(pieces).map(<[u8]>::trim_ascii).filter(|key| !key.is_empty()).take(MAX_CANDIDATES)
}

/// Returns the whole value, then its parts between commas.
fn pieces(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    let parts = value.contains(&b',').then(|| value.split(|byte| *byte == b','));
    let parts = parts.into_iter().flatten().map(|part| bearer(part.trim_ascii()).unwrap_or(part));
    std::iter::once(value).chain(parts)
}

fn bearer(value: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = value.split_at_checked(7)?;
    scheme.eq_ignore_ascii_case(b"bearer ").then_some(token)
}

#[cfg(test)]
mod tests;
