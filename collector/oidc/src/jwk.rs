//! The keys of an issuer (RFC 7517).

use crate::client::Members;
use crate::signature::{Algorithm, PublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

/// Most keys that are looked at.
const MAX_KEYS: usize = 100;
/// Most keys that are tried for one token.
const MAX_TRIED: usize = 4;
/// The length of a coordinate of either curve, bytes.
const COORDINATE: usize = 32;

/// One key.
#[derive(Debug, Clone)]
struct Key {
    id: Option<String>,
    /// The only algorithm it is for, if it says so.
    algorithm: Option<String>,
    public: PublicKey,
}

/// The keys that verify signatures.
#[derive(Debug, Clone, Default)]
pub(crate) struct KeySet(Vec<Key>);

impl KeySet {
    /// Reads the keys of a document. Those of other kinds and uses are left out; `None` if it is no set of keys.
    pub(crate) fn read(document: &Members) -> Option<Self> {
        let keys = document.get("keys")?.as_array()?;
        Some(Self(keys.iter().take(MAX_KEYS).filter_map(Value::as_object).filter_map(key).collect()))
    }

    /// Returns the keys with this id, or without an id all, that are for an algorithm.
    pub(crate) fn candidates(&self, id: Option<&str>, algorithm: Algorithm) -> impl Iterator<Item = &PublicKey> {
        let is_named = move |key: &&Key| id.is_none_or(|id| key.id.as_deref() == Some(id));
        let is_for = move |key: &&Key| {
            let named = key.algorithm.as_deref();
            key.public.fits(algorithm) && named.is_none_or(|word| Algorithm::from_word(word) == Some(algorithm))
        };
        self.0.iter().filter(is_named).filter(is_for).take(MAX_TRIED).map(|key| &key.public)
    }
}

fn key(members: &Members) -> Option<Key> {
    let text = |name: &str| members.get(name).and_then(Value::as_str);
    if text("use").is_some_and(|purpose| purpose != "sig") {
        return None;
    }
    let bytes = |name: &str| text(name).and_then(|text| URL_SAFE_NO_PAD.decode(text).ok());
    let public = match (text("kty")?, text("crv")) {
        ("RSA", _) => PublicKey::Rsa { n: without_zeros(&bytes("n")?), e: without_zeros(&bytes("e")?) },
        ("EC", Some("P-256")) => PublicKey::P256(point(&bytes("x")?, &bytes("y")?)?),
        ("OKP", Some("Ed25519")) => PublicKey::Ed25519(bytes("x").filter(|x| x.len() == COORDINATE)?),
        _ => return None,
    };
    Some(Key { id: text("kid").map(str::to_owned), algorithm: text("alg").map(str::to_owned), public })
}

fn without_zeros(number: &[u8]) -> Vec<u8> {
    number.iter().copied().skip_while(|byte| *byte == 0).collect()
}

fn point(x: &[u8], y: &[u8]) -> Option<Vec<u8>> {
    (x.len() == COORDINATE && y.len() == COORDINATE).then(|| [&[4], x, y].concat())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn set(keys: Value) -> Option<KeySet> {
        KeySet::read(json!({ "keys": keys }).as_object().unwrap())
    }

    #[test]
    fn keys_of_other_kinds_are_left_out() {
        let x = URL_SAFE_NO_PAD.encode([7; 32]);
        let ed = json!({"kty": "OKP", "crv": "Ed25519", "x": x, "kid": "a"});
        let with = |name: &str, value: Value| {
            let mut key = ed.clone();
            key[name] = value;
            key
        };
        let found = set(json!([
            ed,
            with("use", json!("enc")),
            with("crv", json!("X25519")),
            with("x", json!("AA")),
            with("x", json!("!")),
            {"kty": "oct", "k": x, "kid": "a"},
            {"kty": "EC", "crv": "P-384", "x": x, "y": x},
            {"kty": "RSA", "n": x},
            5,
        ]));
        let found = found.unwrap();
        assert_eq!(found.0.len(), 1);
        assert_eq!(found.candidates(Some("a"), Algorithm::EdDsa).count(), 1);
        assert_eq!(found.candidates(None, Algorithm::EdDsa).count(), 1);
        assert_eq!(found.candidates(Some("b"), Algorithm::EdDsa).count(), 0);
        assert_eq!(found.candidates(Some("a"), Algorithm::Es256).count(), 0);
        let other = set(json!([with("alg", json!("ES256"))])).unwrap();
        assert_eq!(other.candidates(Some("a"), Algorithm::EdDsa).count(), 0, "it says what it is for");
        assert!(set(json!({})).is_none());
    }

    #[test]
    fn a_million_keys_cost_no_more_than_some() {
        let key = json!({"kty": "RSA", "n": "AQAB", "e": "AQAB"});
        let many = set(json!(vec![key; 10_000])).unwrap();
        assert_eq!(many.0.len(), MAX_KEYS);
        assert_eq!(many.candidates(None, Algorithm::Rs256).count(), MAX_TRIED);
    }
}
