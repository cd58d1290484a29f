//! Parses a reply: just enough HTTP/1.1 to find its end.
//!
//! The bytes are kept, and parsing continues where it stopped, so a reply in fifty pieces costs no more than one in a
//! single piece.

use memchr::memmem;

/// The state of parsing one reply.
#[derive(Debug, Default)]
pub(crate) struct Reply {
    at: usize,
    stage: Stage,
    /// Whether a byte of the body has come.
    pub(crate) started: bool,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Stage {
    #[default]
    Head,
    /// Bytes left of a body with a length.
    Sized(usize),
    ChunkLine,
    /// Bytes left of a chunk, including its line end.
    Chunk(usize),
    LastLine,
    Done,
}

impl Reply {
    /// Parses all bytes received so far. Returns whether the reply is complete.
    ///
    /// # Errors
    /// Returns an error for another status than 200, and for an invalid reply.
    pub(crate) fn advance(&mut self, received: &[u8]) -> Result<bool, String> {
        while self.stage != Stage::Done {
            let rest = received.get(self.at..).unwrap_or_default();
            let Some((used, next)) = self.step(rest)? else { return Ok(false) };
            self.at += used;
            self.stage = next;
        }
        Ok(true)
    }

    /// Returns the bytes that were used and the next stage, or nothing if more bytes are needed.
    fn step(&mut self, rest: &[u8]) -> Result<Option<(usize, Stage)>, String> {
        Ok(match self.stage {
            Stage::Head => match memmem::find(rest, b"\r\n\r\n") {
                Some(end) => Some((end + 4, framing(rest.get(..end).unwrap_or_default())?)),
                None => None,
            },
            Stage::Sized(length) => {
                self.started |= !rest.is_empty();
                (rest.len() >= length).then_some((length, Stage::Done))
            }
            Stage::ChunkLine => match memmem::find(rest, b"\r\n") {
                Some(end) => Some((end + 2, chunk(rest.get(..end).unwrap_or_default())?)),
                None => None,
            },
            Stage::Chunk(length) => {
                self.started |= !rest.is_empty();
                (rest.len() >= length).then_some((length, Stage::ChunkLine))
            }
            Stage::LastLine => (rest.len() >= 2).then_some((2, Stage::Done)),
            Stage::Done => None,
        })
    }
}

fn framing(head: &[u8]) -> Result<Stage, String> {
    let head = String::from_utf8_lossy(head).to_ascii_lowercase();
    let status = head.split(' ').nth(1).unwrap_or_default();
    if status != "200" {
        return Err(format!("status {status:.8}"));
    }
    if head.contains("\r\ntransfer-encoding: chunked") {
        return Ok(Stage::ChunkLine);
    }
    let length = head.split("\r\ncontent-length: ").nth(1).and_then(|v| v.split("\r\n").next());
    length.and_then(|v| v.parse().ok()).map(Stage::Sized).ok_or_else(|| "a reply without a length".into())
}

fn chunk(line: &[u8]) -> Result<Stage, String> {
    let digits = std::str::from_utf8(line).unwrap_or_default();
    match usize::from_str_radix(digits, 16) {
        Ok(0) => Ok(Stage::LastLine),
        Ok(size) => Ok(Stage::Chunk(size.saturating_add(2))),
        Err(_) => Err("a malformed chunk".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHUNKED: &[u8] =
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\na\r\n0123456789\r\n0\r\n\r\n";
    const SIZED: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\nx: y\r\n\r\nhello";

    #[test]
    fn a_reply_is_complete_at_its_last_byte() {
        for whole in [CHUNKED, SIZED] {
            let mut by_byte = Reply::default();
            for end in 0..whole.len() {
                assert_eq!(Reply::default().advance(&whole[..end]), Ok(false));
                assert_eq!(by_byte.advance(&whole[..end]), Ok(false));
            }
            assert_eq!(by_byte.advance(whole), Ok(true));
        }
    }

    #[test]
    fn body_starts_after_the_headers() {
        let mut reply = Reply::default();
        let head = memmem::find(SIZED, b"hello").unwrap();
        reply.advance(&SIZED[..head]).unwrap();
        assert!(!reply.started);
        reply.advance(&SIZED[..=head]).unwrap();
        assert!(reply.started);
    }

    #[test]
    fn another_status_is_an_error() {
        assert_eq!(Reply::default().advance(b"HTTP/1.1 503 No\r\ncontent-length: 0\r\n\r\n"), Err("status 503".into()));
    }
}
