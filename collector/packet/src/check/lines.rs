//! The lines of a file, one at a time.

use std::io::{self, BufRead, Read};

/// The most bytes of a line. An entry of the logs has fewer.
const MAX_LINE: u64 = 16 << 20;

/// Reads the next line into `line`, without its end. Returns false at the end of the file.
pub(super) fn next<R: BufRead>(reader: &mut R, line: &mut Vec<u8>) -> io::Result<bool> {
    line.clear();
    if reader.by_ref().take(MAX_LINE).read_until(b'\n', line)? == 0 {
        return Ok(false);
    }
    if line.pop() != Some(b'\n') {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a line has no end"));
    }
    Ok(true)
}
