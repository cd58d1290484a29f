//! Virtual keys: from what a client presents to who it is and what it may ask for.
//!
//! The table holds hashes only, so that a leaked policy leaks no key. It is laid out for a worker that carries
//! 100 000 keys: sorted hashes beside fixed-size rows whose repeated words (owners, projects, sets of globs) are kept
//! once. A map of structs of strings would cost five times as much memory in every worker.

mod table;

pub use table::{KeyEntry, KeyTable, MAX_KEYS};

use sha2::{Digest, Sha256};
use std::rc::Rc;
use wildmatch::WildMatch;

/// Longest credential that is looked at, bytes; longer ones are unknown keys.
pub const MAX_PRESENTED: usize = 512;

/// Why a key does not get in.
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
    /// Which aliases it may ask for.
    pub permission: &'a Permission,
}

/// Which aliases a key may ask for. Cheap to clone: keys with equal lists share one.
#[derive(Debug, Clone, Default)]
pub struct Permission(Option<Rc<[WildMatch]>>);

impl Permission {
    /// Whether this alias is one of them.
    #[must_use]
    pub fn may_use(&self, alias: &str) -> bool {
        self.0.as_ref().is_none_or(|globs| globs.iter().any(|glob| glob.matches(alias)))
    }
}

/// A refused key, with its identity when it is known, so that the record can say whose key it was.
#[derive(Debug, Clone, Copy)]
pub struct Refused<'a> {
    /// Why.
    pub reason: KeyRefusal,
    /// Whose key it was, if it was anyone's.
    pub caller: Option<Caller<'a>>,
}

impl KeyTable {
    /// Admits the bearer of `presented` at `now_s` (seconds since the Unix epoch).
    ///
    /// # Errors
    /// Why not, and who it was if the key is known.
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

/// Picks the credential out of the three places where clients put it: `Authorization: Bearer`, `x-api-key`, `api-key`,
/// in this order.
#[must_use]
pub fn presented<'a>(
    authorization: Option<&'a [u8]>,
    x_api_key: Option<&'a [u8]>,
    api_key: Option<&'a [u8]>,
) -> Option<&'a [u8]> {
    authorization.and_then(bearer).or(x_api_key).or(api_key).map(<[u8]>::trim_ascii)
}

fn bearer(value: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = value.split_at_checked(7)?;
    scheme.eq_ignore_ascii_case(b"bearer ").then_some(token)
}

#[cfg(test)]
mod tests;
