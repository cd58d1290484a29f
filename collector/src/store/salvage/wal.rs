//! SQLite's write-ahead log, read without SQLite (<https://www.sqlite.org/fileformat2.html#walformat>).
//!
//! SQLite stops at the first frame whose checksum is wrong, because the checksums of all later ones build on it. But each
//! frame keeps its own, so the frame behind it can be judged from there: what one flipped bit costs is one page.

use super::image::PAGE;
use crate::store::StoreError;
use std::fs::File;
use std::io::{BufReader, ErrorKind, Read};
use std::path::Path;

const HEADER: usize = 32;
const FRAME_HEADER: usize = 24;
/// Frames that are asked for their salts.
const FIRST: usize = 9;
/// Bytes of a log that are read at most; SQLite keeps it well under.
const MOST_BYTES: u64 = 16 << 30;

/// What the frames of one round of the log have in common.
type Salts = [u8; 8];

/// Two sums, as they stand behind what they are of.
type Sums = (u32, u32);

/// One page as it was written.
#[derive(Debug)]
pub(super) struct Frame {
    /// The page's number, from 1.
    pub(super) page: u32,
    /// Whether its checksum is right.
    pub(super) valid: bool,
    /// Which frame it is, from 0.
    pub(super) place: u64,
    /// Its bytes.
    pub(super) bytes: Box<[u8; PAGE]>,
}

/// A log being read from its beginning.
pub(super) struct Wal {
    file: BufReader<File>,
    big_endian: bool,
    salts: Salts,
    before: Sums,
    place: u64,
}

impl Wal {
    /// Opens it; none if there is no log, or nothing in it.
    pub(super) fn open(path: &Path) -> Result<Option<Self>, StoreError> {
        let file = match File::open(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            opened => opened?,
        };
        let mut file = BufReader::with_capacity(1 << 20, file);
        let mut header = [0_u8; HEADER];
        if !filled(&mut file, &mut header)? {
            return Ok(None);
        }
        let [summed @ .., _, _, _, _, _, _, _, _] = &header;
        let stored = stored_sums(&header, HEADER);
        let sound = [false, true].into_iter().find(|big_endian| sums((0, 0), summed, *big_endian) == stored);
        // A header that is damaged says neither in which order bytes are summed up (SQLite takes this machine's) nor which
        // frames are of the log's last round (the first ones are).
        let big_endian = sound.unwrap_or(cfg!(target_endian = "big"));
        let salts = if sound.is_some() { eight(&header, 16) } else { salts_of_most(path)? };
        Ok(Some(Self { file, big_endian, salts: salts.unwrap_or_default(), before: stored, place: 0 }))
    }

    /// The next frame of this round of the log, and whether it ends a transaction.
    fn next(&mut self) -> Result<Option<(Frame, bool)>, StoreError> {
        let mut header = [0_u8; FRAME_HEADER];
        let mut bytes = Box::new([0_u8; PAGE]);
        let within = self.place.saturating_mul(4096) < MOST_BYTES;
        if !within || !filled(&mut self.file, &mut header)? || !filled(&mut self.file, bytes.as_mut_slice())? {
            return Ok(None);
        }
        if eight(&header, 8) != Some(self.salts) {
            // Of an earlier round, or its salts are what is damaged; the frame behind it tells.
            self.place = self.place.saturating_add(1);
            self.before = stored_sums(&header, FRAME_HEADER);
            let frame = Frame { page: 0, valid: false, place: self.place.saturating_sub(1), bytes };
            return Ok(Some((frame, false)));
        }
        let [first @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _] = &header;
        let own = sums(sums(self.before, first, self.big_endian), bytes.as_slice(), self.big_endian);
        let stored = stored_sums(&header, FRAME_HEADER);
        let frame = Frame { page: number(&header, 0), valid: own == stored, place: self.place, bytes };
        self.before = stored;
        self.place = self.place.saturating_add(1);
        Ok(Some((frame, number(&header, 4) != 0)))
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
            if frame.place >= end {
                break;
            }
            if frame.page > 0 {
                visit(frame)?;
            }
        }
        Ok(())
    }

    /// Where what was committed ends: behind the last frame that is right and ends a transaction. What follows was never
    /// promised to anyone.
    pub(super) fn committed(path: &Path) -> Result<u64, StoreError> {
        let mut end = 0;
        if let Some(mut wal) = Self::open(path)? {
            while let Some((frame, commits)) = wal.next()? {
                if frame.valid && commits {
                    end = frame.place.saturating_add(1);
                }
            }
        }
        Ok(end)
    }
}

/// The salts that most of the first frames have.
fn salts_of_most(path: &Path) -> Result<Option<Salts>, StoreError> {
    let mut file = BufReader::new(File::open(path)?);
    let (mut head, mut frame) = ([0_u8; HEADER], [0_u8; FRAME_HEADER + PAGE]);
    let mut found: Vec<Salts> = Vec::new();
    if filled(&mut file, &mut head)? {
        while found.len() < FIRST && filled(&mut file, &mut frame)? {
            found.extend(eight(&frame, 8));
        }
    }
    let count = |salts: &Salts| found.iter().filter(|other| *other == salts).count();
    Ok(found.iter().max_by_key(|salts| count(salts)).copied())
}

/// Fills `bytes`; false if the file ends before.
fn filled(file: &mut impl Read, bytes: &mut [u8]) -> Result<bool, StoreError> {
    match file.read_exact(bytes) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn number(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |four| u32::from_be_bytes(*four))
}

fn eight(bytes: &[u8], at: usize) -> Option<Salts> {
    bytes.get(at..)?.first_chunk().copied()
}

/// The sums in the last eight bytes of a header.
fn stored_sums(header: &[u8], length: usize) -> Sums {
    (number(header, length.saturating_sub(8)), number(header, length.saturating_sub(4)))
}

fn sums((mut one, mut two): Sums, bytes: &[u8], big_endian: bool) -> Sums {
    let (pairs, _) = bytes.as_chunks::<8>();
    for [a, b, c, d, e, f, g, h] in pairs {
        let word = |four: [u8; 4]| if big_endian { u32::from_be_bytes(four) } else { u32::from_le_bytes(four) };
        one = one.wrapping_add(word([*a, *b, *c, *d])).wrapping_add(two);
        two = two.wrapping_add(word([*e, *f, *g, *h])).wrapping_add(one);
    }
    (one, two)
}
