//! A policy, and the state that a worker keeps between requests.

use crate::case::Request;
use crate::outcome::Outcome;
use crate::play::{Play, Player};
use crate::worker::{Worker, made_up_key};
use headgate_policy::document::Document;
use headgate_policy::{Gate, Policy, Timestamp};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::sync::Arc;

/// When cases are played that say nothing of a time.
pub const DEFAULT_AT: Timestamp = Timestamp(1_790_000_000_000_000);

/// Plays requests one after the other against a policy, as one worker of a proxy would serve them.
#[derive(Debug)]
pub struct World {
    pub(crate) policy: Arc<Policy>,
    pub(crate) worker: Worker,
    /// Now.
    pub(crate) now: Timestamp,
    /// Number of the next record.
    pub(crate) seq: u64,
}

impl World {
    /// Returns a worker that has served nothing yet.
    #[must_use]
    pub fn new(policy: &Arc<Policy>, now: Timestamp) -> Self {
        Self { policy: Arc::clone(policy), worker: Worker::default(), now, seq: 1 }
    }

    /// Returns the time, which goes on with each request.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// Sets the time.
    pub fn set_now(&mut self, now: Timestamp) {
        self.now = now;
    }

    /// Lets a request in and leaves it under way, with its reservations. The gate has to be closed.
    pub(crate) fn admit(&mut self, request: &Request) -> Gate {
        let now = self.now;
        let mut play = Player::new(&self.policy, &mut self.worker, &mut self.now, self.seq, Play::alone(request));
        play.let_in();
        let gate = play.gate;
        self.now = now;
        gate
    }

    /// Plays a request.
    ///
    /// # Errors
    /// A sentence, if the providers' acts do not fit the tries.
    pub fn play(&mut self, play: Play<'_>) -> Result<Outcome, String> {
        let outcome = Player::new(&self.policy, &mut self.worker, &mut self.now, self.seq, play).play()?;
        self.seq = self.seq.saturating_add(1);
        Ok(outcome)
    }
}

/// Loads a policy whose keys are made up, so that a request can be sent under each of them, and whose credentials are the words
/// `secret-of-NAME`.
///
/// # Errors
/// The reason why the filter would not take the policy.
pub fn load(document: Document) -> Result<Arc<Policy>, String> {
    let document = with_made_up_keys(document);
    let env = |name: &str| Some(format!("secret-of-{name}"));
    Policy::from_document(document, env).map(Arc::new).map_err(|problem| problem.to_string())
}

/// Puts the hashes of made-up keys in place of those of a policy.
#[must_use]
pub fn with_made_up_keys(mut document: Document) -> Document {
    for key in &mut document.keys {
        key.sha256 = hex(&Sha256::digest(made_up_key(&key.id)));
    }
    document
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(64), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}
