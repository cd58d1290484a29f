//! Reads a gateway.yaml, with the price file that it names, and compiles it.

use crate::clock::now;
use crate::exit::{Failure, Stop};
use crate::output::say;
use headgate_config::diagnostic::Diagnostic;
use headgate_config::include::{MAX_PRICE_FILE_BYTES, Source};
use headgate_config::{Compiled, compile, diagnostic};
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

/// Largest file that is read, bytes. A hundred thousand keys take a tenth of it.
const MAX_BYTES: u64 = 128 << 20;

/// Reads a text file.
pub(crate) fn read(file: &Path) -> Result<String, Failure> {
    read_text(file, MAX_BYTES).map_err(|reason| format!("{} cannot be read: {reason}\n", file.display()))
}

/// Reads at most `limit` bytes of UTF-8.
fn read_text(file: &Path, limit: u64) -> Result<String, String> {
    let mut bytes = Vec::new();
    let opened = File::open(file).map_err(|error| error.to_string())?;
    opened.take(limit.saturating_add(1)).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    if bytes.len() as u64 > limit {
        return Err(format!("it is larger than {} MiB", limit >> 20));
    }
    String::from_utf8(bytes).map_err(|error| not_utf8(error.as_bytes(), error.utf8_error().valid_up_to()))
}

/// Returns the message with the line of the first byte that is not UTF-8.
fn not_utf8(bytes: &[u8], at: usize) -> String {
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return "it is UTF-16; save it as UTF-8".to_owned();
    }
    let line = bytes.iter().take(at).filter(|byte| **byte == b'\n').count().saturating_add(1);
    format!("it is not UTF-8; the first wrong character is on line {line}. Save it as UTF-8")
}

/// Reads a gateway.yaml, and the file of prices beside it.
pub(crate) fn source(file: &Path) -> Result<Source, Problems> {
    let text = read(file).map_err(Problems::Unread)?;
    let folder = file.parent().unwrap_or(Path::new(""));
    let included = |name: &str| {
        let path = folder.join(name);
        let text = read_text(&path, MAX_PRICE_FILE_BYTES as u64)?;
        Ok((path.display().to_string(), text))
    };
    Source::new(text, &file.display().to_string(), included).map_err(Problems::Found)
}

/// The reason why a file cannot be used.
pub(crate) enum Problems {
    /// It cannot be read.
    Unread(Failure),
    /// It has errors, and perhaps warnings.
    Found(Vec<Diagnostic>),
}

impl From<Problems> for Stop {
    fn from(problems: Problems) -> Self {
        Failure::from(problems).into()
    }
}

impl From<Problems> for Failure {
    fn from(problems: Problems) -> Self {
        match problems {
            Problems::Unread(failure) => failure,
            Problems::Found(problems) => diagnostic::text(&problems),
        }
    }
}

/// Compiles a file for a command that needs it to be free of errors.
pub(crate) fn load(file: &Path) -> Result<Compiled, Failure> {
    Ok(compiled(&source(file)?, &file.display().to_string())?)
}

pub(crate) fn compiled(source: &Source, name: &str) -> Result<Compiled, Problems> {
    let compiled = compile(&source.text, name, now()).map_err(|problems| Problems::Found(source.placed(problems)))?;
    Ok(Compiled { warnings: source.placed(compiled.warnings), ..compiled })
}

pub(crate) fn warn(compiled: &Compiled) {
    if !compiled.warnings.is_empty() {
        say(&diagnostic::text(&compiled.warnings));
    }
}
