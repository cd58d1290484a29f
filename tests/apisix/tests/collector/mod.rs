//! A real collector, and a client that makes the filter's calls.

#![allow(dead_code, reason = "each test binary uses a part of this module")]

use crate::common::{Rendered, loaded, root};
use headgate_test_apisix::{ClientRequest, Network, Nginx, Outgoing, Received};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Its ingest token.
pub(crate) const TOKEN: &str = "token-of-the-workers";
/// The owner's token.
pub(crate) const OWNER: &str = "token-of-the-owner";
/// SHA-256 of `hg-test-alice`.
pub(crate) const ALICE: &str = "31443d332abed1a229de06db8106ab64883c3b6f8270a5bc4b68831591b82034";

/// The collector, and a provider that answers everything.
pub(crate) struct Outside<'a> {
    collector: &'a Collector,
    /// Calls that the collector got.
    pub(crate) delivered: usize,
    /// Whether calls to the collector fail.
    pub(crate) cut_off: bool,
    /// The answer is a stream.
    pub(crate) streams: bool,
}

impl Network for Outside<'_> {
    fn answer(&mut self, request: &Outgoing) -> Received {
        if request.to == self.collector.address && self.cut_off {
            return Received::Nothing(300);
        }
        if request.to == self.collector.address {
            self.delivered += 1;
            return self.collector.forward(request);
        }
        if self.streams {
            let event = b"data: {\"choices\":[]}\n\n".to_vec();
            let headers = vec![("content-type".to_owned(), "text/event-stream".to_owned())];
            return Received::Answer { status: 200, headers, chunks: vec![event; 3], breaks_off: false };
        }
        let body = br#"{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}}"#.to_vec();
        let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        Received::Answer { status: 200, headers, chunks: vec![body], breaks_off: false }
    }
}

impl<'a> Outside<'a> {
    /// With this collector.
    pub(crate) fn of(collector: &'a Collector) -> Self {
        Self { collector, delivered: 0, cut_off: false, streams: false }
    }
}

/// Starts a worker.
pub(crate) fn worker(rendered: &Rendered, pid: u32) -> Nginx {
    let mut nginx = rendered.start(&loaded());
    nginx.set_pid(pid);
    nginx
}

/// Sends a request at this moment, and returns its status.
pub(crate) fn ask(nginx: &mut Nginx, outside: &mut Outside<'_>, model: &str) -> u16 {
    tell_time(nginx);
    let stream = outside.streams;
    let body = format!(r#"{{"model":"{model}","messages":[],"stream":{stream}}}"#).into_bytes();
    let headers = [("host", "gateway.example"), ("authorization", "Bearer hg-test-alice")];
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let request = ClientRequest { method: "POST".to_owned(), path: "/v1/chat/completions".to_owned(), headers, body };
    nginx.serve(&request, outside).status
}

/// Sets the worker's clock to this moment.
pub(crate) fn tell_time(nginx: &mut Nginx) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    nginx.set_clock(u64::try_from(now.as_micros()).unwrap());
}

/// Returns the credentials for the collector.
pub(crate) fn environment() -> Vec<(String, String)> {
    vec![
        ("HEADGATE_INGEST_TOKEN".to_owned(), TOKEN.to_owned()),
        ("HEADGATE_INGEST_AUTHORIZATION".to_owned(), format!("Bearer {TOKEN}")),
    ]
}

/// A collector that runs.
pub(crate) struct Collector {
    /// `host:port`.
    pub(crate) address: String,
    process: Child,
    _data: tempfile::TempDir,
    clock: tempfile::NamedTempFile,
}

