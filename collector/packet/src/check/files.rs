//! The files of a packet against `SHA256SUMS`.

use super::archive::{Archive, Source, broken};
use crate::sums::hex;
use crate::{NOTE, SUMS, file_sums};
use headgate_collector_tree::{Check, Verdict};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::io::Read;

/// The bytes that are read at a time.
const CHUNK: usize = 64 << 10;

/// Verifies every file, and returns the content of `SHA256SUMS`.
pub(super) fn check<S: Source>(archive: &mut Archive<'_, S>, verdict: &mut Verdict) -> Result<Vec<u8>, Check> {
    let names = archive.names()?;
    let text = archive.text(SUMS)?;
    let sums =
        file_sums(&text).ok_or_else(|| Check::contradicted(SUMS, "it has another form than `sha256sum` writes"))?;
    let mut listed = BTreeSet::from([SUMS.to_owned(), NOTE.to_owned()]);
    let mut differing = 0;
    for (sum, name) in &sums {
        if !listed.insert((*name).to_owned()) {
            return Err(Check::contradicted(SUMS, "it has a file twice"));
        }
        match digest(archive, name) {
            Ok(found) if found == *sum => {}
            Ok(_) => {
                differing += 1;
                verdict.add(Check::contradicted(*name, "it is not the file that SHA256SUMS has"));
            }
            Err(check) => {
                differing += 1;
                verdict.add(check);
            }
        }
    }
    for name in names.symmetric_difference(&listed) {
        differing += 1;
        let text = if names.contains(name) { "it was added: SHA256SUMS does not have it" } else { "it is missing" };
        verdict.add(Check::contradicted(name.as_str(), text));
    }
    if differing > 0 {
        return Err(Check::unknown(
            "packet",
            "its files are not those that were written, so nothing else was looked at",
        ));
    }
    verdict.add(Check::holds(
        "files",
        format!("{} files have the SHA-256 that SHA256SUMS says, and there are no others", sums.len()),
    ));
    Ok(text.into_bytes())
}

fn digest<S: Source>(archive: &mut Archive<'_, S>, name: &str) -> Result<String, Check> {
    if !archive.has(name) {
        return Err(Check::contradicted(name, "it is missing"));
    }
    let mut file = archive.file(name)?;
    let (mut digest, mut buffer) = (Sha256::new(), vec![0; CHUNK]);
    loop {
        let read = file.read(&mut buffer).map_err(|e| broken(name, e))?;
        match buffer.get(..read) {
            Some([]) | None => return Ok(hex(&digest.finalize())),
            Some(part) => digest.update(part),
        }
    }
}
