//! Puts rendered files in place so that a proxy that watches them never sees half of one.
//!
//! Each file is written beside its place and renamed: a rename is atomic, and it is what Envoy takes as a change. The
//! order is the renderer's: what is referred to comes before what refers to it.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

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
    if fs::read(path).is_ok_and(|current| current == content.as_bytes()) {
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