impl Collector {
    /// Starts a collector, and waits until it is ready.
    pub(crate) fn start() -> Self {
        let binary = root().join("target/debug/headgate-collector");
        assert!(binary.exists(), "the collector is missing: run `just programs`");
        let data = tempfile::tempdir().unwrap();
        let mut clock = tempfile::NamedTempFile::new().unwrap();
        clock.write_all(&0_i64.to_ne_bytes()).unwrap();
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let process = Command::new(binary)
            .args(["serve", "--listen", &free.to_string(), "--data"])
            .arg(data.path())
            .env("HEADGATE_INGEST_TOKEN", TOKEN)
            .env("HEADGATE_OWNER_TOKEN", OWNER)
            .env("LD_PRELOAD", clock_library())
            .env("CLOCK_OFFSET_FILE", clock.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let collector = Self { address: free.to_string(), process, _data: data, clock };
        let ready = (0..3_000).any(|_| {
            std::thread::sleep(Duration::from_millis(20));
            collector.get("/readyz").is_some_and(|(status, _)| status == 200)
        });
        assert!(ready, "the collector is not ready");
        collector
    }

    /// Makes a call of the filter.
    pub(crate) fn forward(&self, request: &Outgoing) -> Received {
        let pseudo = |name: &str| request.headers.iter().find(|(one, _)| one == name).map_or("", |(_, value)| value);
        let mut head = format!("{} {} HTTP/1.1\r\nhost: {}\r\n", pseudo(":method"), pseudo(":path"), request.to);
        let own = |name: &str| name.starts_with(':') || name == "host" || name == "content-length";
        for (name, value) in request.headers.iter().filter(|(name, _)| !own(name)) {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        match self.send(&head, &request.body) {
            Some((status, body)) => {
                let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
                Received::Answer { status, headers, chunks: vec![body], breaks_off: false }
            }
            None => Received::Nothing(300),
        }
    }

    /// Returns the number of stored records.
    pub(crate) fn records(&self) -> usize {
        self.list("/v1/requests?limit=500").len()
    }

    /// Returns the entries of a list.
    pub(crate) fn list(&self, path: &str) -> Vec<serde_json::Value> {
        let (status, body) = self.get(path).unwrap();
        assert_eq!(status, 200);
        let page: serde_json::Value = serde_json::from_slice(&body).unwrap();
        page["data"].as_array().unwrap_or_else(|| panic!("{page}")).clone()
    }

    /// Returns the collector's metrics.
    pub(crate) fn metrics(&self) -> String {
        String::from_utf8(self.get("/metrics").unwrap().1).unwrap()
    }

    /// Sets the collector's clock so many seconds ahead.
    pub(crate) fn set_ahead(&self, seconds: i64) {
        self.clock.as_file().write_all_at(&seconds.to_ne_bytes(), 0).unwrap();
    }

    fn get(&self, path: &str) -> Option<(u16, Vec<u8>)> {
        self.send(&format!("GET {path} HTTP/1.1\r\nhost: collector\r\nauthorization: Bearer {OWNER}\r\n"), b"")
    }

    fn send(&self, head: &str, body: &[u8]) -> Option<(u16, Vec<u8>)> {
        let mut stream = TcpStream::connect(&self.address).ok()?;
        let end = format!("connection: close\r\ncontent-length: {}\r\n\r\n", body.len());
        stream.write_all(&[head.as_bytes(), end.as_bytes(), body].concat()).ok()?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).ok()?;
        let split = answer.windows(4).position(|four| four == b"\r\n\r\n")?;
        let status = std::str::from_utf8(answer.get(9..12)?).ok()?.parse().ok()?;
        let head = String::from_utf8_lossy(&answer[..split]).to_ascii_lowercase();
        let body = &answer[split + 4..];
        let chunked = head.contains("transfer-encoding: chunked");
        Some((status, if chunked { unchunked(body) } else { body.to_vec() }))
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Builds the library that shifts the clock of a process.
fn clock_library() -> PathBuf {
    let library = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("clock-{}.so", std::process::id()));
    let source = root().join("tests/e2e/clock.c");
    let built = Command::new("cc").args(["-shared", "-fPIC", "-O1", "-o"]).arg(&library).arg(source).status().unwrap();
    assert!(built.success());
    library
}

fn unchunked(mut body: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    while let Some(end) = body.windows(2).position(|two| two == b"\r\n") {
        let size = usize::from_str_radix(std::str::from_utf8(&body[..end]).unwrap(), 16).unwrap();
        if size == 0 {
            break;
        }
        whole.extend_from_slice(&body[end + 2..end + 2 + size]);
        body = &body[end + 2 + size + 2..];
    }
    whole
}
