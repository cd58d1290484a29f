//! Whether every request that went through Headgate left its record at the collector.
//!
//! A gateway that drops records under load is fast; its figure would not be worth printing.

use crate::Outcome;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const STORED: &str = "headgate_collector_records_total{outcome=\"stored\"} ";

/// What is under way when the load ends gets this long.
const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until the collector has stored at least so many records.
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
    let mut stream = TcpStream::connect(collector).await?;
    stream.write_all(b"GET /metrics HTTP/1.1\r\nhost: collector\r\nconnection: close\r\n\r\n").await?;
    let mut page = String::new();
    tokio::time::timeout(PATIENCE, stream.take(1 << 20).read_to_string(&mut page)).await??;
    let value = page.lines().find_map(|line| line.strip_prefix(STORED));
    Ok(value.map_or(Ok(0), str::parse)?)
}
