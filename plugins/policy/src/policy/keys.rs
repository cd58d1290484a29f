//! The table of virtual keys of a policy.

use super::LoadError;
use crate::document::Document;
use headgate_keys::{KeyEntry, KeyTable};

pub(super) fn table(document: &Document) -> Result<KeyTable, LoadError> {
    let hashes = document
        .keys
        .iter()
        .map(|key| hash(&key.sha256).ok_or_else(|| LoadError::KeyHash(key.id.clone())))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(KeyTable::build(document.keys.iter().zip(hashes).map(|(key, sha256)| KeyEntry {
        id: &key.id,
        sha256,
        owner: key.owner.as_deref(),
        team: key.team,
        project: key.project.as_deref(),
        application: key.application.as_deref(),
        use_case: key.use_case.as_deref(),
        risk_class: key.risk_class,
        models: key.models.as_deref(),
        expires: key.expires,
        disabled: key.disabled,
        playground: key.playground,
    })))
}

fn hash(hex: &str) -> Option<[u8; 32]> {
    let digits = hex.as_bytes();
    let mut hash = [0_u8; 32];
    if digits.len() != 64 {
        return None;
    }
    for (byte, pair) in hash.iter_mut().zip(digits.chunks_exact(2)) {
        let nibble = |digit: &u8| char::from(*digit).to_digit(16).and_then(|nibble| u8::try_from(nibble).ok());
        *byte = (nibble(pair.first()?)? << 4) | nibble(pair.last()?)?;
    }
    Some(hash)
}
