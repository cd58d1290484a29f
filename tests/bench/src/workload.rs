//! The requests: chat completions in four sizes, of two kinds of text; other texts in one size; and two streams.

use crate::texts::{Text, body};
use memchr::memmem;
use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A key of the benchmark's own gateway.
pub(crate) const KEY: &str = "hg-bench-9d1f0c6e5b7a48d2";

/// One cell of the table.
#[derive(Debug)]
pub(crate) struct Workload {
    pub(crate) name: &'static str,
    /// The whole request with its headers.
    pub(crate) request: Vec<u8>,
    /// A mark that every correct answer contains.
    pub(crate) mark: &'static [u8],
    /// Connections that are kept busy: enough to fill the worker, unless the provider limits the pace.
    pub(crate) connections: usize,
    turns: Option<Turns>,
}

/// The position of a number that differs in every request.
#[derive(Debug)]
struct Turns {
    at: usize,
    values: u64,
    next: AtomicU64,
}

/// The tag whose value takes turns; the number replaces its zeros.
const USER: &str = "X-Headgate-Tag-User: user-00000000\r\n";

impl Workload {
    /// Returns the bytes to send next.
    pub(crate) fn next(&self) -> Cow<'_, [u8]> {
        let Some(turns) = &self.turns else { return Cow::Borrowed(&self.request) };
        let number = format!("{:08}", turns.next.fetch_add(1, Ordering::Relaxed) % turns.values);
        let mut request = self.request.clone();
        if let Some(place) = request.get_mut(turns.at..turns.at + number.len()) {
            place.copy_from_slice(number.as_bytes());
        }
        Cow::Owned(request)
    }
}

/// Returns all cells.
pub(crate) fn all() -> Vec<Arc<Workload>> {
    let cells = [
        json("0.5 KB", Text::Mixed, 500, 32),
        json("10 KB", Text::Mixed, 10_000, 32),
        json("100 KB", Text::Mixed, 100_000, 16),
        json("1000 KB", Text::Mixed, 1_000_000, 8),
        json("agent, 0.5 KB", Text::Agent, 500, 32),
        json("agent, 10 KB", Text::Agent, 10_000, 32),
        json("agent, 100 KB", Text::Agent, 100_000, 16),
        json("agent, 1000 KB", Text::Agent, 1_000_000, 8),
        json("prose, 100 KB", Text::Prose, 100_000, 16),
        json("code, 100 KB", Text::Code, 100_000, 16),
        json("JSON, 100 KB", Text::Json, 100_000, 16),
        stream("stream, 50 chunks at once", "chat"),
        paced_stream(),
    ];
    cells.into_iter().map(Arc::new).collect()
}

/// Returns the smallest body from this number of users in turn: tag `user`, `user-00000000` and up.
pub(crate) fn from_users(users: u64) -> Arc<Workload> {
    let request = request(USER, &body(Text::Mixed, 500, r#""model":"chat""#));
    let at = memmem::find(&request, b"user-0").map_or(0, |at| at + "user-".len());
    let turns = Some(Turns { at, values: users.max(1), next: AtomicU64::new(0) });
    Arc::new(Workload { name: "0.5 KB", request, mark: b"\"usage\"", connections: 32, turns })
}

/// Returns the paced stream on this number of connections.
pub(crate) fn streams(connections: usize) -> Arc<Workload> {
    Arc::new(Workload { connections, ..paced_stream() })
}

fn paced_stream() -> Workload {
    stream("stream, 50 chunks 2 ms apart", "stream-50-delay-2")
}

fn json(name: &'static str, text: Text, size: usize, connections: usize) -> Workload {
    let request = request("", &body(text, size, r#""model":"chat""#));
    Workload { name, request, mark: b"\"usage\"", connections, turns: None }
}

fn stream(name: &'static str, model: &str) -> Workload {
    let request = request("", &body(Text::Mixed, 500, &format!(r#""model":"{model}","stream":true"#)));
    Workload { name, request, mark: b"data: [DONE]", connections: 32, turns: None }
}

fn request(headers: &str, body: &str) -> Vec<u8> {
    format!(
        "POST /v1/chat/completions HTTP/1.1\r\nHost: gateway.test\r\nAccept-Encoding: gzip, deflate\r\n\
         Connection: keep-alive\r\nAccept: application/json\r\nContent-Type: application/json\r\n\
         User-Agent: OpenAI/Python 2.8.0\r\nX-Stainless-Lang: python\r\nX-Stainless-Package-Version: 2.8.0\r\n\
         X-Stainless-OS: Linux\r\nX-Stainless-Arch: x64\r\nX-Stainless-Runtime: CPython\r\n\
         X-Stainless-Runtime-Version: 3.13.0\r\nX-Stainless-Retry-Count: 0\r\nx-stainless-read-timeout: 600\r\n\
         Authorization: Bearer {KEY}\r\n{headers}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_user_changes() {
        let workload = from_users(2);
        let users: Vec<String> = (0..3).map(|_| String::from_utf8(workload.next().into_owned()).unwrap()).collect();
        assert!(users[0].contains("\r\nX-Headgate-Tag-User: user-00000000\r\n"));
        assert_eq!(users[1], users[0].replace("user-00000000", "user-00000001"));
        assert_eq!(users[2], users[0]);
    }
}
