//! A PostgreSQL for one test, which can be stopped, killed and frozen. It refuses to run as root, so under root it runs as
//! another user.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::thread::sleep;
use std::time::Duration;

pub(super) struct Server {
    folder: PathBuf,
    port: u16,
    running: Option<Child>,
}

fn programs() -> PathBuf {
    let found = std::fs::read_dir("/usr/lib/postgresql").unwrap().map(|one| one.unwrap().path().join("bin"));
    found.max().unwrap()
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").unwrap().uid() == 0
}

/// Gives a file to the server's user.
fn own(file: &Path) {
    assert!(Command::new("chown").arg("postgres").arg(file).status().unwrap().success());
}

/// Returns one of the server's programs, run as a user that it accepts.
fn program(name: &str) -> Command {
    let path = programs().join(name);
    if !is_root() {
        return Command::new(path);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]).arg(path);
    command
}

impl Server {
    /// Creates and starts a server in `folder` that admits everybody.
    pub(super) fn start(folder: &Path) -> Self {
        let mut server = Self::make(folder, &["--auth=trust"]);
        server.resume();
        server
    }

    /// Does the same as [`Self::start`] with access `rules` (the lines of pg_hba.conf) and TLS with this certificate and key.
    pub(super) fn start_with_tls(folder: &Path, password: &str, rules: &str, certificate: &(String, String)) -> Self {
        let secret = folder.join("password");
        std::fs::write(&secret, password).unwrap();
        let mut server = Self::make(folder, &["--auth=scram-sha-256", "--pwfile", secret.to_str().unwrap()]);
        server.write("pg_hba.conf", rules);
        server.write("server.crt", &certificate.0);
        server.write("server.key", &certificate.1);
        server.write("postgresql.auto.conf", "ssl = on\n");
        server.resume();
        server
    }

    fn make(folder: &Path, options: &[&str]) -> Self {
        let folder = folder.join("server");
        std::fs::create_dir(&folder).unwrap();
        if is_root() {
            let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
            std::fs::set_permissions(folder.parent().unwrap(), open).unwrap();
            own(&folder);
        }
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut command = program("initdb");
        command.args(["--no-sync", "--username=headgate", "--pgdata"]).arg(folder.join("data")).args(options);
        let made = command.current_dir(&folder).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        Self { folder, port, running: None }
    }

    /// Puts a file into the server's folder, readable by its user alone.
    fn write(&self, name: &str, text: &str) {
        let file = self.folder.join("data").join(name);
        std::fs::write(&file, text).unwrap();
        std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        if is_root() {
            own(&file);
        }
    }

    /// Restarts it with another certificate and key.
    pub(super) fn use_certificate(&mut self, certificate: &(String, String)) {
        self.kill();
        self.write("server.crt", &certificate.0);
        self.write("server.key", &certificate.1);
        self.resume();
    }

    /// Restarts it with a setting and nothing else set.
    pub(super) fn set(&mut self, name: &str, value: &str) {
        self.kill();
        self.write("postgresql.auto.conf", &format!("{name} = {value}\n"));
        self.resume();
    }

    pub(super) const fn port(&self) -> u16 {
        self.port
    }

    pub(super) fn url(&self) -> String {
        format!("postgres://headgate@127.0.0.1:{}/postgres", self.port)
    }

    /// Starts it and waits until it accepts connections.
    pub(super) fn resume(&mut self) {
        let mut command = program("postgres");
        command.arg("-D").arg(self.folder.join("data")).args(["-c", "listen_addresses=127.0.0.1", "-c"]);
        command.arg(format!("port={}", self.port)).args(["-c", "unix_socket_directories="]);
        command.args(["-c", "shared_buffers=16MB", "-c", "log_min_messages=panic"]).current_dir(&self.folder);
        self.running = Some(command.spawn().unwrap());
        for _ in 0..1_000 {
            let ready = program("pg_isready").args(["-q", "-h", "127.0.0.1", "-p", &self.port.to_string()]).status();
            if ready.unwrap().success() {
                return;
            }
            sleep(Duration::from_millis(10));
        }
        panic!("the server did not start");
    }

    /// Ends it at once, like a power failure.
    pub(super) fn kill(&mut self) {
        if let Some(mut running) = self.running.take() {
            signal("-QUIT", &[running.id()]);
            running.wait().unwrap();
        }
    }

    /// Stops all its processes: connections stay open and nothing answers.
    pub(super) fn freeze(&self) {
        signal("-STOP", &self.processes());
    }

    pub(super) fn thaw(&self) {
        signal("-CONT", &self.processes());
    }

    fn processes(&self) -> Vec<u32> {
        let parent = self.running.as_ref().unwrap().id();
        let children = std::fs::read_to_string(format!("/proc/{parent}/task/{parent}/children")).unwrap();
        std::iter::once(parent).chain(children.split_whitespace().map(|id| id.parse().unwrap())).collect()
    }
}

fn signal(signal: &str, processes: &[u32]) {
    let ids = processes.iter().map(u32::to_string);
    assert!(Command::new("kill").arg(signal).args(ids).status().unwrap().success());
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}
