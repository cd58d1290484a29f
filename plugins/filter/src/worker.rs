//! What one worker's VM keeps between callbacks: calls under way, records on their way out, targets at rest.
//!
//! A proxy worker is one thread with one VM, so this is thread-local; only the resting targets are shared with the
//! other workers, through the host's shared data.

use crate::connections::Connections;
use crate::counts::{Cells, Counts};
use crate::host::{self, Buffer, Headers, HostResult};
use headgate_policy::{CallRef, Cooldowns, Effect, Lent, Memory, Policy, RequestId, TargetKey, uuid_v7};
use headgate_record::{Outbox, OutboxLimits};
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

/// Filter state that holds the provider of the next try; the route reads it as `wasm.headgate_target`.
const TARGET: &str = "headgate_target";
/// Filter state that holds the request's id, by which an attempt finds its call.
const CALL: &str = "headgate_call";
/// Key of the resting targets in shared data.
const COOLDOWNS: &str = "headgate.cooldowns";
/// Stands for a proxy that was started without a name.
const UNNAMED_NODE: &str = "unnamed";
/// How old a worker's view of the resting targets may be, µs.
const COOLDOWNS_AGE_US: u64 = 50_000;
/// Random bytes that are fetched at a time: those of some 40 requests.
const RANDOM_BYTES: usize = 1_024;
/// Another worker may win the compare-and-set this often before the rest of a target stays a local matter.
const CAS_TRIES: u32 = 8;

/// See the module's text.
pub(crate) struct Worker {
    pub(crate) calls: HashMap<RequestId, CallRef>,
    pub(crate) outbox: Outbox,
    /// Requests that have begun and have no record yet.
    pub(crate) open: u64,
    /// The record that is being written, its memory used again for each.
    pub(crate) record: Vec<u8>,
    pub(crate) node: String,
    pub(crate) boot: String,
    pub(crate) counts: Counts,
    /// When its VM started, ms since the Unix epoch.
    pub(crate) started_ms: u64,
    /// When the last heartbeat was sent, ms since the Unix epoch; 0 for never.
    pub(crate) heartbeat_ms: u64,
    /// The revision that the last heartbeat told of.
    pub(crate) told_revision: String,
    /// `last_seq` and `dropped` with which it has said goodbye.
    pub(crate) told_end: Option<(u64, u64)>,
    /// Requests under way, as the last heartbeat told.
    pub(crate) told_open: u64,
    /// A tick is to come at once, because a record waits.
    pub(crate) hurried: bool,
    /// A call to the collector is under way, of whichever root.
    pub(crate) calling: bool,
    /// Bytes that its requests hold.
    pub(crate) memory: Memory,
    /// The policy in force.
    pub(crate) policy: Option<Rc<Policy>>,
    /// Its connections to providers.
    pub(crate) connections: Connections,
    cooldowns: Cooldowns,
    cooldowns_read_us: u64,
    random: Random,
}

/// Random bytes fetched ahead: a call to the host for each request would be dearer than the bytes.
pub(crate) struct Random {
    bytes: [u8; RANDOM_BYTES],
    used: usize,
}

thread_local! {
    static WORKER: RefCell<Worker> = RefCell::new(Worker::start());
}

/// Runs `act` on this worker's state. `None` only if it is in use already, which the order of callbacks rules out.
pub(crate) fn with_worker<T>(act: impl FnOnce(&mut Worker) -> T) -> Option<T> {
    WORKER.with(|worker| worker.try_borrow_mut().ok().map(|mut worker| act(&mut worker)))
}

impl Worker {
    fn start() -> Self {
        let node = host::property("xds\0node\0id").or_else(|_| host::property("node\0id")).ok();
        let node = node.and_then(|node| String::from_utf8(node).ok()).filter(|node| !node.is_empty());
        let node = node.unwrap_or_else(|| UNNAMED_NODE.to_owned());
        let boot = uuid_v7(host::now_us() / 1_000, host::random());
        Self {
            calls: HashMap::new(),
            outbox: Outbox::new(&node, &boot, OutboxLimits::default()),
            open: 0,
            record: Vec::new(),
            counts: Counts::new(&node, &boot, u64::from_le_bytes(host::random())),
            started_ms: host::now_us() / 1_000,
            heartbeat_ms: 0,
            told_revision: String::new(),
            told_end: None,
            told_open: 0,
            hurried: false,
            calling: false,
            node,
            boot,
            memory: Memory::default(),
            policy: None,
            connections: Connections::default(),
            cooldowns: Cooldowns::default(),
            cooldowns_read_us: 0,
            random: Random { bytes: [0; RANDOM_BYTES], used: RANDOM_BYTES },
        }
    }

