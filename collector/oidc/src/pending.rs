//! A sign-in that has begun: its state in a cookie of the browser.
//!
//! The cookie has a random seed, the time, the page to go to, and a code of authenticity over these. State, nonce and the
//! verifier of PKCE are made of the seed with the same key, so the cookie alone gives none of them away, and no collector
//! has to store anything before a sign-in is finished.

use crate::fault::Fault;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::{digest, hmac};
use std::fmt;

/// The longest time for a sign-in, seconds.
pub const STATE_LIFE_S: i64 = 600;

/// The key that all collectors of a database share.
#[derive(Clone)]
pub struct StateKey(hmac::Key);

/// Hides the key.
impl fmt::Debug for StateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StateKey").finish_non_exhaustive()
    }
}

impl StateKey {
    /// Returns the key of these bytes for the sign-ins at one issuer. Those of another issuer are not valid with it.
    #[must_use]
    pub fn new(bytes: &[u8; 32], issuer: &str) -> Self {
        let whole = hmac::Key::new(hmac::HMAC_SHA256, bytes);
        let of_issuer = hmac::sign(&whole, format!("headgate sign-in {issuer}").as_bytes());
        Self(hmac::Key::new(hmac::HMAC_SHA256, of_issuer.as_ref()))
    }

    fn derive(&self, purpose: &str, seed: &str) -> String {
        URL_SAFE_NO_PAD.encode(hmac::sign(&self.0, format!("{purpose} {seed}").as_bytes()))
    }
}

/// A sign-in that has begun.
#[derive(Clone)]
pub struct PendingSignIn {
    seed: String,
    began_s: i64,
    return_to: String,
    key: StateKey,
}

/// Hides the seed.
impl fmt::Debug for PendingSignIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PendingSignIn").field("began_s", &self.began_s).finish_non_exhaustive()
    }
}

impl PendingSignIn {
    /// Begins a sign-in; `None` if the operating system provides no randomness.
    #[must_use]
    pub fn begin(key: &StateKey, now_s: i64, return_to: &str) -> Option<Self> {
        let mut seed = [0_u8; 32];
        getrandom::fill(&mut seed).ok()?;
        let seed = URL_SAFE_NO_PAD.encode(seed);
        Some(Self { seed, began_s: now_s, return_to: return_to.to_owned(), key: key.clone() })
    }

    /// Returns the value of the cookie.
    #[must_use]
    pub fn cookie(&self) -> String {
        let body = self.body();
        format!("{body}.{}", self.key.derive("cookie", &body))
    }

    fn body(&self) -> String {
        format!("{}.{}.{}", self.seed, self.began_s, URL_SAFE_NO_PAD.encode(&self.return_to))
    }

    /// Reads the value of a cookie.
    ///
    /// # Errors
    /// No collector of this database has made it, or too long ago.
    pub fn open(key: &StateKey, cookie: &str, now_s: i64) -> Result<Self, Fault> {
        let found = Self::authentic(key, cookie).ok_or(Fault::StateAltered)?;
        let age = now_s.saturating_sub(found.began_s);
        if (-STATE_LIFE_S..STATE_LIFE_S).contains(&age) { Ok(found) } else { Err(Fault::StateExpired) }
    }

    fn authentic(key: &StateKey, cookie: &str) -> Option<Self> {
        let (body, code) = cookie.rsplit_once('.')?;
        let code = URL_SAFE_NO_PAD.decode(code).ok()?;
        hmac::verify(&key.0, format!("cookie {body}").as_bytes(), &code).ok()?;
        let mut parts = body.split('.');
        let (seed, began_s, return_to) = (parts.next()?, parts.next()?, parts.next()?);
        let return_to = String::from_utf8(URL_SAFE_NO_PAD.decode(return_to).ok()?).ok()?;
        Some(Self { seed: seed.to_owned(), began_s: began_s.parse().ok()?, return_to, key: key.clone() })
    }

    /// Returns the page to go to afterwards.
    #[must_use]
    pub fn return_to(&self) -> &str {
        &self.return_to
    }

