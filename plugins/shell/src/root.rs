//! The root contexts: one per configuration of the filter in a worker. A gate's root owns the policy and delivers the
//! records; an attempt's root knows which provider it stands in front of.

use crate::attempt_context::{AttemptContext, stream_was_reset};
use crate::delivery::Uploader;
use crate::exchange::Exchange;
use crate::gate_context::GateContext;
use crate::host::Host;
use crate::overdue;
use crate::pending_resets;
use crate::pending_resumes;
use crate::shared_counters::SharedCounters;
use crate::sole::SoleContext;
use crate::worker::{TICK, with_worker};
use headgate_policy::Policy;
use serde::Deserialize;
use std::rc::Rc;
use std::time::Duration;

/// The same while a proxy that has just started waits for the fleet's counts: until it has them, limits let in one
/// request at a time.
const STARTING_TICK: Duration = Duration::from_millis(10);

/// Least time between two looks at the counts of limits, ms: ticks that resume a paused response come faster.
const COUNT_MS: u64 = 5;

/// See the module's text.
#[derive(Default)]
pub struct Root {
    role: Role,
    uploader: Uploader,
    leaving: bool,
    /// Ticks come fast.
    starting: bool,
    /// When the counts of limits were last looked after, ms since the Unix epoch.
    counted_ms: u64,
}

/// The context of a stream.
#[derive(Debug)]
pub enum StreamContext {
    /// In the listener.
    Gate(GateContext),
    /// In a provider's cluster, or where nothing passes.
    Attempt(AttemptContext),
}

#[derive(Default, Clone)]
enum Role {
    /// Not configured yet, or wrongly: everything is refused.
    #[default]
    None,
    Gate(Rc<Policy>),
    /// A gate with another set of stages, by its name in the policy of the first one.
    Stages(String),
    Attempt(Rc<str>),
    /// Tells of streams that no gate was made for.
    Log,
    /// Tells of connections that ended by a protocol error, or before TLS was agreed on.
    Connections,
    /// Reports tries with a stream that the provider has reset.
    Resets,
}

/// Configuration of an attempt.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AttemptConfiguration {
    provider: String,
}

/// Configuration of a gate with another set of stages.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StagesConfiguration {
    stage_set: String,
}

impl Root {
    /// Takes its configuration. `role` is the name under which the proxy has it.
    ///
    /// # Errors
    /// If the configuration cannot be used; nothing passes then.
    pub fn configure(&mut self, host: &impl Host, role: &[u8], configuration: &[u8]) -> Result<(), String> {
        let logs = [(&b"log"[..], Role::Log), (b"connections", Role::Connections), (b"resets", Role::Resets)];
        if let Some((_, known)) = logs.into_iter().find(|(name, _)| role == *name) {
            self.role = known;
            return Ok(());
        }
        if role == b"attempt" {
            let attempt: AttemptConfiguration = serde_json::from_slice(configuration).map_err(|_| {
                "the attempt's configuration must be {\"provider\": NAME}: render it with the `headgate` command"
                    .to_owned()
            })?;
            self.role = Role::Attempt(attempt.provider.into());
            return Ok(());
        }
        if role == b"stages" {
            let stages: StagesConfiguration = serde_json::from_slice(configuration).map_err(|_| {
                "the configuration of a stage set must be {\"stage_set\": NAME}: render it with the `headgate` command"
                    .to_owned()
            })?;
            self.role = Role::Stages(stages.stage_set);
            return Ok(());
        }
        self.take_policy(host, configuration)
    }

    fn take_policy<H: Host>(&mut self, host: &H, configuration: &[u8]) -> Result<(), String> {
        let policy = Policy::load(configuration, |name| host.env(name)).map_err(|error| error.to_string())?;
        tell_missing(&policy);
        SharedCounters::prepare(host);
        self.starting = !policy.limits().is_empty() && policy.collector().is_some();
        let policy = Rc::new(policy);
        // A worker begins with its first request where nothing needs it before: only there does every host tell its name.
        if H::CAN.other_roots {
            with_worker(host, |worker| worker.policy = Some(Rc::clone(&policy)));
        }
        self.role = Role::Gate(Rc::clone(&policy));
        if H::CAN.ticks {
            host.set_tick(if self.starting { STARTING_TICK } else { TICK })
                .map_err(|refused| format!("the host gives no ticks (status {})", refused.0))?;
        }
        log::info!("policy {} is in force", policy.revision());
        Ok(())
    }

