//! `verify --packet`: an evidence packet in a file.

use headgate_collector_packet::check::{self, Source};
use headgate_collector_recovery::Verdict;
use headgate_collector_tree::{TlogPolicy, VerifyingKey};
use std::fs::File;
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};

/// A packet in a file.
struct PacketPath(PathBuf);

impl Source for PacketPath {
    type Reader = BufReader<File>;

    fn open(&self) -> io::Result<Self::Reader> {
        Ok(BufReader::new(File::open(&self.0)?))
    }
}

/// Checks the packet in a file.
pub(super) fn check(path: &Path, keys: &[VerifyingKey], policy: Option<&TlogPolicy>) -> Verdict {
    check::check(&PacketPath(path.to_owned()), keys, policy)
}
