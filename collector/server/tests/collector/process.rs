//! The real binary as a process, on its own folder and port.

use crate::client::Client;
use crate::patience::eventually;
use headgate_collector_api::Route;
use headgate_collector_types::Role;
use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output};

pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_headgate-collector");
pub(crate) const INGEST: &str = "test-ingest-token";
pub(crate) const OWNER: &str = "test-owner-token";

/// Tokens given by the environment.
#[derive(Clone, Copy)]
pub(crate) enum Tokens {
    Environment,
    StoreOnly,
}

pub(crate) struct Collector {
    child: Child,
    logs: PathBuf,
    pub(crate) address: SocketAddr,
}

impl Collector {
    /// Starts on the store of `root` and waits until it is reachable.
    pub(crate) fn start(root: &Path) -> Self {
        Self::spawn(root, &mut Command::new(BINARY), Tokens::Environment)
    }

    /// Starts a further one on the store of `root`, with its output in the folder `logs`.
    pub(crate) fn start_beside(root: &Path, logs: &Path) -> Self {
        Self::start_with(root, logs, &[])
    }

    /// Does the same as [`Self::start_beside`] with further environment variables.
    pub(crate) fn start_with(root: &Path, logs: &Path, variables: &[(&str, &str)]) -> Self {
        let mut command = Command::new(BINARY);
        command.arg("serve").envs(variables.iter().copied());
        crate::store::place(&mut command, root);
        Self::run(logs, &mut command, Tokens::Environment)
    }

    /// Starts on a database of a server.
    pub(crate) fn start_on(root: &Path, url: &str) -> Self {
        Self::start_on_with(root, &[("HEADGATE_COLLECTOR_STORE", url)])
    }

    /// Starts on the store that these environment variables name.
    pub(crate) fn start_on_with(root: &Path, variables: &[(&str, &str)]) -> Self {
        let mut command = Command::new(BINARY);
        command.arg("serve").envs(variables.iter().copied());
        Self::run(root, &mut command, Tokens::Environment)
    }

    pub(crate) fn start_without_tokens(root: &Path) -> Self {
        Self::spawn(root, &mut Command::new(BINARY), Tokens::StoreOnly)
    }

    /// Starts with further environment variables.
    pub(crate) fn start_with_environment(root: &Path, variables: &[(&str, &str)]) -> Self {
        let mut command = Command::new(BINARY);
        command.envs(variables.iter().copied());
        Self::spawn(root, &mut command, Tokens::Environment)
    }

    /// Starts with a soft limit on file size, which acts like a full disk.
    pub(crate) fn start_with_file_limit(root: &Path, kib: u64) -> Self {
        let mut shell = Command::new("bash");
        let script = format!("trap '' XFSZ; ulimit -S -f {kib}; exec {BINARY} \"$@\"");
        shell.args(["-c", &script, "collector"]);
        Self::spawn(root, &mut shell, Tokens::Environment)
    }

    /// Starts on a disk of this many MiB that only the process sees; `None` if this user may not mount one.
    pub(crate) fn start_on_small_disk(root: &Path, mib: u64) -> Option<Self> {
        if !run("unshare", &["--mount", "true"]).status.success() {
            return None;
        }
        let data = root.join("data");
        std::fs::create_dir(&data).unwrap();
        let mount = format!("mount -t tmpfs -o size={mib}m,mode=700 none {}", data.display());
        let mut shell = Command::new("unshare");
        shell.args(["--mount", "bash", "-c", &format!("{mount}; exec {BINARY} \"$@\""), "collector"]);
        Some(Self::spawn(root, &mut shell, Tokens::Environment))
    }

    /// Starts on a disk that fails with the error number in `root/fault`, while that file exists.
    pub(crate) fn start_on_faulty_disk(root: &Path) -> Self {
        let (source, library) =
            (concat!(env!("CARGO_MANIFEST_DIR"), "/tests/collector/sqlite/faults/disk.c"), root.join("disk.so"));
        let built = run("cc", &["-shared", "-fPIC", "-O1", "-o", library.to_str().unwrap(), source, "-ldl"]);
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
        let mut command = Command::new(BINARY);
        command.env("LD_PRELOAD", library).env("HEADGATE_TEST_DISK", root.join("fault"));
        Self::spawn(root, &mut command, Tokens::Environment)
    }

    fn spawn(root: &Path, command: &mut Command, tokens: Tokens) -> Self {
        command.arg("serve");
        crate::store::place(command, root);
        Self::run(root, command, tokens)
    }

    fn run(logs: &Path, command: &mut Command, tokens: Tokens) -> Self {
        let out = logs.join("stdout");
        command.args(["--listen", "127.0.0.1:0"]);
        if let Tokens::Environment = tokens {
            command.env("HEADGATE_INGEST_TOKEN", INGEST);
            command.env("HEADGATE_OWNER_TOKEN", OWNER);
        }
        command.stdout(File::create(&out).unwrap());
        let log = File::options().create(true).append(true).open(logs.join("stderr"));
        command.stderr(log.unwrap());
        let mut child = command.spawn().unwrap();
        let address = wait_for_address(&mut child, logs);
        Self { child, logs: logs.to_owned(), address }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn ingest(&self) -> Client {
        Client::connect(self.address, INGEST).unwrap()
    }

    pub(crate) fn owner(&self) -> Client {
        Client::connect(self.address, OWNER).unwrap()
    }

    /// Returns a connection with a token that may use the route.
    pub(crate) fn allowed(&self, route: &Route) -> Client {
        if route.access.roles().contains(&Role::Owner) { self.owner() } else { self.ingest() }
    }

    /// Returns a connection with another token; an empty one is not sent.
    pub(crate) fn with_token(&self, token: &str) -> Client {
        Client::connect(self.address, token).unwrap()
    }

    pub(crate) fn logs(&self) -> String {
        ["stdout", "stderr"].map(|name| std::fs::read_to_string(self.logs.join(name)).unwrap()).concat()
    }

    /// Sends SIGKILL, so the process cannot finish anything.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Sends SIGTERM, then waits for the end.
    pub(crate) fn terminate(mut self) -> ExitStatus {
        self.signal("TERM");
        self.ended()
    }

    /// Sends a signal by its name.
    pub(crate) fn signal(&self, name: &str) {
        assert!(run("kill", &[&format!("-{name}"), &self.id().to_string()]).status.success());
    }

    /// Waits for the end.
    pub(crate) fn ended(&mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        // The process may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits until the process says where it listens.
fn wait_for_address(child: &mut Child, logs: &Path) -> SocketAddr {
    let line = eventually("the collector starts", || {
        if let Some(status) = child.try_wait().unwrap() {
            panic!("the collector ended ({status}): {}", std::fs::read_to_string(logs.join("stderr")).unwrap());
        }
        let text = std::fs::read_to_string(logs.join("stdout")).unwrap();
        text.strip_suffix('\n').map(str::to_owned)
    });
    line.strip_prefix("listening on http://").unwrap().parse().unwrap()
}

/// Runs a command to its end.
pub(crate) fn run(program: &str, args: &[&str]) -> Output {
    Command::new(program).args(args).output().unwrap()
}
