//! The configurations of the filter in this process. The newest gate speaks to the collector; older ones serve the requests that they have.

use crate::abi::{Root as HostRoot, RootScheduler};
use crate::at::{At, CallAnswer};
use crate::native::Native;
use crate::{calls, clock, metrics, newest};
use headgate_shell::{Role, Root};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// One configuration, as the host holds it.
pub(crate) struct Configured {
    /// Makes the context of a stream, on any worker.
    pub(crate) role: Role,
    /// On the main thread, of a gate alone.
    gate: Option<GateRoot>,
}

struct GateRoot {
    number: u64,
    host: HostRoot,
    root: Mutex<Root>,
}

static LAST: AtomicU64 = AtomicU64::new(0);

impl Configured {
    /// Makes a configuration of the filter.
    pub(crate) fn filter(host: HostRoot, role: &[u8], configuration: &[u8]) -> Result<Self, String> {
        let (native, mut root) = (Native::new(At::Root(host)), Root::default());
        root.configure(&native, role, configuration)?;
        let role = root.role();
        if matches!(role, Role::Gate(_) | Role::Stages(_)) {
            metrics::define_families(host);
            metrics::carry_over(host);
        }
        let gate = matches!(role, Role::Gate(_)).then(|| GateRoot::begin(host, root));
        Ok(Self { role, gate })
    }

    /// Makes a configuration of a logger.
    pub(crate) fn logger(role: &[u8]) -> Result<Self, String> {
        let mut root = Root::default();
        root.configure(&Native::new(At::Nothing), role, b"{}")?;
        Ok(Self { role: root.role(), gate: None })
    }

    /// It is time for what is done from time to time.
    pub(crate) fn tick(&self) {
        let Some(gate) = &self.gate else { return };
        if gate.is_newest() {
            gate.with(None, |root, native| root.tick(native));
        }
    }

    /// A call has its answer, or has failed. The newest root makes a call again that an older one has not ended.
    pub(crate) fn call_answered(&self, call: u64, answer: Option<CallAnswer>) {
        let (Some(gate), Ok(call)) = (&self.gate, u32::try_from(call)) else { return };
        let is_newest = gate.is_newest();
        if answer.is_none() && !is_newest {
            return self.give_up();
        }
        let size = answer.as_ref().map_or(0, |answer| answer.body.len());
        gate.with(answer, |root, native| {
            if is_newest { root.call_answered(native, call, size) } else { root.call_answered_last(native, call, size) }
        });
    }

    /// Gives up the call that is under way.
    pub(crate) fn give_up(&self) {
        if let Some(gate) = &self.gate {
            gate.with(None, |root, native| root.give_up(native));
        }
    }

    /// The host lets go of it, on the thread on which its last stream has ended.
    pub(crate) fn end(&self) {
        let Some(gate) = &self.gate else { return };
        clock::remove_root(gate.number);
        newest::remove(gate.number);
        calls::end_root(gate.host);
        self.give_up();
    }
}

impl GateRoot {
    fn begin(host: HostRoot, root: Root) -> Self {
        calls::this_is_main();
        let number = LAST.fetch_add(1, Ordering::Relaxed) + 1;
        newest::add(number, host);
        calls::reset_others(host);
        let scheduler: RootScheduler = host.scheduler();
        clock::add_root(number, scheduler);
        Self { number, host, root: Mutex::new(root) }
    }

    fn is_newest(&self) -> bool {
        newest::is(self.number)
    }

    fn with(&self, answer: Option<CallAnswer>, act: impl FnOnce(&mut Root, &Native)) {
        let native = Native::with_answer(At::Root(self.host), answer);
        act(&mut self.root.lock().unwrap_or_else(PoisonError::into_inner), &native);
    }
}
