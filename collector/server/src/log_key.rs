//! The key that signs checkpoints: given by the environment, in a file, or held by a helper.

use headgate_collector_tree::{SigningKey, VerifyingKey};
use std::fmt;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// The option, for messages.
const OPTION: &str = "--log-key";
/// The most bytes of a file with a key.
const MAX_FILE: u64 = 4 << 10;
/// The time that a helper has to sign.
const HELPER_TIME: Duration = Duration::from_secs(10);
/// The pause between two looks at a helper.
const HELPER_PAUSE: Duration = Duration::from_millis(20);
/// The beginning of a private key.
pub(crate) const PRIVATE: &str = "PRIVATE+KEY+";

/// Where the key is.
#[derive(Clone)]
pub enum LogKeySource {
    /// In the setting itself, which then comes from the environment.
    Text(Box<SigningKey>),
    /// In a file.
    File(PathBuf),
    /// In a program that signs its standard input.
    Helper(PathBuf),
}

impl LogKeySource {
    /// Reads the setting.
    ///
    /// # Errors
    /// The message says which form it must have. It does not quote the setting.
    pub fn parse(text: &str) -> Result<Self, String> {
        if let Some(path) = text.strip_prefix("file:") {
            return Ok(Self::File(path.into()));
        }
        if let Some(path) = text.strip_prefix("exec:") {
            return Ok(Self::Helper(path.into()));
        }
        SigningKey::parse(text.trim()).map(|key| Self::Text(Box::new(key))).map_err(|_| {
            "write file:PATH, exec:PATH, or a key that `headgate-collector log-key new` printed".to_owned()
        })
    }
}

impl fmt::Debug for LogKeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(key) => write!(f, "{}", key.public()),
            Self::File(path) | Self::Helper(path) => path.fmt(f),
        }
    }
}

/// A key that can sign.
#[derive(Debug)]
pub enum LogKey {
    /// A key in memory.
    Own(SigningKey),
    /// A key that a program holds.
    Helper {
        /// The program.
        path: PathBuf,
        /// The public key.
        public: VerifyingKey,
    },
}

impl LogKey {
    /// Returns the key of these settings.
    ///
    /// # Errors
    /// The file cannot be used, or a helper has no public key. The message says how to go on.
    pub fn open(source: LogKeySource, public: Option<VerifyingKey>) -> Result<Self, String> {
        let key = match (source, public) {
            (LogKeySource::Helper(path), Some(public)) => return Ok(Self::Helper { path, public }),
            (LogKeySource::Helper(_), None) => {
                return Err(format!(
                    "{OPTION} exec:… needs --log-public-key: the public key that the program signs with"
                ));
            }
            (LogKeySource::Text(_), _) if std::env::args().any(|word| word.contains(PRIVATE)) => {
                return Err(format!(
                    "everyone on this machine could see the key in {OPTION}: put it in HEADGATE_COLLECTOR_LOG_KEY or in a file"
                ));
            }
            (LogKeySource::Text(key), public) => (*key, public),
            (LogKeySource::File(path), public) => (from_file(&path)?, public),
        };
        match key {
            (key, Some(public)) if *key.public() != public => {
                Err("--log-public-key is not the public key of the log key".to_owned())
            }
            (key, _) => Ok(Self::Own(key)),
        }
    }

    /// Returns the key of these settings, if they name one.
    ///
    /// # Errors
    /// As for [`Self::open`].
    pub fn given(source: Option<LogKeySource>, public: Option<VerifyingKey>) -> Result<Option<Self>, String> {
        source.map(|source| Self::open(source, public)).transpose()
    }

    /// Returns the public key.
    #[must_use]
    pub const fn public(&self) -> &VerifyingKey {
        match self {
            Self::Own(key) => key.public(),
            Self::Helper { public, .. } => public,
        }
    }

    /// Returns the signature of bytes. A helper may take its time, so this blocks.
    ///
    /// # Errors
    /// The helper fails, or its signature is not by the public key.
    pub fn sign(&self, bytes: &[u8]) -> Result<[u8; 64], String> {
        let signature = match self {
            Self::Own(key) => key.sign(bytes),
            Self::Helper { path, .. } => ask(path, bytes)?,
        };
        if self.public().has_signed(bytes, &signature) {
            Ok(signature)
        } else {
            Err("the helper signs with another key than --log-public-key".to_owned())
        }
    }
}

