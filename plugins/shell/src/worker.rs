//! The state of one worker between callbacks, beside its [`crate::exchanges`] and the [`crate::member`] that speaks for it: connections,
//! cooldowns, random numbers.
//!
//! A proxy worker is one thread, so this is thread-local; only the resting targets are shared with the other workers, through the host's
//! shared data.

use crate::cells::{Cells, CellsOn};
use crate::connections::Connections;
use crate::exchange_id::ExchangeId;
use crate::host::{Body, Headers, HostResult};
use crate::member::{Member, MemberHost};
use crate::metrics::Metrics;
use headgate_limits::{FleetStatus, OutputEstimates};
use headgate_policy::{Attempt, Cooldowns, Effect, Policy, RequestEnv, TargetKey, Unsettled};
use std::cell::RefCell;

/// Key of the resting targets in shared data.
const COOLDOWNS: &str = "headgate.cooldowns";
/// Random bytes that are fetched at a time: those of some 40 requests.
const RANDOM_BYTES: usize = 1_024;
/// Another worker may win the compare-and-set this often before a cooldown is kept on this worker only.
const CAS_TRIES: u32 = 8;

/// See the module's text.
pub(crate) struct Worker {
    /// The try that ended last without an answer.
    pub(crate) ended: Option<EndedTry>,
    /// The record that is being written, its memory used again for each.
    pub(crate) record: Vec<u8>,
    /// Its connections to providers.
    pub(crate) connections: Connections,
    /// When it last looked for overdue requests, µs since the Unix epoch.
    pub(crate) looked_overdue_us: u64,
    pub(crate) metrics: Metrics,
    /// The changes that its requests made to the counts of limits, until the member takes it over.
    cells: Cells,
    unsettled: Vec<Unsettled>,
    output_estimates: OutputEstimates,
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
pub(crate) fn with_worker<T>(host: &impl MemberHost, act: impl FnOnce(&mut Worker) -> T) -> Option<T> {
    WORKER.with(|worker| {
        let mut worker = worker.try_borrow_mut().ok()?;
        Some(act(worker.get_or_insert_with(|| Worker::start(host))))
    })
}

impl Worker {
    fn start(host: &impl MemberHost) -> Self {
        Self {
            ended: None,
            record: Vec::new(),
            connections: Connections::default(),
            looked_overdue_us: 0,
            metrics: Metrics::default(),
            cells: Cells::default(),
            unsettled: Vec::new(),
            output_estimates: OutputEstimates::default(),
            number: u64::from_le_bytes(host.random()),
            cooldowns: Cooldowns::default(),
            cooldowns_read_us: 0,
            random: Random { bytes: [0; RANDOM_BYTES], used: RANDOM_BYTES },
        }
    }

    /// Runs `act` with the state that a machine may use for one event, and the random numbers beside it. An event that asks for the targets
    /// in cooldown needs [`Worker::cooldowns`] before.
    pub(crate) fn with_request_env<H: MemberHost, T>(
        &mut self,
        host: &H,
        fleet_status: FleetStatus,
        act: impl FnOnce(RequestEnv<'_, CellsOn<'_, H>>, &mut Random) -> T,
    ) -> T {
        let env = RequestEnv {
            cooldowns: &self.cooldowns,
            ledger: &mut self.cells.on(host),
            fleet_status,
            output_estimates: &mut self.output_estimates,
            unsettled: &mut self.unsettled,
        };
        act(env, &mut self.random)
    }

    /// Whether there is something for [`Worker::hand_over`].
    pub(crate) fn has_news(&self) -> bool {
        self.cells.has_news() || !self.unsettled.is_empty()
    }

    /// Leaves to the member what requests did to the counts of limits.
    pub(crate) fn hand_over(&mut self, member: &mut Member) {
        member.counters.take_over_from(&mut self.cells, &mut self.unsettled);
    }

    /// Shows the state of the outbox in the metrics.
    pub(crate) fn show_outbox(&mut self, host: &impl MemberHost, policy: &Policy, now_ms: u64) {
        if !self.metrics.is_due(policy.metrics(), now_ms) {
            return;
        }
        if let Some((queued, dropped)) =
            host.with_member(|member| (member.outbox.queued() as u64, member.outbox.dropped()))
        {
            self.metrics.outbox(host, self.number, queued, dropped, now_ms);
        }
    }

    /// A random number for draws and jitter.
    pub(crate) fn draw(&mut self, host: &impl MemberHost) -> u32 {
        self.random.draw(host)
    }

    /// Random bytes, none of them given out before.
    pub(crate) fn random<const N: usize>(&mut self, host: &impl MemberHost) -> [u8; N] {
        self.random.take(host)
    }

    /// Returns the targets in cooldown.
    pub(crate) fn cooldowns<H: MemberHost>(&mut self, host: &H, now_us: u64) -> &Cooldowns {
        if now_us.abs_diff(self.cooldowns_read_us) >= H::CAN.cooldowns_age_us {
            self.cooldowns_read_us = now_us;
            self.cooldowns = Cooldowns::from_bytes(&host.shared(COOLDOWNS).0);
        }
        &self.cooldowns
    }

    /// Returns them as they were read last.
    pub(crate) fn last_cooldowns(&self) -> &Cooldowns {
        &self.cooldowns
    }

    /// Puts a target in cooldown, here at once and for all workers by compare-and-set.
    pub(crate) fn set_cooldown(
        &mut self,
        host: &impl MemberHost,
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
    pub(crate) fn draw(&mut self, host: &impl MemberHost) -> u32 {
        u32::from_le_bytes(self.take(host))
    }

    fn take<const N: usize>(&mut self, host: &impl MemberHost) -> [u8; N] {
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
pub(crate) fn apply(host: &impl MemberHost, effect: Effect) -> Option<Effect> {
    match effect {
        Effect::SetRequestHeader(name, value) => ignore(host.set_header(Headers::Request, name, &value)),
        Effect::RemoveRequestHeader(name) => ignore(host.remove_header(Headers::Request, &name)),
        Effect::AddResponseHeader(name, value) => ignore(host.add_header(Headers::Response, name, &value)),
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
