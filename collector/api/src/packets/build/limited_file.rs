//! A file that ends a packet before it takes the room that the logs need.

use std::fs::File;
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

/// The bytes of the disk that stay free.
const RESERVE: u64 = 512 << 20;
/// The bytes between two looks at the disk.
const LOOK: u64 = 16 << 20;

/// A file with a limit.
#[derive(Debug)]
pub(super) struct LimitedFile {
    file: BufWriter<File>,
    written: u64,
    looked_at: u64,
    max: u64,
}

impl LimitedFile {
    /// Creates a file that is at most so large, and that no other user may read.
    pub(super) fn create(path: &Path, max: u64) -> io::Result<Self> {
        let file = File::options().read(true).write(true).create(true).truncate(true).mode(0o600).open(path)?;
        room(&file)?;
        Ok(Self { file: BufWriter::with_capacity(256 << 10, file), written: 0, looked_at: 0, max })
    }

    /// Makes the file durable.
    pub(super) fn sync(mut self) -> io::Result<()> {
        self.file.flush()?;
        self.file.get_ref().sync_all()
    }
}

fn room(file: &File) -> io::Result<()> {
    let disk = rustix::fs::fstatvfs(file)?;
    if disk.f_bavail.saturating_mul(disk.f_frsize) < RESERVE {
        return Err(io::ErrorKind::StorageFull.into());
    }
    Ok(())
}

impl Write for LimitedFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.written = self.written.saturating_add(bytes.len() as u64);
        if self.written > self.max {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        if self.written.saturating_sub(self.looked_at) > LOOK {
            self.looked_at = self.written;
            room(self.file.get_ref())?;
        }
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Seek for LimitedFile {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}

impl Read for LimitedFile {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        self.file.flush()?;
        self.file.get_mut().read(bytes)
    }
}