fn from_file(path: &Path) -> Result<SigningKey, String> {
    SigningKey::parse(read_key_file(path)?.trim()).map_err(|_| {
        let shown = path.display();
        format!("there is no log key in {shown}: write what `headgate-collector log-key new` printed")
    })
}

/// Returns the text of a file with a private key, which only its owner may read.
pub(crate) fn read_key_file(path: &Path) -> Result<String, String> {
    let shown = path.display();
    let meta = std::fs::metadata(path).map_err(|e| format!("cannot read the key in {shown}: {e}"))?;
    if meta.permissions().mode() & 0o077 != 0 {
        return Err(format!("other users may read the key in {shown}; `chmod 600 {shown}` keeps them out"));
    }
    if meta.len() > MAX_FILE {
        return Err(format!("{shown} is too large for a key; is it the right file?"));
    }
    std::fs::read_to_string(path).map_err(|e| format!("cannot read the key in {shown}: {e}"))
}

/// Lets a helper sign bytes.
fn ask(path: &Path, bytes: &[u8]) -> Result<[u8; 64], String> {
    let failed = |e: std::io::Error| format!("{} does not sign: {e}", path.display());
    let mut child = Command::new(path)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(failed)?;
    // A program that does not read its input fails by its signature.
    if let Some(mut input) = child.stdin.take() {
        let _ = input.write_all(bytes);
    }
    if !has_ended(&mut child).map_err(failed)? {
        // It is gone if this fails.
        let _ = child.kill();
        let _ = child.wait();
        return Err(format!("{} did not sign within {} s", path.display(), HELPER_TIME.as_secs()));
    }
    let mut signature = [0; 64];
    let read = child.stdout.take().map(|mut output| output.read_exact(&mut signature));
    match read {
        Some(Ok(())) => Ok(signature),
        _ => Err(format!("{} did not print a signature of 64 bytes", path.display())),
    }
}

fn has_ended(child: &mut Child) -> std::io::Result<bool> {
    let mut waited = Duration::ZERO;
    while waited < HELPER_TIME {
        if child.try_wait()?.is_some() {
            return Ok(true);
        }
        std::thread::sleep(HELPER_PAUSE);
        waited = waited.saturating_add(HELPER_PAUSE);
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::{LogKey, LogKeySource};
    use headgate_collector_tree::SigningKey;
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;

    fn file(folder: &Path, name: &str, content: &str, mode: u32) -> String {
        let path = folder.join(name);
        std::fs::write(&path, content).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        path.to_str().unwrap().to_owned()
    }

    fn open(source: &str) -> Result<LogKey, String> {
        LogKey::open(LogKeySource::parse(source)?, None)
    }

    #[test]
    fn a_file_that_others_may_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let secret = SigningKey::new("example.com/log", &[7; 32]).unwrap().secret();
        for mode in [0o640, 0o604, 0o666] {
            let path = file(folder.path(), &mode.to_string(), &secret, mode);
            assert!(open(&format!("file:{path}")).unwrap_err().contains("chmod 600"), "{mode:o}");
        }
        let path = file(folder.path(), "key", &format!("{secret}\n"), 0o600);
        assert_eq!(open(&format!("file:{path}")).unwrap().public().name(), "example.com/log");
        let path = file(folder.path(), "other", "PRIVATE+KEY+x", 0o600);
        let refused = open(&format!("file:{path}")).unwrap_err();
        assert!(refused.contains("log-key new"), "{refused}");
    }

    #[test]
    fn a_helper_signs_and_a_false_one_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let key = SigningKey::new("example.com/log", &[7; 32]).unwrap();
        let signature = folder.path().join("signature");
        std::fs::write(&signature, key.sign(b"text")).unwrap();
        let script = format!("#!/bin/sh\ncat > /dev/null\ncat {}\n", signature.display());
        let path = file(folder.path(), "sign", &script, 0o700);
        let source = LogKeySource::parse(&format!("exec:{path}")).unwrap();
        assert!(LogKey::open(source.clone(), None).unwrap_err().contains("--log-public-key"));
        let helper = LogKey::open(source, Some(key.public().clone())).unwrap();
        assert_eq!(helper.sign(b"text"), Ok(key.sign(b"text")));
        assert!(helper.sign(b"other").unwrap_err().contains("another key"));
        let silent = file(folder.path(), "silent", "#!/bin/sh\nexit 1\n", 0o700);
        let source = LogKeySource::parse(&format!("exec:{silent}")).unwrap();
        let helper = LogKey::open(source, Some(key.public().clone())).unwrap();
        assert!(helper.sign(b"text").unwrap_err().contains("64 bytes"));
    }
}
