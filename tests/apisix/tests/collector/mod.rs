//! A real collector, and a client that makes the filter's calls.

use crate::common::root;
use headgate_test_apisix::{Outgoing, Received};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Its ingest token.
pub(crate) const TOKEN: &str = "token-of-the-workers";
const OWNER: &str = "token-of-the-owner";

/// A collector that runs.
pub(crate) struct Collector {
    /// `host:port`.
    pub(crate) address: String,
    process: Child,
    _data: tempfile::TempDir,
}

impl Collector {
    /// Starts a collector, and waits until it is ready.
    pub(crate) fn start() -> Self {
        let binary = root().join("target/debug/headgate-collector");
        assert!(binary.exists(), "the collector is missing: run `just programs`");
        let data = tempfile::tempdir().unwrap();
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let process = Command::new(binary)
            .args(["serve", "--listen", &free.to_string(), "--data"])
            .arg(data.path())
            .env("HEADGATE_INGEST_TOKEN", TOKEN)
            .env("HEADGATE_OWNER_TOKEN", OWNER)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let collector = Self { address: free.to_string(), process, _data: data };
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
        let (status, body) = self.get("/v1/requests?limit=500").unwrap();
        assert_eq!(status, 200);
        let page: serde_json::Value = serde_json::from_slice(&body).unwrap();
        page["data"].as_array().unwrap_or_else(|| panic!("{page}")).len()
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
