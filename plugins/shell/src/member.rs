//! The member of the fleet that speaks to the collector: its name, the records on their way out, the counts that it reports.
//!
//! On Proxy-Wasm each worker's VM is a member of its own, and its member is thread-local like its [`crate::worker`]. A host whose workers share
//! memory has one member for all of them: it keeps it itself, see [`MemberHost::with_member`].

use crate::handed_over::HandedOver;
use crate::host::Host;
use crate::proxy_refusals::ProxyRefusals;
use crate::shared_counters::SharedCounters;
use headgate_policy::{Memory, Policy, uuid_v7};
use headgate_record::{Outbox, OutboxLimits};
use std::cell::RefCell;
use std::sync::Arc;
use std::time::Duration;

/// Interval at which finished records are looked for. A quiet worker pays for this and nothing else.
pub(crate) const TICK: Duration = Duration::from_millis(100);
/// Pause after a delivery that a request has carried and that failed, ms; it doubles so many times.
const FIRST_PAUSE_MS: u64 = 1_000;
const PAUSE_DOUBLINGS: u32 = 5;
/// Stands for a proxy that was started without a name.
const UNNAMED_NODE: &str = "unnamed";

/// See the module's text.
pub struct Member {
    pub(crate) outbox: Outbox,
    /// Requests that have begun and have no record yet.
    pub(crate) open: u64,
    pub(crate) node: Arc<str>,
    pub(crate) boot: Arc<str>,
    pub(crate) counters: SharedCounters,
    /// When it started, ms since the Unix epoch.
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
    quiet_until_ms: u64,
    /// Bytes that its requests hold.
    pub(crate) memory: Memory,
    /// The policy in force.
    pub(crate) policy: Option<Arc<Policy>>,
    /// Counts of requests that the proxy refused by itself.
    pub(crate) proxy_refusals: ProxyRefusals,
}

thread_local! {
    static MEMBER: RefCell<Option<Member>> = const { RefCell::new(None) };
}

/// A host, and the member of the fleet that its workers are of.
pub trait MemberHost: Host {
    /// Runs `act` on the member. `None` only if it is in use already, which the order of callbacks rules out.
    fn with_member<T>(&self, act: impl FnOnce(&mut Member) -> T) -> Option<T>
    where
        Self: Sized,
    {
        MEMBER.with(|member| {
            let mut member = member.try_borrow_mut().ok()?;
            Some(act(member.get_or_insert_with(|| Member::start(self))))
        })
    }
}

impl Member {
    /// A member that starts now.
    pub fn start(host: &impl Host) -> Self {
        let node = host.node().filter(|node| !node.is_empty());
        let node = node.unwrap_or_else(|| UNNAMED_NODE.to_owned());
        let boot = uuid_v7(host.now_us() / 1_000, host.random());
        Self {
            outbox: Outbox::new(&node, &boot, OutboxLimits::default()),
            open: 0,
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
            proxy_refusals: ProxyRefusals::default(),
        }
    }

    /// Counts a request that begins, and returns the memory that it may take from.
    pub(crate) fn begin_request(&mut self) -> Memory {
        self.open = self.open.saturating_add(1);
        self.memory.clone()
    }

    /// Counts a request that is over.
    pub(crate) fn end_request(&mut self) {
        self.open = self.open.saturating_sub(1);
    }

    /// Has the next tick come after this time or earlier. The regular tick does what can wait for it: it must not come later because
    /// a delivery is due later.
    pub(crate) fn hurry(&mut self, host: &impl Host, within: Duration) {
        if within < TICK && self.hurried.is_none_or(|hurried| within < hurried) && host.set_tick(within).is_ok() {
            self.hurried = Some(within);
        }
    }

    /// Whether requests carry no deliveries now, since the last ones have failed.
    pub(crate) fn is_quiet(&self, now_ms: u64) -> bool {
        now_ms < self.quiet_until_ms
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
}
