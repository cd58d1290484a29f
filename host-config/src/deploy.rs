//! Puts rendered files in place so that a proxy that watches them never sees half of one.
//!
//! Each file is written beside its place and renamed: a rename is atomic, and it is what Envoy takes as a change. The
//! order is the renderer's: what is referred to comes before what refers to it.

use crate::render::{VARIABLES, bridge};
use serde_json::Value;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long a proxy may take to take up a file, a new cluster's address looked up.
const TAKE_UP: Duration = Duration::from_secs(1);

/// Puts a rendering in place of the one that a proxy may be running on, so that no request falls between the two: see
/// [`bridge`]. Takes up to two seconds when providers come or go, else no time.
///
/// # Errors
/// As [`write`].
pub fn roll_out(folder: &Path, files: &[(PathBuf, String)]) -> io::Result<()> {
    let running: Vec<_> = files.iter().filter_map(|(path, _)| fs::read_to_string(folder.join(path)).ok()).collect();
    if running.len() < files.len() {
        return write(folder, files);
    }
    let each = |make: &dyn Fn(&Path, &str, &str) -> Option<String>| -> Vec<(PathBuf, String)> {
        let pairs = files.iter().zip(&running);
        pairs.filter_map(|((path, new), old)| Some((path.clone(), make(path, old, new)?))).collect()
    };
    let coming = each(&|path, old, new| bridge(path, new, old));
    if coming.iter().any(|(path, both)| !holds(&folder.join(path), both)) {
        write(folder, &coming)?;
        std::thread::sleep(TAKE_UP);
    }
    let going = each(&|path, old, new| bridge(path, old, new));
    if going.iter().any(|both| !files.contains(both)) {
        let gate: Vec<_> = files.iter().filter(|(path, _)| path.starts_with("ecds")).cloned().collect();
        write(folder, &gate)?;
        write(folder, &going)?;
        std::thread::sleep(TAKE_UP);
    }
    write(folder, files)
}

/// What a running proxy cannot take up from its files, if this rendering changes any of it: its bootstrap, or the names
/// of the variables that its VMs were started with. A process's environment is fixed, and VMs of the old and the new
/// list would not know each other's requests.
#[must_use]
pub fn needs_restart(folder: &Path, files: &[(PathBuf, String)]) -> Option<&'static str> {
    files.iter().find_map(|(path, new)| {
        let old = fs::read_to_string(folder.join(path)).ok()?;
        match path.to_str()? {
            "bootstrap.json" if old != *new => Some("the bootstrap (admin address, node, folders) changes"),
            "ecds/headgate-gate.json" if variables(&old) != variables(new) => {
                Some("the policy reads other environment variables than before")
            }
            _ => None,
        }
    })
}

fn variables(ecds: &str) -> Option<Value> {
    let resource = serde_json::from_str::<Value>(ecds).ok()?;
    resource.pointer(VARIABLES).cloned()
}

fn holds(path: &Path, content: &str) -> bool {
    fs::read(path).is_ok_and(|current| current == content.as_bytes())
}

/// Writes the files below the folder, creating it if need be. A file that is already as it should be is not touched,
/// so that Envoy does not take up what did not change.
///
/// # Errors
/// What the file system says, with the path. Files before the one that failed are in place.
pub fn write(folder: &Path, files: &[(PathBuf, String)]) -> io::Result<()> {
    for (path, content) in files {
        let path = folder.join(path);
        replace(&path, content)
            .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))?;
    }
    Ok(())
}

fn replace(path: &Path, content: &str) -> io::Result<()> {
    if holds(path, content) {
        return Ok(());
    }
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let beside = folder.join(format!(".{name}.{}", std::process::id()));
    let written = fs::File::create(&beside)
        .and_then(|mut file| file.write_all(content.as_bytes()).and_then(|()| file.sync_all()))
        .and_then(|()| fs::rename(&beside, path));
    if written.is_err() {
        // What could not be put in place must not stay behind; the first error is the one that counts.
        let _ = fs::remove_file(&beside);
    }
    written
}
