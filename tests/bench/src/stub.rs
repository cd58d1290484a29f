//! A collector that acknowledges everything and stores nothing, for runs without the real one.
//!
//! Like the real one it counts records, so that the run can check that every request left its record.

use memchr::memmem;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Key of a record's number, which is in every record once.
const RECORD: &[u8] = b"\"seq\":";

/// Serves until the run ends.
pub(crate) async fn start() -> io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let stored = Arc::new(AtomicUsize::new(0));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(connection(stream, Arc::clone(&stored)));
        }
    });
    Ok(address)
}

async fn connection(mut stream: TcpStream, stored: Arc<AtomicUsize>) {
    let mut buffer = Vec::new();
    while let Ok(length) = request(&mut stream, &mut buffer).await {
        let request: Vec<u8> = buffer.drain(..length.min(buffer.len())).collect();
        let body = answer(&request, &stored);
        let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        // The proxy sends batches on one connection; the other client wants its connection closed.
        if stream.write_all(answer.as_bytes()).await.is_err() || request.starts_with(b"GET ") {
            return;
        }
    }
}

fn answer(request: &[u8], stored: &AtomicUsize) -> String {
    if request.starts_with(b"GET ") {
        let total = stored.load(Ordering::Relaxed);
        return format!("headgate_collector_records_total{{outcome=\"stored\"}} {total}\n");
    }
    let records = memmem::find_iter(request, RECORD).count();
    stored.fetch_add(records, Ordering::Relaxed);
    format!(r#"{{"stored":{records},"duplicates":0,"refused":[]}}"#)
}

/// Returns the length of the request at the front of the buffer, once it is complete. Batches have a length.
async fn request(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> io::Result<usize> {
    loop {
        if let Some(length) = whole(buffer).filter(|&length| buffer.len() >= length) {
            return Ok(length);
        }
        buffer.reserve(64 << 10);
        if stream.read_buf(buffer).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}

fn whole(buffer: &[u8]) -> Option<usize> {
    let end = memmem::find(buffer, b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(buffer.get(..end)?).to_ascii_lowercase();
    let length = head.split("\r\ncontent-length: ").nth(1).and_then(|v| v.split("\r\n").next()?.parse().ok());
    Some(end + 4 + length.unwrap_or(0))
}
