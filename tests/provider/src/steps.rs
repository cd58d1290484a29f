//! An answer as a list of steps: writes, pauses and faulty ends; and their player.
//!
//! A response type cannot express half an answer followed by a reset. Steps can, and a test can inspect them before they
//! are played.

use crate::request::Connection;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

/// Longest time for which a hanging answer is kept open.
const HANG: Duration = Duration::from_secs(600);

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// A separate write.
    Write(Vec<u8>),
    Pause(Duration),
    /// Nothing more, until the client closes.
    Hang,
    /// RST.
    Reset,
    /// FIN.
    Close,
}

/// The end of playing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The answer is complete, and the connection can be used again.
    Done,
    /// The provider ended the connection.
    Closed,
    /// The client left before the end of the answer.
    ClientLeft,
}

pub(crate) async fn play(connection: &mut Connection, steps: Vec<Step>) -> Ending {
    for step in steps {
        match step {
            Step::Write(bytes) => {
                if connection.stream.write_all(&bytes).await.is_err() {
                    return Ending::ClientLeft;
                }
                // Lets the other side read each write separately, as far as loopback allows.
                tokio::task::yield_now().await;
            }
            Step::Pause(time) => {
                if leaves_within(&connection.stream, time).await {
                    return Ending::ClientLeft;
                }
            }
            Step::Hang => return hang(&connection.stream).await,
            Step::Reset => return reset(&connection.stream),
            Step::Close => return close(&mut connection.stream).await,
        }
    }
    Ending::Done
}

async fn hang(stream: &TcpStream) -> Ending {
    if leaves_within(stream, HANG).await { Ending::ClientLeft } else { Ending::Closed }
}

/// With zero linger time the kernel sends RST when the socket is dropped.
fn reset(stream: &TcpStream) -> Ending {
    stream.set_zero_linger().ok();
    Ending::Closed
}

async fn close(stream: &mut TcpStream) -> Ending {
    stream.shutdown().await.ok();
    Ending::Closed
}

async fn leaves_within(stream: &TcpStream, time: Duration) -> bool {
    tokio::select! {
        () = tokio::time::sleep(time) => false,
        () = left(stream) => true,
    }
}

/// Completes once the client has closed or broken the connection, and never while bytes of a next request are unread.
async fn left(stream: &TcpStream) {
    let mut first = [0];
    if stream.peek(&mut first).await.is_ok_and(|n| n > 0) {
        std::future::pending::<()>().await;
    }
}

/// Returns a status line and headers, including the empty line.
pub(crate) fn head(status: u16, headers: &[(String, String)]) -> Vec<u8> {
    let mut text = format!("HTTP/1.1 {status} {}\r\n", reason(status));
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str("\r\n");
    text.into_bytes()
}

/// Returns one chunk of a chunked body. An empty one would end the body, so it has no bytes.
pub(crate) fn chunk(bytes: &[u8]) -> Vec<u8> {
    if bytes.is_empty() {
        return Vec::new();
    }
    let mut framed = format!("{:x}\r\n", bytes.len()).into_bytes();
    framed.extend_from_slice(bytes);
    framed.extend_from_slice(b"\r\n");
    framed
}

/// The end of a chunked body.
pub(crate) const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        400 => "Bad Request",
        401 => "Unauthorized",
        404 => "Not Found",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        503 => "Service Unavailable",
        _ => "Status",
    }
}
