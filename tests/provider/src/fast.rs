//! `--fast`: prebuilt answers with the least work, so that a benchmark measures the proxy and not the provider.
//!
//! The body is read to its end but not parsed; streams, usage and pacing (`stream-50-delay-MS` as the model) are found
//! by their bytes. Nothing is recorded and no control path exists.

use crate::answer::Answer;
use crate::asked::{Asked, Surface};
use crate::steps::{LAST_CHUNK, chunk, head};
use memchr::memmem;
use std::io::{self, ErrorKind};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const READ: usize = 64 << 10;
const CHUNKS: usize = 50;

/// The three answers there are.
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

/// Serves until the client goes, asks to close, or sends what is not understood.
pub(crate) async fn connection(mut stream: TcpStream, prebuilt: &Prebuilt) {
    let mut buffer = Vec::with_capacity(READ);
    while let Ok(length) = request(&mut stream, &mut buffer).await {
        let request = buffer.get(..length).unwrap_or_default();
        if respond(&mut stream, prebuilt, request).await.is_err() || closes(request) {
            return;
        }
        buffer.drain(..length.min(buffer.len()));
    }
}

fn closes(request: &[u8]) -> bool {
    let head = memmem::find(request, b"\r\n\r\n").and_then(|end| request.get(..end));
    memmem::find(head.unwrap_or_default(), b"onnection: close").is_some()
}

/// Reads until the buffer holds a whole request, and says how long it is.
async fn request(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> io::Result<usize> {
    let mut whole = None;
    loop {
        if whole.is_none() {
            whole = request_length(buffer)?;
        }
        if let Some(length) = whole.filter(|&length| buffer.len() >= length) {
            return Ok(length);
        }
        buffer.reserve(READ);
        if stream.read_buf(buffer).await? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
    }
}

fn request_length(buffer: &[u8]) -> io::Result<Option<usize>> {
    let Some(end) = memmem::find(buffer, b"\r\n\r\n") else {
        return Ok(None);
    };
    let head = buffer.get(..end).unwrap_or_default();
    if memmem::find(head, b"ransfer-encoding: chunked").is_some() {
        return Ok(last_chunk(buffer.get(end + 4..).unwrap_or_default()).map(|length| end + 4 + length));
    }
    let body = memmem::find(head, b"ontent-length: ").map_or(0, |at| number(head.get(at + 15..).unwrap_or_default()));
    let total = usize::try_from(body).ok().and_then(|b| b.checked_add(end + 4));
    total.map(Some).ok_or_else(|| ErrorKind::InvalidData.into())
}

/// Length of a chunked body without trailers, once all of it is here.
fn last_chunk(mut body: &[u8]) -> Option<usize> {
    let whole = body.len();
    loop {
        let line = memmem::find(body, b"\r\n")?;
        let size = usize::from_str_radix(std::str::from_utf8(body.get(..line)?).ok()?, 16).ok()?;
        body = body.get(line.checked_add(size)?.checked_add(4)?..)?;
        if size == 0 {
            return Some(whole - body.len());
        }
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

async fn paced(stream: &mut TcpStream, pieces: &[Vec<u8>], delay_ms: u64) -> io::Result<()> {
    let (first, rest) = pieces.split_at_checked(2).unwrap_or_default();
    stream.write_all(&first.concat()).await?;
    for piece in rest {
        tokio::time::sleep(Duration::from_millis(delay_ms)).await;
        stream.write_all(piece).await?;
    }
    Ok(())
}

/// Whether a key is followed by `true`, white space allowed.
fn is_true(body: &[u8], key: &[u8]) -> bool {
    let Some(at) = memmem::find(body, key) else {
        return false;
    };
    let mut rest = body.get(at + key.len()..).unwrap_or_default().iter().filter(|b| !b.is_ascii_whitespace());
    rest.next() == Some(&b':') && rest.take(4).eq(b"true")
}
