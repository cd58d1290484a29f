//! Clients: their requests, and the answers that they get.

use crate::world::Fields;

/// A request of a client.
#[derive(Debug, Clone)]
pub struct ClientRequest {
    /// Method.
    pub method: String,
    /// Path with query.
    pub path: String,
    /// Headers without pseudo headers, `host` among them.
    pub headers: Fields,
    /// Body; empty for none.
    pub body: Vec<u8>,
}

/// Takes an answer as it comes.
pub trait Client {
    /// Takes the head.
    fn head(&mut self, status: u16, headers: Fields);

    /// Takes a part of the body. `false` if the client has left.
    fn chunk(&mut self, bytes: &[u8]) -> bool;

    /// The answer is cut off.
    fn cut(&mut self);
}

/// The answer that a client got.
#[derive(Debug, Clone, Default)]
pub struct Answer {
    /// Status.
    pub status: u16,
    /// Headers.
    pub headers: Fields,
    /// Body.
    pub body: Vec<u8>,
    /// Whether it was not cut off.
    pub whole: bool,
    /// The variable with the record, at the time of the log phase.
    pub record: Vec<u8>,
}

impl Client for Answer {
    fn head(&mut self, status: u16, headers: Fields) {
        (self.status, self.headers, self.whole) = (status, headers, true);
    }

    fn chunk(&mut self, bytes: &[u8]) -> bool {
        self.body.extend(bytes);
        true
    }

    fn cut(&mut self) {
        self.whole = false;
    }
}