    /// What a machine may use for one event, and the random numbers beside it.
    pub(crate) fn lend(&mut self, policy: &Policy, now_us: u64) -> (Lent<'_, Cells>, &mut Random) {
        self.cooldowns(now_us);
        let standing = self.counts.standing(policy, now_us / 1_000);
        let lent = Lent {
            cooldowns: &self.cooldowns,
            ledger: &mut self.counts.cells,
            standing,
            means: &mut self.counts.means,
            unsettled: &mut self.counts.unsettled,
        };
        (lent, &mut self.random)
    }

    /// Counts what waits in the outbox together with what requests hold.
    pub(crate) fn note_outbox(&self) {
        self.memory.note_outbox(self.outbox.queued_bytes() as u64);
    }

    /// A random number for draws and jitter.
    pub(crate) fn draw(&mut self) -> u32 {
        self.random.draw()
    }

    /// Random bytes, none of them given out before.
    pub(crate) fn random<const N: usize>(&mut self) -> [u8; N] {
        self.random.take()
    }

    /// Which targets rest, at most 50 ms old.
    pub(crate) fn cooldowns(&mut self, now_us: u64) -> &Cooldowns {
        if now_us.abs_diff(self.cooldowns_read_us) > COOLDOWNS_AGE_US {
            self.cooldowns_read_us = now_us;
            self.cooldowns = Cooldowns::from_bytes(&host::shared_data(COOLDOWNS).0);
        }
        &self.cooldowns
    }

    /// Lets a target rest, here at once and for all workers by compare-and-set.
    pub(crate) fn rest(&mut self, target: TargetKey, until_ms: u64, barred: bool, now_ms: u64) {
        self.cooldowns.rest_until(target, until_ms, barred, now_ms);
        for _ in 0..CAS_TRIES {
            let (shared, cas) = host::shared_data(COOLDOWNS);
            let mut merged = Cooldowns::from_bytes(&shared);
            merged.rest_until(target, until_ms, barred, now_ms);
            if host::set_shared_data(COOLDOWNS, &merged.to_bytes(), cas).is_ok() {
                self.cooldowns.merge(&merged);
                return;
            }
        }
        host::log(host::Level::Warn, "headgate: a target's rest could not be shared with the other workers");
    }
}

impl Random {
    /// A random number for draws and jitter.
    pub(crate) fn draw(&mut self) -> u32 {
        u32::from_le_bytes(self.take())
    }

    fn take<const N: usize>(&mut self) -> [u8; N] {
        if self.bytes.len().saturating_sub(self.used) < N {
            self.bytes = host::random();
            self.used = 0;
        }
        let taken = self.bytes.get(self.used..).and_then(|unused| unused.first_chunk()).copied();
        self.used = self.used.saturating_add(N);
        taken.unwrap_or([0; N])
    }
}

/// Opens a call to its attempts.
pub(crate) fn open(call: &CallRef) {
    let id = call.borrow().id();
    let _ = host::set_property(CALL, &id.0);
    with_worker(|worker| worker.calls.insert(id, Rc::clone(call)));
}

/// The call of the stream that is being served.
pub(crate) fn current() -> Option<CallRef> {
    let id: [u8; 16] = host::property(CALL).ok()?.try_into().ok()?;
    with_worker(|worker| worker.calls.get(&RequestId(id)).map(Rc::clone)).flatten()
}

/// Forgets a call.
pub(crate) fn forget(id: RequestId) {
    with_worker(|worker| worker.calls.remove(&id));
}

/// Carries out what is the same for gate and attempt; gives back what is not.
pub(crate) fn apply(effect: Effect, now_us: u64) -> Option<Effect> {
    match effect {
        Effect::SetRequestHeader(name, value) => ignore(host::set_header(Headers::Request, name, &value)),
        Effect::RemoveRequestHeader(name) => ignore(host::remove_header(Headers::Request, &name)),
        Effect::SetResponseHeader(name, value) => ignore(host::set_header(Headers::Response, name, &value)),
        Effect::RemoveResponseHeader(name) => ignore(host::remove_header(Headers::Response, &name)),
        Effect::ReplaceChunk(bytes) => ignore(host::replace_buffer(Buffer::ResponseBody, &bytes)),
        Effect::Route(provider) => ignore(host::set_property(TARGET, provider.as_bytes())),
        Effect::Rest { target, until_ms, barred } => {
            with_worker(|worker| worker.rest(target, until_ms, barred, now_us / 1_000));
            None
        }
        Effect::ResetStream => ignore(host::reset_response()),
        Effect::Reply(_) | Effect::Call(_) | Effect::EndStream => Some(effect),
    }
}

/// A host that refuses one of these has already lost the stream; there is nobody left to tell.
fn ignore(_: HostResult<()>) -> Option<Effect> {
    None
}
