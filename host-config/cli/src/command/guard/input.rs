//! The text to scan: a file or standard input.

use crate::exit::Failure;
use std::path::Path;

pub(super) fn open(file: &Path) -> Result<Box<dyn std::io::Read>, Failure> {
    if file == Path::new("-") {
        return Ok(Box::new(std::io::stdin().lock()));
    }
    let opened = std::fs::File::open(file).map_err(|error| unreadable(file, &error))?;
    Ok(Box::new(opened))
}

pub(super) fn unreadable(file: &Path, error: &std::io::Error) -> Failure {
    format!("{} cannot be read: {error}\n", file.display())
}
