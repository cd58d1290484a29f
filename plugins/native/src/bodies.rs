//! Bodies of a stream.

use crate::abi::{Buffer, Map, Stream};
use headgate_shell::Body;

/// The two bodies of the host: the bytes that have just come, and those that wait. They may be one and the same.
fn buffers(which: Body) -> (Buffer, Buffer, Map) {
    match which {
        Body::Request => (Buffer::ReceivedRequest, Buffer::BufferedRequest, Map::Request),
        Body::Response => (Buffer::ReceivedResponse, Buffer::BufferedResponse, Map::Response),
    }
}

/// Returns the number of bytes that wait apart from those that have just come.
fn waiting(stream: Stream, buffered: Buffer, map: Map) -> usize {
    if stream.is_buffered(map) { 0 } else { stream.body_size(buffered) }
}

/// Returns the number of bytes.
pub(crate) fn size(stream: Stream, which: Body) -> usize {
    let (received, buffered, map) = buffers(which);
    waiting(stream, buffered, map).saturating_add(stream.body_size(received))
}

/// Reads at most `len` bytes from `start` on. `None` if there is no room for them.
pub(crate) fn part(stream: Stream, which: Body, start: usize, len: usize) -> Option<Vec<u8>> {
    let (received, buffered, map) = buffers(which);
    let waiting = waiting(stream, buffered, map);
    let size = waiting.saturating_add(stream.body_size(received)).saturating_sub(start).min(len);
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(size).ok()?;
    if start < waiting {
        stream.copy_body(buffered, start, size, &mut bytes);
    }
    if bytes.len() < size {
        stream.copy_body(received, start.saturating_sub(waiting), size, &mut bytes);
    }
    Some(bytes)
}

/// Takes all bytes out.
pub(crate) fn clear(stream: Stream, which: Body) {
    let (received, buffered, _) = buffers(which);
    stream.drain(buffered);
    stream.drain(received);
}

/// Appends bytes to those that have just come, if the hook brings some, else to those that wait.
pub(crate) fn append(stream: Stream, which: Body, bytes: &[u8], brings: bool) -> bool {
    let (received, buffered, _) = buffers(which);
    stream.append(if brings { received } else { buffered }, bytes)
}
