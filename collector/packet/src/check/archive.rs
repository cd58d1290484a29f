//! The archive as the check reads it: every entry once, by its only name.

use headgate_collector_tree::Check;
use std::collections::BTreeSet;
use std::io::{self, Read, Seek, SeekFrom};
use zip::ZipArchive;
use zip::read::ZipFile;

/// The most bytes of a file that is read as a whole.
const MAX_SMALL: u64 = 64 << 20;
/// The most files of a packet.
const MAX_FILES: usize = 100_000;
/// The bytes of a local header before the name.
const LOCAL_HEADER: usize = 30;
/// The bytes of an entry of the directory before the name, and their beginning.
const DIRECTORY_HEADER: usize = 46;
const DIRECTORY_ENTRY: &[u8] = b"PK\x01\x02";
/// In an entry: no flags, deflate, midnight of the first day of 1980.
const FLAGS_METHOD_TIME: [u8; 8] = [0, 0, 8, 0, 0, 0, 0x21, 0];
/// In an entry: one disk, no text, a file with the rights 644.
const DISK_AND_ATTRIBUTES: [u8; 8] = [0, 0, 0, 0, 0, 0, 0xa4, 0x81];
/// The bytes of the end of the directory, and their beginning.
const END_LENGTH: u64 = 22;
const END_OF_DIRECTORY: [u8; 4] = *b"PK\x05\x06";

/// A packet that can be opened several times, since some of its files are read side by side.
pub trait Source {
    /// The reader.
    type Reader: Read + Seek;

    /// Opens the packet from its beginning.
    ///
    /// # Errors
    /// It cannot be read.
    fn open(&self) -> io::Result<Self::Reader>;
}

/// A packet in memory.
impl<'b> Source for &'b [u8] {
    type Reader = io::Cursor<&'b [u8]>;

    fn open(&self) -> io::Result<Self::Reader> {
        Ok(io::Cursor::new(self))
    }
}

/// An open packet.
pub(super) struct Archive<'s, S: Source> {
    source: &'s S,
    zip: ZipArchive<S::Reader>,
}

/// Returns the finding that something in the archive cannot be read.
pub(super) fn broken(of: &str, error: impl std::fmt::Display) -> Check {
    Check::contradicted(of, format!("it cannot be read from the archive: {error}"))
}

impl<'s, S: Source> Archive<'s, S> {
    /// Opens a packet.
    pub(super) fn open(source: &'s S) -> Result<Self, Check> {
        let reader = source.open().map_err(|e| Check::unknown("packet", format!("it cannot be read: {e}")))?;
        let zip = ZipArchive::new(reader)
            .map_err(|e| Check::contradicted("packet", format!("it is not a whole ZIP archive: {e}")))?;
        Ok(Self { source, zip })
    }

    /// Verifies that every way to read the archive finds the same files: no name stands twice, and each has the same name in the
    /// directory and at its place. Returns the names.
    pub(super) fn names(&mut self) -> Result<BTreeSet<String>, Check> {
        if self.zip.len() > MAX_FILES || self.zip.offset() != 0 || !self.zip.comment().is_empty() {
            return Err(Check::contradicted("packet", "the archive has another form than the one that packets have"));
        }
        let mut reader = self.source.open().map_err(|e| broken("packet", e))?;
        let (mut names, mut places) = (BTreeSet::new(), Vec::new());
        for place in 0..self.zip.len() {
            let file = self.zip.by_index_raw(place).map_err(|e| broken("packet", e))?;
            let name = file.name().map_err(|e| broken("packet", e))?.into_owned();
            let (start, end) = (file.header_start(), end_of(&file));
            drop(file);
            if local_name(&mut reader, start, name.len()).is_none_or(|local| local != name.as_bytes()) {
                return Err(Check::contradicted(name, "the archive has another name at the place of this file"));
            }
            names.insert(name);
            places.push((start, end));
        }
        places.sort_unstable();
        let behind = places.iter().try_fold(0, |at, (start, end)| (*start == at).then_some((*end)?));
        let directory = self.zip.central_directory_start();
        if behind != Some(directory) || directory_entries(&mut reader, directory) != Some(names.len()) {
            return Err(Check::contradicted(
                "packet",
                "the archive has files or bytes that its directory does not show",
            ));
        }
        Ok(names)
    }

    /// Returns whether a file is there.
    pub(super) fn has(&self, name: &str) -> bool {
        self.zip.index_for_name(name).is_some()
    }

    /// Returns a reader of a file.
    pub(super) fn file(&mut self, name: &str) -> Result<ZipFile<'_, S::Reader>, Check> {
        self.zip.by_name(name).map_err(|e| broken(name, e))
    }

    /// Returns the content of a file that is small.
    pub(super) fn small(&mut self, name: &str) -> Result<Vec<u8>, Check> {
        let mut bytes = Vec::new();
        let mut file = self.file(name)?.take(MAX_SMALL + 1);
        file.read_to_end(&mut bytes).map_err(|e| broken(name, e))?;
        if bytes.len() as u64 > MAX_SMALL {
            return Err(Check::contradicted(name, "it is larger than such a file of a packet can be"));
        }
        Ok(bytes)
    }

    /// Returns the content of a small text.
    pub(super) fn text(&mut self, name: &str) -> Result<String, Check> {
        String::from_utf8(self.small(name)?).map_err(|_| Check::contradicted(name, "it is no text"))
    }
}

/// Returns the offset behind the data of a file.
fn end_of<R: Read>(file: &ZipFile<'_, R>) -> Option<u64> {
    file.data_start()?.checked_add(file.compressed_size())
}

/// Returns the number of entries of the directory; `None` if one has another form than packets have, or something follows.
fn directory_entries<R: Read + Seek>(reader: &mut R, start: u64) -> Option<usize> {
    let end = reader.seek(SeekFrom::End(0)).ok()?;
    let mut last = [0; END_OF_DIRECTORY.len()];
    reader.seek(SeekFrom::Start(end.checked_sub(END_LENGTH)?)).ok()?;
    reader.read_exact(&mut last).ok()?;
    if last != END_OF_DIRECTORY {
        return None;
    }
    let (mut count, mut at) = (0_usize, start);
    loop {
        reader.seek(SeekFrom::Start(at)).ok()?;
        let mut header = [0; DIRECTORY_HEADER];
        let Ok(()) = reader.read_exact(&mut header) else { return Some(count) };
        let Some(rest) = header.strip_prefix(DIRECTORY_ENTRY) else { return Some(count) };
        // A program that unpacks makes a link or a folder of a file whose attributes say so.
        if rest.get(4..12)? != FLAGS_METHOD_TIME || rest.get(30..38)? != DISK_AND_ATTRIBUTES {
            return None;
        }
        let lengths = rest.get(24..30)?.chunks_exact(2).filter_map(<[u8]>::first_chunk::<2>);
        let more: u64 = lengths.map(|part| u64::from(u16::from_le_bytes(*part))).sum();
        at = at.checked_add(DIRECTORY_HEADER as u64)?.checked_add(more)?;
        count = count.checked_add(1)?;
    }
}

fn local_name<R: Read + Seek>(reader: &mut R, start: u64, length: usize) -> Option<Vec<u8>> {
    reader.seek(SeekFrom::Start(start)).ok()?;
    let mut header = [0; LOCAL_HEADER];
    reader.read_exact(&mut header).ok()?;
    let [.., low, high, _, _] = header;
    if usize::from(u16::from_le_bytes([low, high])) != length {
        return None;
    }
    let mut name = vec![0; length];
    reader.read_exact(&mut name).ok()?;
    Some(name)
}
