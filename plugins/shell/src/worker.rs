//! The state of one worker's VM between callbacks, beside its [`crate::exchanges`]: records on their way out, cooldowns.
//!
//! A proxy worker is one thread with one VM, so this is thread-local; only the resting targets are shared with the
//! other workers, through the host's shared data.

use crate::cells::CellsOn;
use crate::connections::Connections;
use crate::exchange_id::ExchangeId;
use crate::handed_over::HandedOver;
use crate::host::{Body, Headers, Host, HostResult};
use crate::metrics::Metrics;
use crate::proxy_refusals::ProxyRefusals;
use crate::shared_counters::SharedCounters;
use headgate_policy::{Attempt, Cooldowns, Effect, Memory, Policy, RequestEnv, TargetKey, uuid_v7};
use headgate_record::{Outbox, OutboxLimits};
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

/// Interval at which finished records are looked for. A quiet worker pays for this and nothing else.
pub(crate) const TICK: Duration = Duration::from_millis(100);
/// Key of the resting targets in shared data.
const COOLDOWNS: &str = "headgate.cooldowns";
/// Pause after a delivery that a request has carried and that failed, ms; it doubles so many times.
const FIRST_PAUSE_MS: u64 = 1_000;
const PAUSE_DOUBLINGS: u32 = 5;
/// Stands for a proxy that was started without a name.
const UNNAMED_NODE: &str = "unnamed";
/// Greatest age of a worker's view of the targets in cooldown, µs.
const COOLDOWNS_AGE_US: u64 = 50_000;
/// Random bytes that are fetched at a time: those of some 40 requests.
const RANDOM_BYTES: usize = 1_024;
/// Another worker may win the compare-and-set this often before a cooldown is kept on this worker only.
const CAS_TRIES: u32 = 8;

/// See the module's text.
pub(crate) struct Worker {
    /// The try that ended last without an answer.
    pub(crate) ended: Option<EndedTry>,
    pub(crate) outbox: Outbox,
    /// Requests that have begun and have no record yet.
    pub(crate) open: u64,
    /// The record that is being written, its memory used again for each.
    pub(crate) record: Vec<u8>,
    pub(crate) node: Rc<str>,
    pub(crate) boot: Rc<str>,
    pub(crate) counters: SharedCounters,
    /// When its VM started, ms since the Unix epoch.
    pub(crate) started_ms: u64,
    /// When the last heartbeat was sent, ms since the Unix epoch; 0 for never.
    pub(crate) heartbeat_ms: u64,
    /// The revision that the last heartbeat told of.
    pub(crate) told_revision: String,
    /// The number of the last record that it told of.
    pub(crate) told_seq: u64,
    /// `last_seq` and `dropped` with which it has said goodbye.
    pub(crate) told_end: Option<(u64, u64)>,
    /// Requests under way, as the last heartbeat told.
    pub(crate) told_open: u64,
    /// The time until the next tick, if something waits for it and the regular one would be late.
    pub(crate) hurried: Option<Duration>,
    /// A call to the collector is under way, of whichever root.
    pub(crate) calling: bool,
    /// When limits last had the collector asked before a request was decided on, ms since the Unix epoch.
    pub(crate) asked_ms: u64,
    /// Records that the host's logger has taken.
    pub(crate) handed_over: HandedOver,
    /// Deliveries that failed, in a row, and the time until which no request carries another one.
    pub(crate) failures: u32,
    pub(crate) quiet_until_ms: u64,
    /// Bytes that its requests hold.
    pub(crate) memory: Memory,
    /// The policy in force.
    pub(crate) policy: Option<Rc<Policy>>,
    /// Its connections to providers.
    pub(crate) connections: Connections,
    /// Counts of requests that the proxy refused by itself.
    pub(crate) proxy_refusals: ProxyRefusals,
    /// When it last looked for overdue requests, µs since the Unix epoch.
    pub(crate) looked_overdue_us: u64,
    pub(crate) metrics: Metrics,
    /// Its number in [`Metrics::outbox`].
    number: u64,
    cooldowns: Cooldowns,
    cooldowns_read_us: u64,
    random: Random,
}

