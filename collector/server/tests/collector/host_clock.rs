//! A clock of the host that tests set, also while a collector uses it.

use crate::client::{Client, Reply};
use crate::process::run;
use jiff::Timestamp;
use serde_json::json;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use tempfile::NamedTempFile;

const DAY_S: i64 = 86_400;

/// Returns a library that shifts the wall clock of the process that loads it.
fn library() -> &'static Path {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let library = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("clock-{}.so", std::process::id()));
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/e2e/clock.c");
        let built = run("cc", &["-shared", "-fPIC", "-O1", "-o", library.to_str().unwrap(), source]);
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
        library
    })
}

/// A clock with an offset to the true one.
pub(crate) struct HostClock(NamedTempFile);

impl HostClock {
    /// Creates a clock this many seconds ahead of the true one.
    pub(crate) fn at(offset_s: i64) -> Self {
        let mut file = NamedTempFile::new().unwrap();
        file.write_all(&offset_s.to_ne_bytes()).unwrap();
        Self(file)
    }

    pub(crate) fn in_days(days: i64) -> Self {
        Self::at(days * DAY_S)
    }

    pub(crate) fn set(&self, offset_s: i64) {
        self.0.as_file().write_all_at(&offset_s.to_ne_bytes(), 0).unwrap();
    }

    /// Returns the variables that give a process this clock.
    pub(crate) fn variables(&self) -> [(&str, &str); 2] {
        [("LD_PRELOAD", library().to_str().unwrap()), ("CLOCK_OFFSET_FILE", self.0.path().to_str().unwrap())]
    }

    /// Lets an owner confirm the time of this clock.
    pub(crate) fn confirm(&self, owner: &mut Client) {
        let mut offset = [0; 8];
        self.0.as_file().read_exact_at(&mut offset, 0).unwrap();
        let reply = state(owner, i64::from_ne_bytes(offset));
        assert_eq!(reply.status, 200, "{}", reply.text());
        assert_eq!(reply.json()["leapt"], false);
    }
}

/// Returns the true time plus an offset in seconds, µs.
pub(crate) fn in_seconds(offset_s: i64) -> i64 {
    Timestamp::now().as_microsecond() + offset_s * 1_000_000
}

/// Lets an owner state the true time plus an offset in seconds.
pub(crate) fn state(owner: &mut Client, offset_s: i64) -> Reply {
    let now = Timestamp::from_microsecond(in_seconds(offset_s)).unwrap().to_string();
    owner.post("/v1/retention/clock", json!({"now": now}).to_string().as_bytes()).unwrap()
}
