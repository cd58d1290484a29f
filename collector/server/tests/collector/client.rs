//! A small HTTP client on one keep-alive connection, with full control of the bytes.

use std::io::{BufRead, BufReader, Error, ErrorKind, Read, Result, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Maximum wait for anything. A longer wait is a hang, even on the busiest machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(240);

/// The answer to a request.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    /// Lower-case names.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or(serde_json::Value::Null)
    }
}

/// A connection.
#[derive(Debug)]
pub(crate) struct Client {
    stream: BufReader<TcpStream>,
    token: String,
}

impl Client {
    /// Connects; an empty token is not sent.
    pub(crate) fn connect(address: SocketAddr, token: &str) -> Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self { stream: BufReader::new(stream), token: token.to_owned() })
    }

    /// Limits the wait for an answer.
    pub(crate) fn patient(self, patience: Duration) -> Self {
        // On an error the old limit stays.
        let _ = self.stream.get_ref().set_read_timeout(Some(patience));
        self
    }

    pub(crate) fn get(&mut self, path: &str) -> Result<Reply> {
        self.send("GET", path, b"")
    }

    pub(crate) fn post(&mut self, path: &str, body: &[u8]) -> Result<Reply> {
        self.send("POST", path, body)
    }

    pub(crate) fn send(&mut self, method: &str, path: &str, body: &[u8]) -> Result<Reply> {
        self.send_with(method, path, "", body)
    }

    /// Sends with further header lines, each with its line break.
    pub(crate) fn send_with(&mut self, method: &str, path: &str, headers: &str, body: &[u8]) -> Result<Reply> {
        let mut head = format!("{method} {path} HTTP/1.1\r\nhost: collector\r\n");
        if !self.token.is_empty() {
            head.push_str(&format!("authorization: Bearer {}\r\n", self.token));
        }
        head.push_str(headers);
        head.push_str(&format!("content-length: {}\r\n\r\n", body.len()));
        // Sent in one piece: a refusal that does not need the body may close the connection before a second one arrives.
        self.raw(&[head.as_bytes(), body].concat())?;
        self.reply()
    }

    /// Sends raw bytes.
    pub(crate) fn raw(&mut self, bytes: &[u8]) -> Result<()> {
        self.stream.get_mut().write_all(bytes)
    }

    /// Waits until an answer has begun.
    pub(crate) fn is_answered(&mut self) -> Result<()> {
        self.stream.fill_buf().map(drop)
    }

    /// Sends a request without waiting for the answer.
    pub(crate) fn ask(&mut self, path: &str) -> Result<()> {
        let token = &self.token;
        let head = format!("GET {path} HTTP/1.1\r\nhost: collector\r\nauthorization: Bearer {token}\r\n\r\n");
        self.raw(head.as_bytes())
    }

    /// Sends a request and reads only the head of the answer.
    pub(crate) fn begin(&mut self, path: &str) -> Result<Reply> {
        self.ask(path)?;
        self.head()
    }

    /// Reads one answer.
    pub(crate) fn reply(&mut self) -> Result<Reply> {
        let mut reply = self.head()?;
        if reply.header("content-type") == Some("text/event-stream") {
            // It lasts for a minute. Its first piece is enough, and the next request has another connection.
            reply.body = self.chunk()?;
            let again = TcpStream::connect(self.stream.get_ref().peer_addr()?)?;
            again.set_nodelay(true)?;
            again.set_read_timeout(Some(PATIENCE))?;
            self.stream = BufReader::new(again);
            return Ok(reply);
        }
        if reply.header("transfer-encoding") == Some("chunked") {
            reply.body = self.chunks()?;
            return Ok(reply);
        }
        let length = reply.header("content-length").and_then(|l| l.parse().ok());
        reply.body = vec![0; length.unwrap_or(0)];
        self.stream.read_exact(&mut reply.body)?;
        Ok(reply)
    }

    fn head(&mut self) -> Result<Reply> {
        let status = self.line()?;
        let status = status
            .split(' ')
            .nth(1)
            .and_then(|code| code.parse().ok())
            .ok_or_else(|| Error::from(ErrorKind::InvalidData))?;
        let mut headers = Vec::new();
        loop {
            let line = self.line()?;
            match line.split_once(':') {
                Some((name, value)) => {
                    headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
                }
                None => break,
            }
        }
        Ok(Reply { status, headers, body: Vec::new() })
    }

    /// Reads the body of an answer after its head.
    pub(crate) fn rest(&mut self) -> Result<Vec<u8>> {
        self.chunks()
    }

    fn chunks(&mut self) -> Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let mut chunk = self.chunk()?;
            if chunk.is_empty() {
                return Ok(body);
            }
            body.append(&mut chunk);
        }
    }

    fn chunk(&mut self) -> Result<Vec<u8>> {
        let size = usize::from_str_radix(&self.line()?, 16).map_err(|_| Error::from(ErrorKind::InvalidData))?;
        let mut chunk = vec![0; size + 2];
        self.stream.read_exact(&mut chunk)?;
        chunk.truncate(size);
        Ok(chunk)
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        if self.stream.read_line(&mut line)? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        Ok(line.trim_end().to_owned())
    }
}