/// A try that ended without an answer.
pub(crate) struct EndedTry {
    /// The identity of its connection.
    pub(crate) address: Vec<u8>,
    pub(crate) exchange: ExchangeId,
    pub(crate) attempt: Attempt,
}

/// Random bytes fetched ahead: a call to the host for each request would be dearer than the bytes.
pub(crate) struct Random {
    bytes: [u8; RANDOM_BYTES],
    used: usize,
}

thread_local! {
    static WORKER: RefCell<Option<Worker>> = const { RefCell::new(None) };
}

/// Runs `act` on this worker's state. `None` only if it is in use already, which the order of callbacks rules out.
pub(crate) fn with_worker<T>(host: &impl Host, act: impl FnOnce(&mut Worker) -> T) -> Option<T> {
    WORKER.with(|worker| {
        let mut worker = worker.try_borrow_mut().ok()?;
        Some(act(worker.get_or_insert_with(|| Worker::start(host))))
    })
}

impl Worker {
    fn start(host: &impl Host) -> Self {
        let node = host.node().filter(|node| !node.is_empty());
        let node = node.unwrap_or_else(|| UNNAMED_NODE.to_owned());
        let boot = uuid_v7(host.now_us() / 1_000, host.random());
        Self {
            ended: None,
            outbox: Outbox::new(&node, &boot, OutboxLimits::default()),
            open: 0,
            record: Vec::new(),
            counters: SharedCounters::new(host, &node, &boot, u64::from_le_bytes(host.random())),
            started_ms: host.now_us() / 1_000,
            heartbeat_ms: 0,
            told_revision: String::new(),
            told_seq: 0,
            told_end: None,
            told_open: 0,
            hurried: None,
            calling: false,
            asked_ms: 0,
            handed_over: HandedOver::default(),
            failures: 0,
            quiet_until_ms: 0,
            node: node.into(),
            boot: boot.into(),
            memory: Memory::default(),
            policy: None,
            connections: Connections::default(),
            proxy_refusals: ProxyRefusals::default(),
            looked_overdue_us: 0,
            metrics: Metrics::default(),
            number: u64::from_le_bytes(host.random()),
            cooldowns: Cooldowns::default(),
            cooldowns_read_us: 0,
            random: Random { bytes: [0; RANDOM_BYTES], used: RANDOM_BYTES },
        }
    }

    /// Runs `act` with the state that a machine may use for one event, and the random numbers beside it.
    pub(crate) fn with_request_env<H: Host, T>(
        &mut self,
        host: &H,
        policy: &Policy,
        now_us: u64,
        act: impl FnOnce(RequestEnv<'_, CellsOn<'_, H>>, &mut Random) -> T,
    ) -> T {
        self.cooldowns(host, now_us);
        let fleet_status = self.counters.fleet_status(policy, now_us / 1_000);
        let env = RequestEnv {
            cooldowns: &self.cooldowns,
            ledger: &mut self.counters.cells.on(host),
            fleet_status,
            output_estimates: &mut self.counters.output_estimates,
            unsettled: &mut self.counters.unsettled,
        };
        act(env, &mut self.random)
    }

    /// Has the next tick come after this time or earlier. The regular tick does what can wait for it: it must not come later because
    /// a delivery is due later.
    pub(crate) fn hurry(&mut self, host: &impl Host, within: Duration) {
        if within < TICK && self.hurried.is_none_or(|hurried| within < hurried) && host.set_tick(within).is_ok() {
            self.hurried = Some(within);
        }
    }

    /// Notes how a delivery went that a request has carried. After a failure, requests carry none for a while, since a client waits for
    /// each.
    pub(crate) fn note_delivery(&mut self, arrived: bool, now_ms: u64) {
        if arrived {
            (self.failures, self.quiet_until_ms) = (0, 0);
            return;
        }
        let pause_ms = FIRST_PAUSE_MS.saturating_mul(1 << self.failures.min(PAUSE_DOUBLINGS));
        self.failures = self.failures.saturating_add(1);
        self.quiet_until_ms = now_ms.saturating_add(pause_ms);
    }

    /// Counts the bytes of the outbox together with those of requests.
    pub(crate) fn note_outbox(&self) {
        self.memory.note_outbox(self.outbox.queued_bytes() as u64);
    }

