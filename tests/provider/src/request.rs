//! Parses HTTP/1.1 requests of one connection: headers, then a body by length or in chunks.
//!
//! A library does not allow to write to the socket byte by byte, reset it, or leave it open, and it would hide the exact
//! request: header order, case and repeats.

use memchr::memmem;
use std::io::{self, ErrorKind};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const MAX_HEAD: usize = 512 << 10;
const MAX_BODY: usize = 128 << 20;
const READ: usize = 64 << 10;

/// One request as it arrived.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// With the query, if there is one.
    pub(crate) path: String,
    /// In their order, with their case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    /// Returns the first value of a header, ignoring case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
    }

    fn header_is(&self, name: &str, value: &str) -> bool {
        self.header(name).is_some_and(|v| v.trim().eq_ignore_ascii_case(value))
    }

    /// Returns whether the client wants the connection closed afterwards.
    pub(crate) fn closes(&self) -> bool {
        self.header_is("connection", "close")
    }
}

/// A connection, and the bytes read from it that belong to no request yet.
pub(crate) struct Connection {
    pub(crate) stream: TcpStream,
    unread: Vec<u8>,
}

impl Connection {
    pub(crate) fn new(stream: TcpStream) -> Self {
        Self { stream, unread: Vec::new() }
    }

    /// Reads the next request. Returns `None` if the client has closed the connection between two.
    ///
    /// # Errors
    /// Returns an error if the connection broke, ended inside a request, or did not carry HTTP/1.1.
    pub(crate) async fn request(&mut self) -> io::Result<Option<Request>> {
        while self.unread.is_empty() {
            if self.fill().await? == 0 {
                return Ok(None);
            }
        }
        let head = self.until(b"\r\n\r\n", MAX_HEAD).await?;
        let mut request = head_of(&head)?;
        if request.header_is("expect", "100-continue") {
            self.stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
        }
        request.body = self.body(&request).await?;
        Ok(Some(request))
    }

    async fn body(&mut self, request: &Request) -> io::Result<Vec<u8>> {
        if request.header_is("transfer-encoding", "chunked") {
            return self.chunked().await;
        }
        match request.header("content-length") {
            Some(length) => self.exactly(length.trim().parse().map_err(|_| bad("content-length"))?).await,
            None => Ok(Vec::new()),
        }
    }

    async fn chunked(&mut self) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let size = chunk_size(&self.until(b"\r\n", MAX_HEAD).await?)?;
            if size == 0 {
                break;
            }
            body.append(&mut self.exactly(size).await?);
            self.until(b"\r\n", 2).await?;
            if body.len() > MAX_BODY {
                return Err(bad("body too large"));
            }
        }
        while !self.until(b"\r\n", MAX_HEAD).await?.is_empty() {}
        Ok(body)
    }

    /// Takes the bytes before `end`, and drops `end`.
    async fn until(&mut self, end: &[u8], limit: usize) -> io::Result<Vec<u8>> {
        loop {
            if let Some(at) = memmem::find(&self.unread, end) {
                let taken = self.take(at);
                self.take(end.len());
                return Ok(taken);
            }
            if self.unread.len() > limit {
                return Err(bad("too long"));
            }
            self.must_fill().await?;
        }
    }

    async fn exactly(&mut self, length: usize) -> io::Result<Vec<u8>> {
        if length > MAX_BODY {
            return Err(bad("body too large"));
        }
        while self.unread.len() < length {
            self.must_fill().await?;
        }
        Ok(self.take(length))
    }

    fn take(&mut self, length: usize) -> Vec<u8> {
        let rest = self.unread.split_off(length.min(self.unread.len()));
        std::mem::replace(&mut self.unread, rest)
    }

    async fn must_fill(&mut self) -> io::Result<()> {
        if self.fill().await? == 0 { Err(ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
    }

    async fn fill(&mut self) -> io::Result<usize> {
        self.unread.reserve(READ);
        self.stream.read_buf(&mut self.unread).await
    }
}

fn bad(what: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, what)
}

fn head_of(head: &[u8]) -> io::Result<Request> {
    let text = String::from_utf8_lossy(head);
    let mut lines = text.split("\r\n");
    let mut words = lines.next().unwrap_or_default().split(' ');
    let (Some(method), Some(path), Some("HTTP/1.1"), None) = (words.next(), words.next(), words.next(), words.next())
    else {
        return Err(bad("request line"));
    };
    let headers = lines.map(header).collect::<io::Result<_>>()?;
    Ok(Request { method: method.into(), path: path.into(), headers, body: Vec::new() })
}

fn header(line: &str) -> io::Result<(String, String)> {
    let (name, value) = line.split_once(':').ok_or_else(|| bad("header"))?;
    Ok((name.into(), value.trim().into()))
}

fn chunk_size(line: &[u8]) -> io::Result<usize> {
    let digits = line.split(|&b| b == b';').next().unwrap_or_default();
    let text = std::str::from_utf8(digits).map_err(|_| bad("chunk size"))?;
    usize::from_str_radix(text.trim(), 16).map_err(|_| bad("chunk size"))
}
