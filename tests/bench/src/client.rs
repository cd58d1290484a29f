//! A client connection that sends prebuilt bytes and times the reply.

use crate::reply::Reply;
use crate::workload::Workload;
use memchr::memmem;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Longest time for a reply.
const PATIENCE: Duration = Duration::from_secs(30);

/// Times from the first byte that was sent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Timing {
    /// To the first byte of the body.
    pub(crate) first_byte: Duration,
    /// To the last byte.
    pub(crate) total: Duration,
}

pub(crate) struct Client {
    stream: TcpStream,
    received: Vec<u8>,
}

impl Client {
    pub(crate) async fn connect(to: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(to).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, received: Vec::with_capacity(64 << 10) })
    }

    /// Sends the request and waits for the end of the reply.
    ///
    /// # Errors
    /// Returns an error for anything but a complete 200 that contains the workload's mark.
    pub(crate) async fn exchange(&mut self, workload: &Workload) -> io::Result<Timing> {
        let sent = Instant::now();
        let reply = async {
            self.stream.write_all(&workload.next()).await?;
            self.reply(sent).await
        };
        let timing = tokio::time::timeout(PATIENCE, reply).await.map_err(|_| io::Error::other("no answer"))??;
        match memmem::rfind(&self.received, workload.mark) {
            Some(_) => Ok(timing),
            None => Err(io::Error::other("an answer without its end")),
        }
    }

    async fn reply(&mut self, sent: Instant) -> io::Result<Timing> {
        self.received.clear();
        let (mut reply, mut first_byte) = (Reply::default(), None);
        loop {
            self.received.reserve(16 << 10);
            if self.stream.read_buf(&mut self.received).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let complete = reply.advance(&self.received).map_err(io::Error::other)?;
            if reply.started && first_byte.is_none() {
                first_byte = Some(sent.elapsed());
            }
            if complete {
                let total = sent.elapsed();
                return Ok(Timing { first_byte: first_byte.unwrap_or(total), total });
            }
        }
    }
}