    /// Shows the state of the outbox in the metrics.
    pub(crate) fn show_outbox(&mut self, host: &impl Host, policy: &Policy, now_ms: u64) {
        if self.metrics.is_due(policy.metrics(), now_ms) {
            self.metrics.outbox(host, self.number, self.outbox.queued() as u64, self.outbox.dropped(), now_ms);
        }
    }

    /// A random number for draws and jitter.
    pub(crate) fn draw(&mut self, host: &impl Host) -> u32 {
        self.random.draw(host)
    }

    /// Random bytes, none of them given out before.
    pub(crate) fn random<const N: usize>(&mut self, host: &impl Host) -> [u8; N] {
        self.random.take(host)
    }

    /// Returns the targets in cooldown, at most 50 ms old.
    pub(crate) fn cooldowns(&mut self, host: &impl Host, now_us: u64) -> &Cooldowns {
        if now_us.abs_diff(self.cooldowns_read_us) > COOLDOWNS_AGE_US {
            self.cooldowns_read_us = now_us;
            self.cooldowns = Cooldowns::from_bytes(&host.shared(COOLDOWNS).0);
        }
        &self.cooldowns
    }

    /// Puts a target in cooldown, here at once and for all workers by compare-and-set.
    pub(crate) fn set_cooldown(
        &mut self,
        host: &impl Host,
        target: TargetKey,
        until_ms: u64,
        unavailable: bool,
        now_ms: u64,
    ) {
        self.cooldowns.set_cooldown(target, until_ms, unavailable, now_ms);
        for _ in 0..CAS_TRIES {
            let (shared, cas) = host.shared(COOLDOWNS);
            let mut merged = Cooldowns::from_bytes(&shared);
            merged.set_cooldown(target, until_ms, unavailable, now_ms);
            if host.set_shared(COOLDOWNS, &merged.to_bytes(), cas).is_ok() {
                self.cooldowns.merge(&merged);
                return;
            }
        }
        log::warn!("the cooldown of a target could not be shared with the other workers");
    }
}

impl Random {
    /// A random number for draws and jitter.
    pub(crate) fn draw(&mut self, host: &impl Host) -> u32 {
        u32::from_le_bytes(self.take(host))
    }

    fn take<const N: usize>(&mut self, host: &impl Host) -> [u8; N] {
        if self.bytes.len().saturating_sub(self.used) < N {
            self.bytes = host.random();
            self.used = 0;
        }
        let taken = self.bytes.get(self.used..).and_then(|unused| unused.first_chunk()).copied();
        self.used = self.used.saturating_add(N);
        taken.unwrap_or([0; N])
    }
}

/// Carries out the effects that gate and attempt have in common; returns the others.
pub(crate) fn apply(host: &impl Host, effect: Effect) -> Option<Effect> {
    match effect {
        Effect::SetRequestHeader(name, value) => ignore(host.set_header(Headers::Request, name, &value)),
        Effect::RemoveRequestHeader(name) => ignore(host.remove_header(Headers::Request, &name)),
        Effect::SetResponseHeader(name, value) => ignore(host.set_header(Headers::Response, name, &value)),
        Effect::RemoveResponseHeader(name) => ignore(host.remove_header(Headers::Response, &name)),
        Effect::ReplaceRequest(bytes) => ignore(host.replace_body(Body::Request, &bytes)),
        Effect::ReplaceChunk(bytes) => ignore(host.replace_body(Body::Response, &bytes)),
        Effect::Route(provider) => ignore(host.route_to(&provider)),
        Effect::SetCooldown { target, until_ms, unavailable } => {
            let now_ms = host.now_us() / 1_000;
            with_worker(host, |worker| worker.set_cooldown(host, target, until_ms, unavailable, now_ms));
            None
        }
        Effect::ResetStream => ignore(host.reset_response()),
        Effect::Reply(_) | Effect::Call(_) | Effect::EndStream => Some(effect),
    }
}

/// A host that refuses one of these has already lost the stream; there is nobody left to tell.
fn ignore(_: HostResult<()>) -> Option<Effect> {
    None
}
