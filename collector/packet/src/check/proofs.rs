//! The signatures and proofs of a packet.

use super::archive::{Archive, Source};
use super::log_files::LogFiles;
use crate::{Manifest, NOTE, REQUESTS, REQUESTS_CHECKPOINT, REQUESTS_GROWTH, SAMPLE_PROOF, sums_key, sums_text};
use headgate_collector_tree::{
    Check, Checkpoint, Error, Hash, Note, TlogProof, Verdict, VerifyingKey, decode_hash, leaf_hash, verify_consistency,
};
use serde::Deserialize;
use std::io::BufReader;

/// The keys that signatures are checked with.
pub(super) struct Keys(Vec<VerifyingKey>);

impl Keys {
    /// Returns the keys under the name of a log or of packets.
    pub(super) fn of(&self, what: &str) -> Vec<VerifyingKey> {
        self.0.iter().filter_map(|key| key.renamed(&format!("{}/{what}", key.name())).ok()).collect()
    }
}

/// Chooses the keys: those of the caller, or else the one in the packet.
pub(super) fn keys<S: Source>(
    archive: &mut Archive<'_, S>,
    manifest: &Manifest,
    trusted: &[VerifyingKey],
    verdict: &mut Verdict,
) -> Result<Keys, Check> {
    let own = manifest.key.as_deref().and_then(|text| VerifyingKey::parse(text).ok());
    let (keys, check) = match (trusted, own) {
        (_, None) => {
            (trusted.to_vec(), Check::unknown("key", "the packet is not signed, so anybody could have made it"))
        }
        ([], Some(own)) => {
            let text = format!(
                "signatures are checked with the key in the packet itself, {own}; give the operator's public key to know that it is the operator's"
            );
            (vec![own], Check::unknown("key", text))
        }
        (trusted, Some(own)) if trusted.contains(&own) => (
            trusted.to_vec(),
            Check::holds(
                "key",
                format!("the packet is signed by the operator{}, with the key that you gave", only(manifest)),
            ),
        ),
        (trusted, Some(own)) if is_signed_by(&archive.text(NOTE)?, trusted) => (
            trusted.to_vec(),
            Check::holds(
                "key",
                format!("the packet is signed by the operator, with the key that you gave and a newer one, {own}"),
            ),
        ),
        (trusted, Some(_)) => (
            trusted.to_vec(),
            Check::contradicted("key", "the packet was signed with another key than the one you gave"),
        ),
    };
    verdict.add(check);
    Ok(Keys(keys))
}

/// Returns the word that says that nobody else has confirmed the log.
const fn only(manifest: &Manifest) -> &'static str {
    if manifest.witnesses.is_empty() && manifest.anchors.is_empty() { " only" } else { "" }
}

/// Returns whether one of these keys has signed the note, beside a newer one that takes its place.
fn is_signed_by(note: &str, keys: &[VerifyingKey]) -> bool {
    let keys: Vec<_> = keys.iter().filter_map(sums_key).collect();
    Note::parse(note).is_ok_and(|note| note.verify(&keys).is_ok())
}

/// Verifies the signed note over `SHA256SUMS`.
pub(super) fn note<S: Source>(
    archive: &mut Archive<'_, S>,
    sums: &[u8],
    keys: &Keys,
    verdict: &mut Verdict,
) -> Result<(), Check> {
    let text = archive.text(NOTE)?;
    let contradicted = |error: &dyn std::fmt::Display| Check::contradicted(NOTE, error.to_string());
    let signed = unsigned_text(&text).map_err(|e| contradicted(&e))?;
    let name = signed.split_once('\n').map_or("", |(name, _)| name);
    let base = name.strip_suffix(&format!("/{}", crate::SUMS_KEY)).unwrap_or_default();
    if signed != sums_text(base, sums) {
        return Err(Check::contradicted(NOTE, "it is about another SHA256SUMS"));
    }
    let packet_keys: Vec<_> = keys.0.iter().filter_map(sums_key).collect();
    match Note::parse(&text).and_then(|note| note.verify(&packet_keys).map(|_| ())) {
        Ok(()) => verdict.add(Check::holds(NOTE, "the signature over SHA256SUMS is valid")),
        Err(error @ (Error::Unsigned | Error::Malformed(_))) => verdict.add(Check::unknown(NOTE, error.to_string())),
        Err(error) => return Err(contradicted(&error)),
    }
    Ok(())
}

/// Returns the text of a note, also of one without signatures.
pub(super) fn unsigned_text(note: &str) -> Result<String, Error> {
    match Note::parse(note) {
        Ok(note) => Ok(note.text),
        Err(error) => note.strip_suffix("\n\n").map(|text| format!("{text}\n")).ok_or(error),
    }
}

