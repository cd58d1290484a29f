//! Requests that leave the proxy: calls of the filter, and tries of `ai-proxy-multi`.

use crate::memory::{Guest, pairs, read, read_text, write};
use crate::world::{Fields, Pending, Phase, field};
use wasmi::Error;

const BAD_ARGUMENT: u32 = 2;
const INTERNAL_FAILURE: u32 = 10;
/// A part that is left out keeps the pointer of another call's.
const PSEUDO: [&str; 4] = [":method", ":scheme", ":authority", ":path"];

/// A request to somebody else.
#[derive(Debug, Clone)]
pub struct Outgoing {
    /// `host:port`.
    pub to: String,
    /// Pseudo headers among them.
    pub headers: Fields,
    /// Its body.
    pub body: Vec<u8>,
    /// Milliseconds that the answer may take.
    pub timeout_ms: u64,
}

/// The answer to it.
#[derive(Debug, Clone)]
pub enum Received {
    /// None, after so many microseconds.
    Nothing(u64),
    /// An answer, whose body comes in these chunks.
    Answer {
        /// Status.
        status: u16,
        /// Other headers.
        headers: Fields,
        /// Body.
        chunks: Vec<Vec<u8>>,
        /// Whether it breaks off behind them.
        breaks_off: bool,
    },
}

/// The body of an answer, chunk by chunk as it comes.
pub type Chunks = Box<dyn Iterator<Item = Vec<u8>>>;

/// An answer that has begun.
pub enum Begun {
    /// None, after so many microseconds.
    Nothing(u64),
    /// Its head has come.
    Answer {
        /// Status.
        status: u16,
        /// Other headers.
        headers: Fields,
        /// Body. Its end does not tell whether it broke off.
        chunks: Chunks,
    },
}

/// Everybody else.
pub trait Network {
    /// Answers a request.
    fn answer(&mut self, request: &Outgoing) -> Received;

    /// Begins the answer to a request.
    fn begin(&mut self, request: &Outgoing) -> Begun {
        match self.answer(request) {
            Received::Nothing(after_us) => Begun::Nothing(after_us),
            Received::Answer { status, headers, chunks, .. } => {
                Begun::Answer { status, headers, chunks: Box::new(chunks.into_iter()) }
            }
        }
    }
}

/// The filter makes a call.
pub(crate) fn call(guest: &mut Guest<'_>, given: &[u32]) -> Result<u32, Error> {
    let to = read_text(guest, given[0], given[1]);
    if given[3] == 0 {
        return Err(Error::new("the host would have crashed: a call without headers"));
    }
    let headers = pairs(&read(guest, given[2], given[3]));
    let body = read(guest, given[4], given[5]);
    let timeout = given[8] as i32;
    let world = guest.data_mut();
    if world.now.phase != Phase::Access {
        return Ok(BAD_ARGUMENT);
    }
    if world.now.pending.is_some() || timeout < 0 {
        return Ok(INTERNAL_FAILURE);
    }
    let port = to.rsplit_once(':').map(|(_, port)| port.parse::<u16>());
    if !matches!(port, Some(Ok(_))) {
        return Ok(BAD_ARGUMENT);
    }
    if let Some(missing) = PSEUDO.iter().find(|name| field(&headers, name).is_none()) {
        return Err(Error::new(format!("the call would have had the {missing} of another one")));
    }
    let number = world.next_call;
    world.next_call += 1;
    world.now.pending = Some(Pending { number, to, headers, body, timeout_ms: timeout as u64 });
    write(guest, given[9], &number.to_le_bytes());
    Ok(0)
}
