//! The check of a packet. It needs nothing but the packet and, for a signature that means something, the operator's public key.

mod archive;
mod files;
mod lines;
mod log_files;
mod log_part;
mod outside;
mod proofs;
mod tree_walk;

pub use archive::Source;

use crate::{Kind, MANIFEST, Manifest};
use archive::Archive;
use headgate_collector_tree::{Check, TlogPolicy, Verdict, VerifyingKey};
use log_files::LOGS;
use log_part::LogCheck;

/// Checks a packet. `trusted` are public keys of the operator that the caller has from elsewhere, and a policy names the witnesses that
/// must have confirmed its checkpoints.
pub fn check<S: Source>(source: &S, trusted: &[VerifyingKey], policy: Option<&TlogPolicy>) -> Verdict {
    let mut verdict = Verdict::default();
    if let Err(check) = run(source, trusted, policy, &mut verdict) {
        verdict.add(check);
    }
    verdict
}

fn run<S: Source>(
    source: &S,
    trusted: &[VerifyingKey],
    policy: Option<&TlogPolicy>,
    verdict: &mut Verdict,
) -> Result<(), Check> {
    let mut archive = Archive::open(source)?;
    let sums = files::check(&mut archive, verdict)?;
    let manifest = manifest(&mut archive)?;
    let keys = proofs::keys(&mut archive, &manifest, trusted, verdict)?;
    proofs::note(&mut archive, &sums, &keys, verdict)?;
    let mut checkpoints = Vec::new();
    for files in LOGS {
        let part = match files.log {
            "audit" => manifest.audit.as_ref(),
            _ => Some(&manifest.requests),
        };
        let Some(part) = part else { continue };
        let checkpoint = proofs::checkpoint(&mut archive, files, &manifest, &keys, verdict)?;
        if let Some(policy) = policy {
            let of = format!("{} witnesses", files.log);
            verdict.add(policy.check(&of, &archive.text(files.checkpoint)?));
        }
        checkpoints.push((files.log, checkpoint.clone()));
        LogCheck { source, manifest: &manifest, part, files, checkpoint }.run(verdict)?;
    }
    proofs::growth(&mut archive, &manifest, &keys, verdict)?;
    outside::check(&mut archive, &manifest, &keys, &checkpoints, verdict)?;
    proofs::sample(&mut archive, &manifest, &keys, verdict)?;
    verdict.add(statement(&manifest));
    Ok(())
}

fn manifest<S: Source>(archive: &mut Archive<'_, S>) -> Result<Manifest, Check> {
    let bytes = archive.small(MANIFEST)?;
    let manifest: Manifest = serde_json::from_slice(&bytes)
        .map_err(|_| Check::contradicted(MANIFEST, "it is not the manifest of a packet"))?;
    if manifest.format == crate::FORMAT {
        Ok(manifest)
    } else {
        Err(Check::unknown(MANIFEST, "the packet is of a form that this program does not know; use a newer one"))
    }
}

/// Returns what the packet proves by its kind.
fn statement(manifest: &Manifest) -> Check {
    let part = &manifest.requests;
    let text = match manifest.kind {
        _ if !manifest.scope.redact.is_empty() => {
            "rows were redacted: they cannot be matched with the log one by one; their number and the hashes of the originals are proven"
                .to_owned()
        }
        Kind::Whole if part.outside.total() == 0 => {
            "WHOLE: every record between the first and the last position is in the packet".to_owned()
        }
        Kind::Whole => format!(
            "WHOLE, except {} positions between the first and the last that were deleted or are damaged",
            part.outside.total()
        ),
        Kind::Filtered => format!(
            "FILTERED: each record is in the log; that the {} others between the first and the last do not match is not proven",
            part.outside.total()
        ),
    };
    Check::holds("kind", text)
}
