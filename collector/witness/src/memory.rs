//! The file of what a witness has confirmed. It is replaced as a whole, and on disk before a cosignature leaves.

use headgate_collector_tree::{Hash, decode_hash};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{File, TryLockError};
use std::io::{Error, ErrorKind, Result, Write as _};
use std::path::{Path, PathBuf};

/// The most bytes of the file.
const MAX_BYTES: u64 = 16 << 20;

/// The newest confirmed checkpoint of a log.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// The number of entries.
    pub size: u64,
    /// The root, in base64.
    pub root: String,
    /// When it was confirmed last, in seconds.
    pub time: u64,
    /// The checkpoint, with the cosignature.
    pub checkpoint: String,
}

impl Seen {
    /// Returns the root.
    #[must_use]
    pub fn root(&self) -> Option<Hash> {
        decode_hash(&self.root).ok()
    }
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Content {
    witness: String,
    logs: BTreeMap<String, Seen>,
}

/// The memory of a witness.
#[derive(Debug)]
pub struct Memory {
    path: PathBuf,
    content: Content,
    /// Held for as long as the process lives: two processes with one file would confirm two trees.
    _lock: File,
}

impl Memory {
    /// Makes the file of a witness that has never confirmed anything.
    ///
    /// # Errors
    /// The file is there already, or cannot be written.
    pub fn create(path: &Path, witness: &str) -> Result<Self> {
        if path.try_exists()? {
            return Err(Error::new(ErrorKind::AlreadyExists, "the file is there already; leave out --init"));
        }
        let content = Content { witness: witness.to_owned(), ..Content::default() };
        let memory = Self { path: path.to_owned(), content, _lock: lock(path)? };
        memory.write()?;
        Ok(memory)
    }

    /// Reads the file.
    ///
    /// # Errors
    /// It cannot be read, another process uses it, or it belongs to another witness.
    pub fn open(path: &Path, witness: &str) -> Result<Self> {
        let meta = std::fs::metadata(path)?;
        if meta.len() > MAX_BYTES {
            return Err(Error::new(ErrorKind::InvalidData, "the file is too large; is it the right one?"));
        }
        let lock = lock(path)?;
        let content: Content = serde_json::from_slice(&std::fs::read(path)?)?;
        let is_sound = content.logs.values().all(|seen| seen.size == 0 || seen.root().is_some());
        if content.witness != witness || !is_sound {
            return Err(Error::new(ErrorKind::InvalidData, "the file belongs to a witness with another key"));
        }
        Ok(Self { path: path.to_owned(), content, _lock: lock })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns what was confirmed of a log.
    #[must_use]
    pub fn seen(&self, origin: &str) -> Option<&Seen> {
        self.content.logs.get(origin)
    }

    /// Remembers a checkpoint, on disk.
    ///
    /// # Errors
    /// The file cannot be written. The memory is as before then.
    pub fn remember(&mut self, origin: &str, seen: Seen) -> Result<()> {
        let before = self.content.logs.insert(origin.to_owned(), seen);
        let written = self.write();
        if written.is_err() {
            match before {
                Some(before) => self.content.logs.insert(origin.to_owned(), before),
                None => self.content.logs.remove(origin),
            };
        }
        written
    }

    fn write(&self) -> Result<()> {
        let new = self.path.with_added_extension("new");
        let mut file = File::create(&new)?;
        file.write_all(&serde_json::to_vec_pretty(&self.content)?)?;
        file.sync_all()?;
        std::fs::rename(&new, &self.path)?;
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
    }
}

/// Keeps other processes from the file.
fn lock(path: &Path) -> Result<File> {
    let file = File::options().create(true).truncate(false).write(true).open(path.with_added_extension("lock"))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::new(ErrorKind::ResourceBusy, "another witness uses the file")),
        Err(TryLockError::Error(error)) => Err(error),
    }
}
