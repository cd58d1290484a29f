//! Keys of signed notes, in the texts that Go's `note` package introduced: `name+id+key` and `PRIVATE+KEY+name+id+key`.

use crate::base64::{decode, encode};
use crate::hash::sha256;
use crate::{Error, Result};
use ed25519_dalek::{Signature, Signer as _};
use std::fmt;

/// The byte before an Ed25519 key.
const ED25519: u8 = 1;
/// The byte before an Ed25519 key of a witness.
pub(crate) const COSIGNATURE: u8 = 4;

pub(crate) const FORM: Error = Error::Malformed("a key of a note has the form NAME+ID+KEY");

pub(crate) const WRONG_ID: Error = Error::Malformed("the id of the key does not fit its name and its key");
pub(crate) const PRIVATE_FORM: Error = Error::Malformed("a private key has the form PRIVATE+KEY+NAME+ID+KEY");

/// Returns whether a text may be the name of a key.
pub(crate) fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.contains(|c: char| c == '+' || c.is_whitespace() || c.is_control())
}

pub(crate) fn key_id(kind: u8, name: &str, public: &[u8; 32]) -> [u8; 4] {
    let [a, b, c, d, ..] = sha256(&[name.as_bytes(), b"\n", &[kind], public]);
    [a, b, c, d]
}

/// Returns the parts of a key's text: name, id, key with the byte of its kind.
pub(crate) fn parts(kind: u8, text: &str) -> Result<(&str, [u8; 4], [u8; 32])> {
    let mut parts = text.splitn(3, '+');
    let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else { return Err(FORM) };
    let is_hex = id.len() == 8 && id.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    let id = u32::from_str_radix(id, 16).ok().filter(|_| is_hex).ok_or(FORM)?.to_be_bytes();
    if !is_name(name) {
        return Err(FORM);
    }
    match (decode(key)?.split_first(), kind) {
        (Some((found, key)), _) if *found == kind => Ok((name, id, key.try_into().map_err(|_| FORM)?)),
        (Some((&COSIGNATURE, _)), ED25519) => Err(Error::Malformed("this is the key of a witness, not of a log")),
        (Some((&ED25519, _)), COSIGNATURE) => Err(Error::Malformed("this is the key of a log, not of a witness")),
        _ => Err(Error::Malformed("the kind of this key is not supported: only Ed25519 is")),
    }
}

/// A public key with its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifyingKey {
    name: String,
    id: [u8; 4],
    key: ed25519_dalek::VerifyingKey,
}

impl VerifyingKey {
    /// Returns the key in a text `name+id+key`.
    ///
    /// # Errors
    /// The text has another form, the id is wrong, or the key is of another kind.
    pub fn parse(text: &str) -> Result<Self> {
        let (name, id, public) = parts(ED25519, text)?;
        let key = Self::new(name, &public)?;
        if key.id == id { Ok(key) } else { Err(WRONG_ID) }
    }

    /// Returns the key with this name.
    ///
    /// # Errors
    /// A name has no spaces and no `+`, and not all bytes are a key.
    pub fn new(name: &str, public: &[u8; 32]) -> Result<Self> {
        let key = ed25519_dalek::VerifyingKey::from_bytes(public);
        let key = key.map_err(|_| Error::Malformed("these bytes are not an Ed25519 key"))?;
        if is_name(name) {
            Ok(Self { name: name.to_owned(), id: key_id(ED25519, name, public), key })
        } else {
            Err(FORM)
        }
    }

    /// Returns the same key under another name.
    ///
    /// # Errors
    /// The name has spaces or a `+`.
    pub fn renamed(&self, name: &str) -> Result<Self> {
        Self::new(name, self.key.as_bytes())
    }

    /// Returns whether both are the same key, whatever their names are.
    #[must_use]
    pub fn is_same_key(&self, other: &Self) -> bool {
        self.key == other.key
    }

    /// Returns the name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the first bytes of the hash of name and key.
    #[must_use]
    pub const fn id(&self) -> [u8; 4] {
        self.id
    }

    /// Returns whether this is the key's signature of the bytes.
    #[must_use]
    pub fn has_signed(&self, bytes: &[u8], signature: &[u8]) -> bool {
        Signature::from_slice(signature).is_ok_and(|signature| self.key.verify_strict(bytes, &signature).is_ok())
    }
}

/// The text `name+id+key`.
impl fmt::Display for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key: Vec<u8> = std::iter::once(ED25519).chain(*self.key.as_bytes()).collect();
        write!(f, "{}+{:08x}+{}", self.name, u32::from_be_bytes(self.id), encode(&key))
    }
}

/// A private key with its name. Its text is shown by [`SigningKey::secret`] alone.
#[derive(Clone)]
pub struct SigningKey {
    public: VerifyingKey,
    key: ed25519_dalek::SigningKey,
}

impl SigningKey {
    /// Returns the key that comes from 32 random bytes.
    ///
    /// # Errors
    /// A name has no spaces and no `+`.
    pub fn new(name: &str, seed: &[u8; 32]) -> Result<Self> {
        let key = ed25519_dalek::SigningKey::from_bytes(seed);
        Ok(Self { public: VerifyingKey::new(name, key.verifying_key().as_bytes())?, key })
    }

    /// Returns the key in a text `PRIVATE+KEY+name+id+key`.
    ///
    /// # Errors
    /// The text has another form, the id is wrong, or the key is of another kind.
    pub fn parse(text: &str) -> Result<Self> {
        let text = text.strip_prefix("PRIVATE+KEY+");
        let (name, id, seed) = parts(ED25519, text.ok_or(PRIVATE_FORM)?)?;
        let key = Self::new(name, &seed)?;
        let fits = key.public.id == id;
        if fits { Ok(key) } else { Err(WRONG_ID) }
    }

    /// Returns the public key.
    #[must_use]
    pub const fn public(&self) -> &VerifyingKey {
        &self.public
    }

    /// Returns the text of the key, a secret.
    #[must_use]
    pub fn secret(&self) -> String {
        let seed: Vec<u8> = std::iter::once(ED25519).chain(self.key.to_bytes()).collect();
        format!("PRIVATE+KEY+{}+{:08x}+{}", self.public.name, u32::from_be_bytes(self.public.id), encode(&seed))
    }

    /// Returns the signature of bytes.
    #[must_use]
    pub fn sign(&self, bytes: &[u8]) -> [u8; 64] {
        self.key.sign(bytes).to_bytes()
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SigningKey").field(&self.public.name).finish()
    }
}