    /// The answer to a call of this root, or its failure.
    pub fn call_answered(&mut self, host: &impl Host, token: u32, body_size: usize) {
        let Role::Gate(policy) = &self.role else { return };
        self.uploader.answered(host, policy, token, body_size);
        if !self.leaving {
            self.uploader.deliver(host, policy);
        } else if !self.uploader.is_under_way() {
            let _ = host.root_is_done();
        }
    }

    /// A newer configuration has taken over. Calls under way are waited for, since their numbers would come again otherwise. Returns
    /// whether nothing is under way.
    pub fn done(&mut self, host: &impl Host) -> bool {
        self.leaving = true;
        if let (Role::Gate(policy), false) = (&self.role, self.uploader.is_under_way()) {
            self.uploader.deliver(host, policy);
        }
        !self.uploader.is_under_way()
    }

    /// Does what is done from time to time.
    pub fn tick(&mut self, host: &impl Host) {
        let now_us = host.now_us();
        if with_worker(host, |worker| worker.hurried.take()).flatten().is_some() {
            let _ = host.set_tick(if self.starting { STARTING_TICK } else { TICK });
        }
        if let (Role::Gate(policy), false) = (&self.role, self.leaving) {
            let now_ms = now_us / 1_000;
            if !policy.limits().is_empty() && now_ms.abs_diff(self.counted_ms) >= COUNT_MS {
                self.counted_ms = now_ms;
                let fleet_status = with_worker(host, |worker| {
                    worker.counters.tick(host, policy, now_ms);
                    worker.counters.fleet_status(policy, now_ms)
                });
                if self.starting && fleet_status.is_some_and(|fleet_status| !fleet_status.starting) {
                    self.starting = false;
                    let _ = host.set_tick(TICK);
                }
            }
            self.uploader.deliver(host, policy);
            with_worker(host, |worker| worker.show_outbox(host, policy, now_ms));
        }
        // The last in here, because they act for other contexts.
        pending_resumes::finish(host);
        pending_resets::finish(host, now_us);
        overdue::finish(host, now_us);
    }

    /// Makes the context of a stream, whose number at the host is `id`. A root without a policy makes one that refuses.
    #[must_use]
    pub fn stream(&self, host: &impl Host, id: u32) -> StreamContext {
        match &self.role {
            Role::Gate(policy) => StreamContext::Gate(GateContext::new(host, id, policy, policy.stages())),
            Role::Stages(set) => {
                let policy = with_worker(host, |worker| worker.policy.clone()).flatten();
                let known = policy.and_then(|policy| Some((policy.stage_set(set)?, policy)));
                match known {
                    Some((stages, policy)) => StreamContext::Gate(GateContext::new(host, id, &policy, stages)),
                    // No policy has such a set, so nothing passes.
                    None => StreamContext::Attempt(AttemptContext::new(&Rc::from(""))),
                }
            }
            Role::Attempt(provider) => StreamContext::Attempt(AttemptContext::new(provider)),
            Role::Log | Role::Connections | Role::Resets | Role::None => {
                StreamContext::Attempt(AttemptContext::new(&Rc::from("")))
            }
        }
    }

    /// Makes the one context of a request, on a host without filters in the clusters of providers. `None` without a policy.
    #[must_use]
    pub fn sole_stream(&self, host: &impl Host) -> Option<SoleContext> {
        match &self.role {
            Role::Gate(policy) => Some(SoleContext::new(host, policy)),
            _ => None,
        }
    }

    /// The host tells its log of a stream or a connection for which no context was made.
    pub fn log(&mut self, host: &impl Host) {
        match self.role {
            Role::Log => {
                if let Some(policy) = with_worker(host, |worker| worker.policy.clone()).flatten() {
                    Exchange::new(host, 0, &policy, policy.stages()).close(host);
                }
            }
            Role::Connections => {
                let (client, in_handshake) = (host.client_address(), host.failed_in_handshake());
                with_worker(host, |worker| worker.proxy_refusals.connection(&client, in_handshake));
            }
            Role::Resets => stream_was_reset(host),
            Role::Gate(_) | Role::Stages(_) | Role::Attempt(_) | Role::None => {}
        }
    }
}

fn tell_missing(policy: &Policy) {
    for name in policy.missing() {
        log::error!(
            "the environment variable {name} is not set for the proxy: all parts that need it are left out; set it and restart the proxy"
        );
    }
}
