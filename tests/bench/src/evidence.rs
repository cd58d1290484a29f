//! Checks that every request through Headgate has a record at the collector.
//!
//! Otherwise a gateway would look fast because it drops records under load.

use crate::Outcome;
use crate::variant::OWNER_TOKEN;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const STORED: &str = "headgate_collector_records_total{outcome=\"stored\"} ";

/// Time after the end of the load for requests in progress.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
/// Longest answer, bytes.
const MAX_PAGE: u64 = 8 << 20;

/// Waits until the collector has stored at least this many records.
pub(crate) async fn wait_for(records: u64, collector: SocketAddr) -> Outcome<u64> {
    let end = Instant::now() + PATIENCE;
    loop {
        let stored = stored(collector).await?;
        if stored >= records {
            return Ok(stored);
        }
        if Instant::now() > end {
            return Err(format!("{} of {records} requests left no record", records - stored).into());
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

async fn stored(collector: SocketAddr) -> Outcome<u64> {
    let page = get(collector, "/metrics").await?;
    let value = page.lines().find_map(|line| line.strip_prefix(STORED));
    Ok(value.map_or(Ok(0), str::parse)?)
}

/// Returns an answer of the collector, with its headers.
pub(crate) async fn get(collector: SocketAddr, path: &str) -> Outcome<String> {
    let mut stream = TcpStream::connect(collector).await?;
    let request = format!(
        "GET {path} HTTP/1.1\r\nhost: collector\r\nauthorization: Bearer {OWNER_TOKEN}\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await?;
    let mut page = String::new();
    tokio::time::timeout(PATIENCE, stream.take(MAX_PAGE).read_to_string(&mut page)).await??;
    Ok(page)
}