    /// Returns the hash by which it is known that the sign-in was finished.
    #[must_use]
    pub fn id(&self) -> [u8; 32] {
        let mut id = [0; 32];
        id.copy_from_slice(digest::digest(&digest::SHA256, self.state().as_bytes()).as_ref());
        id
    }

    /// Checks that a callback belongs to this sign-in.
    pub(crate) fn check_state(&self, given: Option<&str>) -> Result<(), Fault> {
        let given = URL_SAFE_NO_PAD.decode(given.unwrap_or_default()).map_err(|_| Fault::StateOther)?;
        hmac::verify(&self.key.0, format!("state {}", self.seed).as_bytes(), &given).map_err(|_| Fault::StateOther)
    }

    pub(crate) fn state(&self) -> String {
        self.key.derive("state", &self.seed)
    }

    pub(crate) fn nonce(&self) -> String {
        self.key.derive("nonce", &self.seed)
    }

    /// Returns the verifier of PKCE (RFC 7636).
    pub(crate) fn verifier(&self) -> String {
        self.key.derive("verifier", &self.seed)
    }

    /// Returns the challenge that belongs to it, by the method S256.
    pub(crate) fn challenge(&self) -> String {
        URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, self.verifier().as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> StateKey {
        StateKey::new(&[byte; 32], "https://login.example")
    }

    #[test]
    fn a_cookie_is_valid_for_ten_minutes() {
        let begun = PendingSignIn::begin(&key(1), 1_000, "/logs?q=a").unwrap();
        let cookie = begun.cookie();
        let same = PendingSignIn::open(&key(1), &cookie, 1_599).unwrap();
        assert_eq!((same.return_to(), same.id(), same.nonce()), ("/logs?q=a", begun.id(), begun.nonce()));
        assert!(same.check_state(Some(&begun.state())).is_ok());
        assert_eq!(PendingSignIn::open(&key(1), &cookie, 1_600).unwrap_err(), Fault::StateExpired);
        assert_eq!(PendingSignIn::open(&key(1), &cookie, 0).unwrap_err(), Fault::StateExpired);
        assert_eq!(begun.verifier().len(), 43);
        let all = [begun.state(), begun.nonce(), begun.verifier(), begun.challenge()];
        assert!(all.iter().all(|text| !cookie.contains(text.as_str())), "the cookie gives none of them away");
    }

    #[test]
    fn an_altered_cookie_is_refused() {
        let cookie = PendingSignIn::begin(&key(1), 1_000, "/").unwrap().cookie();
        let altered = |cookie: &str| PendingSignIn::open(&key(1), cookie, 1_000).unwrap_err();
        for place in 0..cookie.len() {
            let mut bytes = cookie.clone().into_bytes();
            bytes[place] = if bytes[place] == b'A' { b'B' } else { b'A' };
            assert_eq!(altered(&String::from_utf8(bytes).unwrap()), Fault::StateAltered, "{place}");
        }
        let (first, last) = (cookie.chars().next().unwrap(), cookie.chars().last().unwrap());
        for bad in [
            "",
            ".",
            "...",
            cookie.strip_prefix(first).unwrap(),
            cookie.strip_suffix(last).unwrap(),
            &format!("{cookie}."),
            &"a".repeat(9_000),
        ] {
            assert_eq!(altered(bad), Fault::StateAltered);
        }
        assert_eq!(PendingSignIn::open(&key(2), &cookie, 1_000).unwrap_err(), Fault::StateAltered);
        let other = StateKey::new(&[1; 32], "https://other.example");
        assert_eq!(PendingSignIn::open(&other, &cookie, 1_000).unwrap_err(), Fault::StateAltered, "another issuer");
    }

    #[test]
    fn each_sign_in_has_a_state_of_its_own() {
        let [one, two] = [1, 2].map(|_| PendingSignIn::begin(&key(1), 1_000, "/").unwrap());
        for given in [None, Some(""), Some("!"), Some(two.state().as_str()), Some(one.nonce().as_str())] {
            assert_eq!(one.check_state(given), Err(Fault::StateOther), "{given:?}");
        }
    }
}
