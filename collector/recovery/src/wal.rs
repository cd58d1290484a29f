//! Reads SQLite's write-ahead log without SQLite (<https://www.sqlite.org/fileformat2.html#walformat>).
//!
//! SQLite stops at the first frame with a wrong checksum, because the checksums of all later frames build on it. But each
//! frame stores its own checksum, so the next frame can be checked from there. A flipped bit then costs only one page.

use super::page::PAGE;
use headgate_collector_db::StoreError;
use std::fs::File;
use std::io::{BufReader, ErrorKind, Read};
use std::path::Path;

const HEADER: usize = 32;
const FRAME_HEADER: usize = 24;
/// The number of frames that are read to find the salts.
const MAX_SAMPLED: usize = 9;
/// Most bytes of a log that are read; SQLite keeps it far smaller.
const MAX_BYTES: u64 = 16 << 30;

/// The salts that all frames of one round of the log share.
type Salts = [u8; 8];

/// The two sums of a checksum. They follow the bytes that they cover.
type Checksum = (u32, u32);

/// One page in the log.
#[derive(Debug)]
pub(super) struct Frame {
    /// The page's number, from 1.
    pub(super) page: u32,
    /// Whether its checksum fits.
    pub(super) valid: bool,
    /// The frame's number in the log, from 0.
    pub(super) frame_number: u64,
    /// Its bytes.
    pub(super) bytes: Box<[u8; PAGE]>,
}

/// A reader of a log, from its beginning.
pub(super) struct Wal {
    file: BufReader<File>,
    big_endian: bool,
    salts: Salts,
    before: Checksum,
    frame_number: u64,
}

impl Wal {
    /// Opens a log; `None` if there is no log, or nothing in it.
    pub(super) fn open(path: &Path) -> Result<Option<Self>, StoreError> {
        let file = match File::open(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            opened => opened?,
        };
        let mut file = BufReader::with_capacity(1 << 20, file);
        let mut header = [0_u8; HEADER];
        if !read_full(&mut file, &mut header)? {
            return Ok(None);
        }
        let [summed @ .., _, _, _, _, _, _, _, _] = &header;
        let stored = stored_checksum(&header, HEADER);
        let byte_order = [false, true].into_iter().find(|big_endian| checksum((0, 0), summed, *big_endian) == stored);
        // A damaged header gives neither the byte order of the sums (SQLite uses this machine's) nor the salts of the log's
        // last round (the first frames belong to it).
        let big_endian = byte_order.unwrap_or(cfg!(target_endian = "big"));
        let salts = if byte_order.is_some() { salts_at(&header, 16) } else { most_common_salts(path)? };
        Ok(Some(Self { file, big_endian, salts: salts.unwrap_or_default(), before: stored, frame_number: 0 }))
    }

    /// Returns the next frame of this round of the log, and whether it ends a transaction.
    fn next(&mut self) -> Result<Option<(Frame, bool)>, StoreError> {
        let mut header = [0_u8; FRAME_HEADER];
        let mut bytes = Box::new([0_u8; PAGE]);
        let is_within = self.frame_number.saturating_mul(4096) < MAX_BYTES;
        if !is_within || !read_full(&mut self.file, &mut header)? || !read_full(&mut self.file, bytes.as_mut_slice())? {
            return Ok(None);
        }
        if salts_at(&header, 8) != Some(self.salts) {
            // The frame is of an earlier round, or its salts are damaged; the next frame shows which.
            self.frame_number = self.frame_number.saturating_add(1);
            self.before = stored_checksum(&header, FRAME_HEADER);
            let frame = Frame { page: 0, valid: false, frame_number: self.frame_number.saturating_sub(1), bytes };
            return Ok(Some((frame, false)));
        }
        let [first @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _] = &header;
        let computed = checksum(checksum(self.before, first, self.big_endian), bytes.as_slice(), self.big_endian);
        let stored = stored_checksum(&header, FRAME_HEADER);
        let frame =
            Frame { page: read_u32(&header, 0), valid: computed == stored, frame_number: self.frame_number, bytes };
        self.before = stored;
        self.frame_number = self.frame_number.saturating_add(1);
        Ok(Some((frame, read_u32(&header, 4) != 0)))
    }

    /// Calls `visit` with each frame before place `end`.
    pub(super) fn each(
        path: &Path,
        end: u64,
        mut visit: impl FnMut(Frame) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let Some(mut wal) = Self::open(path)? else {
            return Ok(());
        };
        while let Some((frame, _)) = wal.next()? {
            if frame.frame_number >= end {
                break;
            }
            if frame.page > 0 {
                visit(frame)?;
            }
        }
        Ok(())
    }

    /// Returns the end of the committed frames: the place after the last valid frame that ends a transaction. Nothing after it
    /// was ever acknowledged.
    pub(super) fn committed(path: &Path) -> Result<u64, StoreError> {
        let mut end = 0;
        if let Some(mut wal) = Self::open(path)? {
            while let Some((frame, commits)) = wal.next()? {
                if frame.valid && commits {
                    end = frame.frame_number.saturating_add(1);
                }
            }
        }
        Ok(end)
    }
}

/// Returns the salts that most of the first frames have.
fn most_common_salts(path: &Path) -> Result<Option<Salts>, StoreError> {
    let mut file = BufReader::new(File::open(path)?);
    let (mut head, mut frame) = ([0_u8; HEADER], [0_u8; FRAME_HEADER + PAGE]);
    let mut found: Vec<Salts> = Vec::new();
    if read_full(&mut file, &mut head)? {
        while found.len() < MAX_SAMPLED && read_full(&mut file, &mut frame)? {
            found.extend(salts_at(&frame, 8));
        }
    }
    let count = |salts: &Salts| found.iter().filter(|other| *other == salts).count();
    Ok(found.iter().max_by_key(|salts| count(salts)).copied())
}

/// Reads all of `bytes` from the file; returns false if the file ends first.
fn read_full(file: &mut impl Read, bytes: &mut [u8]) -> Result<bool, StoreError> {
    match file.read_exact(bytes) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn read_u32(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |four| u32::from_be_bytes(*four))
}

fn salts_at(bytes: &[u8], at: usize) -> Option<Salts> {
    bytes.get(at..)?.first_chunk().copied()
}

/// Returns the sums in the last eight bytes of a header.
fn stored_checksum(header: &[u8], length: usize) -> Checksum {
    (read_u32(header, length.saturating_sub(8)), read_u32(header, length.saturating_sub(4)))
}

/// Returns a checksum continued over `bytes`.
fn checksum((mut first, mut second): Checksum, bytes: &[u8], big_endian: bool) -> Checksum {
    let (pairs, _) = bytes.as_chunks::<8>();
    for [a, b, c, d, e, f, g, h] in pairs {
        let word = |four: [u8; 4]| if big_endian { u32::from_be_bytes(four) } else { u32::from_le_bytes(four) };
        first = first.wrapping_add(word([*a, *b, *c, *d])).wrapping_add(second);
        second = second.wrapping_add(word([*e, *f, *g, *h])).wrapping_add(first);
    }
    (first, second)
}
