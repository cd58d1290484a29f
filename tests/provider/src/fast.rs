//! `--fast`: prebuilt answers with the least work, so that a benchmark measures the proxy and not the provider.
//!
//! The body is read to its end but not parsed; streams, usage and pacing (`stream-50-delay-MS` as the model) are detected
//! in its first or last 8 KB. Nothing is recorded, and there are no control paths.

use crate::answer::Answer;
use crate::asked::{Asked, Surface};
use crate::steps::{LAST_CHUNK, chunk, head};
use memchr::memmem;
use std::io::{self, ErrorKind};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Instant;

const READ: usize = 64 << 10;
const CHUNKS: usize = 50;
/// Bytes at the beginning and the end of a body that are searched. SDKs and gateways write the fields there.
const EDGE: usize = 8 << 10;

/// The three possible answers.
pub(crate) struct Prebuilt {
    json: Vec<u8>,
    stream: Vec<Vec<u8>>,
    stream_with_usage: Vec<Vec<u8>>,
}

impl Prebuilt {
    pub(crate) fn new(provider: &str) -> Self {
        let text = format!("A fast answer from {provider}, of a length that people get every day. ");
        let pieces: Vec<String> = (0..CHUNKS).map(|n| format!(" word{n}")).collect();
        Self {
            json: message("application/json", json(vec![text.repeat(6)]).as_bytes()),
            stream: stream(false, &pieces),
            stream_with_usage: stream(true, &pieces),
        }
    }
}

fn asked(include_usage: bool) -> Asked {
    let model = "gpt-5.2-2026-01-01".to_owned();
    Asked { surface: Surface::Chat, model, stream: true, include_usage, tool: None, inputs: 1, base64: false }
}

fn json(pieces: Vec<String>) -> String {
    Answer { asked: &asked(false), number: 1, pieces, usage: true }.json()
}

fn stream(include_usage: bool, pieces: &[String]) -> Vec<Vec<u8>> {
    let asked = asked(include_usage);
    let answer = Answer { asked: &asked, number: 1, pieces: pieces.to_owned(), usage: true };
    let headers =
        [("content-type", "text/event-stream"), ("x-request-id", "req_fast"), ("transfer-encoding", "chunked")];
    let head = head(200, &headers.map(|(n, v)| (n.into(), v.into())));
    let events = answer.events().into_iter().map(|e| chunk(e.as_bytes()));
    std::iter::once(head).chain(events).chain([LAST_CHUNK.to_vec()]).collect()
}

fn message(kind: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len().to_string();
    let headers = [("content-type", kind), ("x-request-id", "req_fast"), ("content-length", &length)];
    [head(200, &headers.map(|(n, v)| (n.into(), v.into()))), body.to_vec()].concat()
}

/// Serves until the client closes, asks to close, or sends an invalid request.
pub(crate) async fn connection(stream: TcpStream, prebuilt: &Prebuilt) {
    let mut incoming = Incoming { stream, unread: Vec::with_capacity(READ), kept: Vec::new() };
    while incoming.request().await.is_ok() {
        let Incoming { stream, kept, .. } = &mut incoming;
        if respond(stream, prebuilt, kept).await.is_err() || closes(kept) {
            return;
        }
    }
}

fn closes(request: &[u8]) -> bool {
    let head = memmem::find(request, b"\r\n\r\n").and_then(|end| request.get(..end)).unwrap_or_default();
    memmem::find(&head.to_ascii_lowercase(), b"\r\nconnection: close").is_some()
}

/// A connection that keeps little: a megabyte that is only read costs half of one that is stored and searched.
struct Incoming {
    stream: TcpStream,
    unread: Vec<u8>,
    /// Head and body of the request, without the middle of a long body.
    kept: Vec<u8>,
}

