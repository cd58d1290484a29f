//! Cosignatures: the statement of a witness that it has seen a checkpoint and all before it, with the time (C2SP's
//! tlog-cosignature, Ed25519).

use crate::base64::encode;
use crate::key::{COSIGNATURE, FORM, PRIVATE_FORM, WRONG_ID, is_name, key_id, parts};
use crate::{Error, NoteSignature, Result};
use ed25519_dalek::{Signature, Signer as _};
use std::fmt;

/// Returns the text that a witness signs.
fn signed_text(time: u64, checkpoint: &str) -> String {
    format!("cosignature/v1\ntime {time}\n{checkpoint}")
}

/// The public key of a witness, with its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WitnessKey {
    name: String,
    id: [u8; 4],
    key: ed25519_dalek::VerifyingKey,
}

/// A cosignature that was verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cosignature {
    /// The time that the witness states, in seconds since the Unix epoch.
    pub time: u64,
    /// The line of the note.
    pub line: NoteSignature,
}

impl WitnessKey {
    /// Returns the key in a text `name+id+key`.
    ///
    /// # Errors
    /// The text has another form, the id is wrong, or the key is not that of a witness.
    pub fn parse(text: &str) -> Result<Self> {
        let (name, id, public) = parts(COSIGNATURE, text)?;
        let key = Self::new(name, &public)?;
        if key.id == id { Ok(key) } else { Err(WRONG_ID) }
    }

    fn new(name: &str, public: &[u8; 32]) -> Result<Self> {
        let key = ed25519_dalek::VerifyingKey::from_bytes(public);
        let key = key.map_err(|_| Error::Malformed("these bytes are not an Ed25519 key"))?;
        if is_name(name) {
            Ok(Self { name: name.to_owned(), id: key_id(COSIGNATURE, name, public), key })
        } else {
            Err(FORM)
        }
    }

    /// Returns the name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns whether both are the same key, whatever their names are.
    #[must_use]
    pub fn is_same_key(&self, other: &Self) -> bool {
        self.key == other.key
    }

    /// Returns the newest cosignature of this witness among the lines, for the text of a checkpoint. Lines of other keys are left
    /// aside.
    ///
    /// # Errors
    /// [`Error::Unsigned`] if there is none; [`Error::Contradicted`] if one does not fit the text.
    pub fn verify(&self, checkpoint: &str, lines: &[NoteSignature]) -> Result<Cosignature> {
        let own = |line: &&NoteSignature| line.name == self.name && line.key_id == self.id;
        let mut newest: Option<Cosignature> = None;
        for line in lines.iter().filter(own) {
            let (time, signature) = line.bytes.split_first_chunk::<8>().ok_or(WRONG_SIGNATURE)?;
            let time = u64::from_be_bytes(*time);
            let text = signed_text(time, checkpoint);
            let fits = Signature::from_slice(signature)
                .is_ok_and(|signature| self.key.verify_strict(text.as_bytes(), &signature).is_ok());
            if !fits {
                return Err(WRONG_SIGNATURE);
            }
            if newest.as_ref().is_none_or(|newest| newest.time < time) {
                newest = Some(Cosignature { time, line: line.clone() });
            }
        }
        newest.ok_or(Error::Unsigned)
    }
}

const WRONG_SIGNATURE: Error = Error::Contradicted("a cosignature of a known witness does not fit the checkpoint");

/// The text `name+id+key`.
impl fmt::Display for WitnessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key: Vec<u8> = std::iter::once(COSIGNATURE).chain(*self.key.as_bytes()).collect();
        write!(f, "{}+{:08x}+{}", self.name, u32::from_be_bytes(self.id), encode(&key))
    }
}

/// The private key of a witness. Its text is shown by [`CosigningKey::secret`] alone.
#[derive(Clone)]
pub struct CosigningKey {
    public: WitnessKey,
    key: ed25519_dalek::SigningKey,
}

impl CosigningKey {
    /// Returns the key that comes from 32 random bytes.
    ///
    /// # Errors
    /// A name has no spaces and no `+`.
    pub fn new(name: &str, seed: &[u8; 32]) -> Result<Self> {
        let key = ed25519_dalek::SigningKey::from_bytes(seed);
        Ok(Self { public: WitnessKey::new(name, key.verifying_key().as_bytes())?, key })
    }

    /// Returns the key in a text `PRIVATE+KEY+name+id+key`.
    ///
    /// # Errors
    /// The text has another form, the id is wrong, or the key is of another kind.
    pub fn parse(text: &str) -> Result<Self> {
        let (name, id, seed) = parts(COSIGNATURE, text.strip_prefix("PRIVATE+KEY+").ok_or(PRIVATE_FORM)?)?;
        let key = Self::new(name, &seed)?;
        let fits = key.public.id == id;
        if fits { Ok(key) } else { Err(WRONG_ID) }
    }

    /// Returns the public key.
    #[must_use]
    pub const fn public(&self) -> &WitnessKey {
        &self.public
    }

    /// Returns the text of the key, a secret.
    #[must_use]
    pub fn secret(&self) -> String {
        let seed: Vec<u8> = std::iter::once(COSIGNATURE).chain(self.key.to_bytes()).collect();
        format!("PRIVATE+KEY+{}+{:08x}+{}", self.public.name, u32::from_be_bytes(self.public.id), encode(&seed))
    }

    /// Returns the cosignature of the text of a checkpoint at a time, in seconds.
    #[must_use]
    pub fn cosign(&self, checkpoint: &str, time: u64) -> Cosignature {
        let signature = self.key.sign(signed_text(time, checkpoint).as_bytes()).to_bytes();
        let bytes = [time.to_be_bytes().as_slice(), &signature].concat();
        let line = NoteSignature { name: self.public.name.clone(), key_id: self.public.id, bytes };
        Cosignature { time, line }
    }
}

impl fmt::Debug for CosigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CosigningKey").field(&self.public.name).finish()
    }
}
