//! Checkpoints that outside parties hold: the log of the packet must continue them. What needs the party itself is said in words.

use super::archive::{Archive, Source};
use super::proofs::{Keys, unsigned_text};
use crate::{HeldOutside, Manifest, OUTSIDE, OutsideKind, outside_checkpoint, outside_token};
use headgate_collector_tree::{Check, Checkpoint, Error, Hash, Timestamp, Verdict, decode_hash, verify_consistency};
use std::collections::BTreeSet;

/// The most checkpoints outside.
const MAX_HELD: usize = 256;
/// The most hashes of a proof.
const MAX_PROOF: usize = 128;

/// Verifies what is held outside of the logs whose checkpoints were found.
pub(super) fn check<S: Source>(
    archive: &mut Archive<'_, S>,
    manifest: &Manifest,
    keys: &Keys,
    logs: &[(&str, Checkpoint)],
    verdict: &mut Verdict,
) -> Result<(), Check> {
    let contradicted = |text: &str| Err(Check::contradicted(OUTSIDE, text));
    let held: Vec<HeldOutside> = if archive.has(OUTSIDE) {
        serde_json::from_slice(&archive.small(OUTSIDE)?)
            .map_err(|_| Check::contradicted(OUTSIDE, "it is not the list of what is held outside"))?
    } else {
        Vec::new()
    };
    let listed: BTreeSet<_> = held.iter().map(|one| &one.anchor).collect();
    if listed != manifest.anchors.iter().collect() {
        return contradicted("it has other names than the manifest");
    }
    if held.len() > MAX_HELD {
        return contradicted("it has more entries than a packet can have");
    }
    for one in &held {
        let Some((_, checkpoint)) = logs.iter().find(|(log, _)| *log == one.log) else {
            return contradicted("it is about a log that is not in the packet");
        };
        let (name, text) =
            (outside_checkpoint(&one.log, &one.anchor), of_one(archive, manifest, keys, one, checkpoint)?);
        let is_found = one.object.as_ref().is_none_or(|object| object.finding.is_none());
        verdict.add(if is_found { Check::holds(name, text) } else { Check::unknown(name, text) });
    }
    Ok(())
}

/// Verifies one, and returns what holds.
fn of_one<S: Source>(
    archive: &mut Archive<'_, S>,
    manifest: &Manifest,
    keys: &Keys,
    one: &HeldOutside,
    checkpoint: &Checkpoint,
) -> Result<String, Check> {
    let name = outside_checkpoint(&one.log, &one.anchor);
    let contradicted = |error: &dyn std::fmt::Display| Check::contradicted(name.as_str(), error.to_string());
    let note = archive.text(&name)?;
    let old = unsigned_text(&note).and_then(|text| Checkpoint::parse(&text)).map_err(|e| contradicted(&e))?;
    if old.origin != format!("{}/{}", manifest.name, one.log) || old.size != one.size || old.size > checkpoint.size {
        return Err(contradicted(&"it is of another log, or of another size than proofs/outside.json says"));
    }
    // A former key may have signed it: the proof shows that the log continues it.
    if let Err(Error::Contradicted(why)) = Checkpoint::open(&note, &keys.of(&one.log)) {
        return Err(contradicted(&why));
    }
    let hashes: Result<Vec<Hash>, Error> = one.proof.iter().take(MAX_PROOF).map(|hash| decode_hash(hash)).collect();
    let hashes = hashes.map_err(|e| contradicted(&e))?;
    verify_consistency((old.size, &old.root), (checkpoint.size, &checkpoint.root), &hashes)
        .map_err(|e| contradicted(&e))?;
    match one.kind {
        OutsideKind::Rfc3161 => stamped(archive, one, note.as_bytes()),
        OutsideKind::ObjectLock => Ok(locked(one, &name)),
    }
}

/// Verifies that the token is over the checkpoint.
fn stamped<S: Source>(archive: &mut Archive<'_, S>, one: &HeldOutside, note: &[u8]) -> Result<String, Check> {
    let (name, data) = (outside_token(&one.log, &one.anchor), outside_checkpoint(&one.log, &one.anchor));
    let token = archive.small(&name)?;
    let Some(token) = Timestamp::parse(&token) else {
        return Err(Check::unknown(
            name,
            "the token has a form that this program does not read; try `openssl ts -verify`",
        ));
    };
    if !token.is_over(note) {
        return Err(Check::contradicted(name, "the token is over another checkpoint"));
    }
    Ok(format!(
        "the log continues these {} entries, and the token of {} is over this checkpoint, of {}. Whether it is the authority's: \
         openssl ts -verify -in {name} -data {data} -CAfile AUTHORITY.pem",
        one.size, one.anchor, token.time
    ))
}

/// Returns what the packet says of an object in a bucket.
fn locked(one: &HeldOutside, name: &str) -> String {
    let object = one.object.clone().unwrap_or_default();
    let version =
        if object.version.is_empty() { "without versions".to_owned() } else { format!("version {}", object.version) };
    let lock = match &object.locked_until {
        Some(until) => format!("locked until {until}"),
        None => "locked by the rules of its container".to_owned(),
    };
    let found = match &object.finding {
        Some(finding) => format!(" When the collector read it back, it was not as it was put: {finding}."),
        None => String::new(),
    };
    format!(
        "the log continues these {} entries.{found} Whether {} holds this checkpoint: get {} ({version}, {lock}), and compare it with {name}",
        one.size, one.anchor, object.address
    )
}
