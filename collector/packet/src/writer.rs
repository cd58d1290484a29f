//! The writer of a packet: files one after the other, with their sums. It holds no more than a buffer of any of them.

use crate::sums::hex;
use crate::{NOTE, SUMS};
use sha2::{Digest, Sha256};
use std::io::{self, Read, Seek, Write};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipArchive, ZipWriter};

/// The level of compression. It is part of the form: another one makes other bytes.
const LEVEL: i64 = 6;

/// The digest of a file that is in a packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileSum {
    /// The name.
    pub name: String,
    /// SHA-256 in hex.
    pub sha256: String,
}

/// Writes a packet. What is written through [`Write`] belongs to the file that was begun last.
#[derive(Debug)]
pub struct PacketWriter<W: Write + Seek> {
    zip: ZipWriter<W>,
    files: Vec<FileSum>,
    open: Option<(String, Sha256)>,
}

impl<W: Write + Seek> PacketWriter<W> {
    /// Begins a packet, or a part of one that is written beside it.
    pub fn new(out: W) -> Self {
        Self { zip: ZipWriter::new(out), files: Vec::new(), open: None }
    }

    /// Begins a file. The one before ends.
    ///
    /// # Errors
    /// The packet cannot be written.
    pub fn begin(&mut self, name: &str) -> io::Result<()> {
        self.end();
        // The same entry makes the same bytes: neither the time nor the user who makes it is part of it.
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .compression_level(Some(LEVEL))
            .last_modified_time(DateTime::default())
            .unix_permissions(0o644)
            .large_file(true);
        self.zip.start_file(name, options)?;
        self.open = Some((name.to_owned(), Sha256::new()));
        Ok(())
    }

    fn end(&mut self) {
        if let Some((name, digest)) = self.open.take() {
            self.files.push(FileSum { name, sha256: hex(&digest.finalize()) });
        }
    }

    /// Writes a whole file.
    ///
    /// # Errors
    /// The packet cannot be written.
    pub fn put(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.begin(name)?;
        self.write_all(bytes)?;
        self.end();
        Ok(())
    }

    /// Appends the files of a part that was written beside the packet, as they are compressed there.
    ///
    /// # Errors
    /// The part cannot be read, or the packet cannot be written.
    pub fn append<P: Read + Write + Seek>(&mut self, mut part: PacketWriter<P>) -> io::Result<()> {
        self.end();
        part.end();
        let mut archive = ZipArchive::new(part.zip.finish()?)?;
        for place in 0..archive.len() {
            self.zip.raw_copy_file(archive.by_index_raw(place)?)?;
        }
        self.files.append(&mut part.files);
        Ok(())
    }

    /// Ends the packet with `SHA256SUMS` and the note over it, which `note` makes of its bytes.
    ///
    /// # Errors
    /// The packet cannot be written, or there is no note.
    pub fn finish(mut self, note: impl FnOnce(&[u8]) -> io::Result<String>) -> io::Result<W> {
        self.end();
        let lines = self.files.iter().map(|FileSum { name, sha256 }| format!("{sha256}  {name}\n"));
        let sums: String = lines.collect();
        let note = note(sums.as_bytes())?;
        self.put(SUMS, sums.as_bytes())?;
        self.put(NOTE, note.as_bytes())?;
        Ok(self.zip.finish()?)
    }
}

impl<W: Write + Seek> Write for PacketWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.zip.write(bytes)?;
        if let (Some((_, digest)), Some(part)) = (&mut self.open, bytes.get(..written)) {
            digest.update(part);
        }
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.zip.flush()
    }
}