impl Incoming {
    async fn request(&mut self) -> io::Result<()> {
        self.kept.clear();
        let head = self.line(b"\r\n\r\n").await?.to_ascii_lowercase();
        if memmem::find(&head, b"\r\ntransfer-encoding: chunked").is_none() {
            let length =
                memmem::find(&head, b"\r\ncontent-length: ").map(|at| number(head.get(at + 18..).unwrap_or_default()));
            return self.skip(length.unwrap_or(0), true).await;
        }
        loop {
            let line = self.line(b"\r\n").await?;
            let size = std::str::from_utf8(&line).ok().and_then(|line| u64::from_str_radix(line.trim(), 16).ok());
            let size = size.ok_or(ErrorKind::InvalidData)?;
            self.skip(size, true).await?;
            self.skip(2, false).await?;
            if size == 0 {
                return Ok(());
            }
        }
    }

    /// Takes the bytes up to and including `end`. Headers are kept, the size line of a chunk is not.
    async fn line(&mut self, end: &[u8]) -> io::Result<Vec<u8>> {
        loop {
            if let Some(at) = memmem::find(&self.unread, end) {
                let line: Vec<u8> = self.unread.drain(..at + end.len()).collect();
                if self.kept.is_empty() {
                    self.kept.extend_from_slice(&line);
                }
                return Ok(line);
            }
            self.more().await?;
        }
    }

    async fn skip(&mut self, mut length: u64, keep: bool) -> io::Result<()> {
        while length > 0 {
            if self.unread.is_empty() {
                self.more().await?;
            }
            let taken = self.unread.len().min(usize::try_from(length).unwrap_or(usize::MAX));
            if keep {
                self.kept.extend_from_slice(self.unread.get(..taken).unwrap_or_default());
                without_middle(&mut self.kept);
            }
            self.unread.drain(..taken);
            length -= taken as u64;
        }
        Ok(())
    }

    async fn more(&mut self) -> io::Result<()> {
        self.unread.reserve(READ);
        match self.stream.read_buf(&mut self.unread).await? {
            0 => Err(ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }
}

fn without_middle(kept: &mut Vec<u8>) {
    if kept.len() > 4 * EDGE {
        kept.drain(EDGE..kept.len() - EDGE);
    }
}

fn number(digits: &[u8]) -> u64 {
    digits.iter().take_while(|b| b.is_ascii_digit()).take(12).fold(0, |n, b| n * 10 + u64::from(b - b'0'))
}

async fn respond(stream: &mut TcpStream, prebuilt: &Prebuilt, request: &[u8]) -> io::Result<()> {
    if !is_true(request, b"\"stream\"") {
        return stream.write_all(&prebuilt.json).await;
    }
    let with_usage = is_true(request, b"\"include_usage\"");
    let pieces = if with_usage { &prebuilt.stream_with_usage } else { &prebuilt.stream };
    match memmem::find(request, b"\"stream-50-delay-") {
        None => stream.write_all(&pieces.concat()).await,
        Some(at) => paced(stream, pieces, number(request.get(at + 17..).unwrap_or_default())).await,
    }
}

/// Sends pieces by the clock, without sleeping in between: a timer is always a little late, and delays would add up.
async fn paced(stream: &mut TcpStream, pieces: &[Vec<u8>], delay_ms: u64) -> io::Result<()> {
    let (first, rest) = pieces.split_at_checked(2).unwrap_or_default();
    stream.write_all(&first.concat()).await?;
    let mut next = Instant::now();
    for piece in rest {
        next += Duration::from_millis(delay_ms);
        tokio::time::sleep_until(next).await;
        stream.write_all(piece).await?;
    }
    Ok(())
}

/// Returns whether a key is followed by `true`, with optional white space.
fn is_true(body: &[u8], key: &[u8]) -> bool {
    let Some(at) = memmem::find(body, key) else {
        return false;
    };
    let mut rest = body.get(at + key.len()..).unwrap_or_default().iter().filter(|b| !b.is_ascii_whitespace());
    rest.next() == Some(&b':') && rest.take(4).eq(b"true")
}
