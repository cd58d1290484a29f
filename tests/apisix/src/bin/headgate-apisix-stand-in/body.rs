//! The body of an answer as it comes, up to a cut: bytes that were sent before it arrive.

use bytes::Bytes;
use hyper::body::{Body, Frame};
use std::io::Error;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::mpsc::{Receiver, Sender, channel};

/// Time in which a client takes a chunk.
const PATIENCE: u32 = 5_000;

/// The end that the connection reads.
pub(crate) struct Chunked {
    receiver: Receiver<Result<Bytes, Error>>,
    taken: usize,
    written: Arc<AtomicUsize>,
}

/// The end for the thread of a request.
pub(crate) struct Chunks {
    sender: Sender<Result<Bytes, Error>>,
    sent: usize,
    written: Arc<AtomicUsize>,
}

/// Returns both ends.
pub(crate) fn body() -> (Chunks, Chunked) {
    let (sender, receiver) = channel(1);
    let written = Arc::new(AtomicUsize::new(0));
    (Chunks { sender, sent: 0, written: Arc::clone(&written) }, Chunked { receiver, taken: 0, written })
}

impl Body for Chunked {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let next = self.receiver.poll_recv(context);
        match &next {
            Poll::Ready(Some(Ok(_))) => self.taken += 1,
            // Before it asks again, the connection writes what it has.
            Poll::Pending => self.written.store(self.taken, Ordering::Relaxed),
            Poll::Ready(_) => {}
        }
        next.map(|next| next.map(|chunk| chunk.map(Frame::data)))
    }
}

impl Chunks {
    /// Sends a chunk. `false` if the client has left.
    pub(crate) fn send(&mut self, handle: &Handle, bytes: &[u8]) -> bool {
        self.sent += 1;
        handle.block_on(self.sender.send(Ok(Bytes::copy_from_slice(bytes)))).is_ok()
    }

    /// Breaks the answer off behind the chunks that were sent.
    pub(crate) fn cut(self, handle: &Handle) {
        for _ in 0..PATIENCE {
            if self.sender.is_closed() || self.written.load(Ordering::Relaxed) == self.sent {
                break;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        // Without a client there is nothing to break off.
        let _ = handle.block_on(self.sender.send(Err(Error::other("the filter has cut the stream"))));
    }
}
