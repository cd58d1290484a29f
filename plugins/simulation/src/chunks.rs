//! Cuts the body of an answer into chunks.

/// Cuts a body into chunks of so many bytes; 0 cuts behind each event of a stream, and nothing leaves it whole.
pub(crate) fn cut(body: &[u8], chunk_bytes: Option<usize>) -> Vec<Vec<u8>> {
    match chunk_bytes {
        None => vec![body.to_vec()],
        Some(0) => events(body),
        Some(size) => body.chunks(size).map(<[u8]>::to_vec).collect(),
    }
}

fn events(body: &[u8]) -> Vec<Vec<u8>> {
    let (mut events, mut begun) = (Vec::new(), Vec::new());
    for line in body.split_inclusive(|byte| *byte == b'\n') {
        begun.extend_from_slice(line);
        if matches!(line, b"\n" | b"\r\n") {
            events.push(std::mem::take(&mut begun));
        }
    }
    if !begun.is_empty() || events.is_empty() {
        events.push(begun);
    }
    events
}

#[cfg(test)]
mod tests {
    use super::cut;

    #[test]
    fn nothing_is_lost_and_no_body_is_one_empty_chunk() {
        for body in [&b""[..], b"data: 1\n\ndata: 2\n\n", b"data: 1\r\n\r\nrest", b"{}"] {
            for size in [None, Some(0), Some(1), Some(7)] {
                assert_eq!(cut(body, size).concat(), body, "{size:?}");
            }
        }
        assert_eq!(cut(b"data: 1\n\ndata: 2\n\n", Some(0)).len(), 2);
        assert_eq!(cut(b"", Some(0)).len(), 1);
    }
}
