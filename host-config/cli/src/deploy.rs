//! Puts rendered files in place so that a proxy that watches them never sees a part of one.
//!
//! Each file is written beside its place and renamed: a rename is atomic, and Envoy reacts to it. The order is the
//! renderer's: each file comes after those it refers to.

use headgate_config::render::{NATIVE_MODULE, VARIABLES, transition};
use serde_json::Value;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The file that is written last: a folder that has it may belong to a running proxy.
const LAST: &str = "bootstrap.json";

/// Time for a proxy to take up a file, including the lookup of a new cluster's address.
const TAKE_UP: Duration = Duration::from_secs(1);

/// Replaces the rendering of a running proxy so that no request fails in between; see [`transition`]. Takes up to two
/// seconds if providers are added or removed, else no time.
///
/// # Errors
/// As for [`write()`].
pub(crate) fn roll_out(folder: &Path, files: &[(PathBuf, String)]) -> io::Result<()> {
    if !folder.join(LAST).exists() {
        return write(folder, files);
    }
    let running: Vec<_> = files.iter().map(|(path, _)| fs::read_to_string(folder.join(path)).ok()).collect();
    let each = |make: &dyn Fn(&Path, &str, &str) -> Option<String>| -> Vec<(PathBuf, String)> {
        let pairs = files.iter().zip(&running);
        pairs.filter_map(|((path, new), old)| Some((path.clone(), make(path, old.as_ref()?, new)?))).collect()
    };
    let coming = each(&|path, old, new| transition(path, new, old));
    if coming.iter().any(|(path, both)| !holds(&folder.join(path), both)) {
        write(folder, &coming)?;
        std::thread::sleep(TAKE_UP);
    }
    let going = each(&|path, old, new| transition(path, old, new));
    if going.iter().any(|both| !files.contains(both)) {
        let gate: Vec<_> = files.iter().filter(|(path, _)| path.starts_with("ecds")).cloned().collect();
        write(folder, &gate)?;
        write(folder, &going)?;
        std::thread::sleep(TAKE_UP);
    }
    write(folder, files)
}

/// Returns the reason if a running proxy cannot take up this rendering from its files: a change of the bootstrap, or of
/// the names of the variables that its VMs were started with. A process's environment is fixed, and VMs with the old and
/// the new list would not share the state of requests.
#[must_use]
pub(crate) fn needs_restart(folder: &Path, files: &[(PathBuf, String)]) -> Option<&'static str> {
    files.iter().find_map(|(path, new)| {
        let old = fs::read_to_string(folder.join(path)).ok()?;
        match path.to_str()? {
            LAST if old != *new => Some("the bootstrap (admin address, node, folders) changes"),
            // APISIX reads `apisix.yaml` again by itself, and this file only when it is reloaded.
            "config.yaml" if old != *new => Some("config.yaml (plugins, environment variables, module) changes"),
            "ecds/headgate-gate.json" if native_module(&old) != native_module(new) => {
                Some("the native module changes, or the proxy changes between it and headgate.wasm")
            }
            "ecds/headgate-gate.json" if variables(&old) != variables(new) => {
                Some("the policy reads other environment variables than before")
            }
            _ => None,
        }
    })
}

fn native_module(ecds: &str) -> Option<Value> {
    let resource = serde_json::from_str::<Value>(ecds).ok()?;
    resource.pointer(NATIVE_MODULE).cloned()
}

fn variables(ecds: &str) -> Option<Value> {
    let resource = serde_json::from_str::<Value>(ecds).ok()?;
    resource.pointer(VARIABLES).cloned()
}

fn holds(path: &Path, content: &str) -> bool {
    fs::read(path).is_ok_and(|current| current == content.as_bytes())
}

/// Writes the files below the folder, which is created if needed. A file that is up to date is not touched, so that Envoy
/// does not reload it.
///
/// # Errors
/// Returns the error of the file system, with the path. The files before the failed one are in place.
pub(crate) fn write(folder: &Path, files: &[(PathBuf, String)]) -> io::Result<()> {
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
        // Remove the incomplete file; the first error is the one to report.
        let _ = fs::remove_file(&beside);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::write;
    use std::fs;

    #[test]
    fn writing_again_touches_only_changes() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, content: &str| (name.into(), content.to_owned());
        let mut files = [file("cds.json", "1"), file("rds.json", "2"), file("ecds/headgate-gate.json", "3")];
        write(folder.path(), &files).unwrap();
        let age = |name: &str| fs::metadata(folder.path().join(name)).unwrap().modified().unwrap();
        let (clusters, routes) = (age("cds.json"), age("rds.json"));
        std::thread::sleep(std::time::Duration::from_millis(20));
        files[1].1.push('4');
        write(folder.path(), &files).unwrap();
        assert_eq!(age("cds.json"), clusters);
        assert!(age("rds.json") > routes);
        let mut left: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, ["cds.json", "ecds", "rds.json"]);
    }
}