/// Returns the checkpoint of a log.
pub(super) fn checkpoint<S: Source>(
    archive: &mut Archive<'_, S>,
    files: LogFiles,
    manifest: &Manifest,
    keys: &Keys,
    verdict: &mut Verdict,
) -> Result<Checkpoint, Check> {
    let name = files.checkpoint;
    let note = archive.text(name)?;
    let origin = format!("{}/{}", manifest.name, files.log);
    let contradicted = |error: &dyn std::fmt::Display| Check::contradicted(name, error.to_string());
    let text = unsigned_text(&note).map_err(|e| contradicted(&e))?;
    let found = Checkpoint::parse(&text).map_err(|e| contradicted(&e))?;
    if found.origin != origin {
        return Err(Check::contradicted(name, "it is of another log than the manifest says"));
    }
    match Checkpoint::open(&note, &keys.of(files.log)) {
        Ok(_) => verdict.add(Check::holds(name, format!("{} entries, signed", found.size))),
        Err(error @ (Error::Unsigned | Error::Malformed(_))) => verdict.add(Check::unknown(name, error.to_string())),
        Err(error) => return Err(contradicted(&error)),
    }
    Ok(found)
}

/// The proof of growth.
#[derive(Deserialize)]
struct Growth {
    checkpoint: String,
    proof: Vec<String>,
}

/// Verifies that the request log has only grown since the packet before.
pub(super) fn growth<S: Source>(
    archive: &mut Archive<'_, S>,
    manifest: &Manifest,
    keys: &Keys,
    verdict: &mut Verdict,
) -> Result<(), Check> {
    if !archive.has(REQUESTS_GROWTH) {
        return Ok(());
    }
    let contradicted = |error: &dyn std::fmt::Display| Check::contradicted(REQUESTS_GROWTH, error.to_string());
    let bytes = archive.small(REQUESTS_GROWTH)?;
    let growth: Growth = serde_json::from_slice(&bytes).map_err(|e| contradicted(&e))?;
    let new = archive.text(REQUESTS_CHECKPOINT)?;
    let read = |note: &str| unsigned_text(note).and_then(|text| Checkpoint::parse(&text));
    let (old, new) =
        (read(&growth.checkpoint).map_err(|e| contradicted(&e))?, read(&new).map_err(|e| contradicted(&e))?);
    if manifest.requests.grown_from != Some(old.size) {
        return Err(Check::contradicted(REQUESTS_GROWTH, "it begins with another size than the manifest says"));
    }
    if let Err(Error::Contradicted(why)) = Checkpoint::open(&growth.checkpoint, &keys.of("requests")) {
        return Err(Check::contradicted(REQUESTS_GROWTH, why));
    }
    let hashes: Result<Vec<Hash>, Error> = growth.proof.iter().map(|hash| decode_hash(hash)).collect();
    let hashes = hashes.map_err(|e| contradicted(&e))?;
    verify_consistency((old.size, &old.root), (new.size, &new.root), &hashes).map_err(|e| contradicted(&e))?;
    let text = format!("the log has only grown since the packet before, from {} to {} entries", old.size, new.size);
    verdict.add(Check::holds(REQUESTS_GROWTH, text));
    Ok(())
}

#[derive(Deserialize)]
struct Id {
    id: String,
}

/// Verifies the proof of the sample record, which stands in the file of records.
pub(super) fn sample<S: Source>(
    archive: &mut Archive<'_, S>,
    manifest: &Manifest,
    keys: &Keys,
    verdict: &mut Verdict,
) -> Result<(), Check> {
    if !archive.has(SAMPLE_PROOF) {
        return Ok(());
    }
    let contradicted = |error: &dyn std::fmt::Display| Check::contradicted(SAMPLE_PROOF, error.to_string());
    let text = archive.text(SAMPLE_PROOF)?;
    let proof = TlogProof::parse(&text).map_err(|e| contradicted(&e))?;
    let leaf = sample_leaf(archive, manifest)?;
    let path = match unsigned_text(&proof.checkpoint) {
        Ok(_) => proof.verify_path(&leaf),
        Err(error) => Err(error),
    };
    path.map_err(|e| contradicted(&e))?;
    match proof.verify(&leaf, &keys.of("requests")) {
        Ok(_) => verdict.add(Check::holds(SAMPLE_PROOF, "the sample record is in the log")),
        Err(Error::Contradicted(why)) => return Err(Check::contradicted(SAMPLE_PROOF, why)),
        Err(error) => verdict.add(Check::unknown(SAMPLE_PROOF, error.to_string())),
    }
    Ok(())
}

/// Returns the leaf of the sample record: the one with the id that was asked for, or the first.
fn sample_leaf<S: Source>(archive: &mut Archive<'_, S>, manifest: &Manifest) -> Result<Hash, Check> {
    let mut reader = BufReader::new(archive.file(REQUESTS)?);
    let mut line = Vec::new();
    while super::lines::next(&mut reader, &mut line).map_err(|e| super::archive::broken(REQUESTS, e))? {
        let Some(asked) = &manifest.scope.sample_request else { return Ok(leaf_hash(&line)) };
        if serde_json::from_slice::<Id>(&line).is_ok_and(|found| found.id == *asked) {
            return Ok(leaf_hash(&line));
        }
    }
    Err(Check::contradicted(SAMPLE_PROOF, "the sample record is not in the packet"))
}
