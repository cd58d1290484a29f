//! The root contexts: one per configuration of the filter in a worker. A gate's root owns the policy and delivers the
//! records; an attempt's root knows which provider it stands in front of.

use crate::attempt_context::{AttemptContext, stream_was_reset};
use crate::delivery::Uploader;
use crate::exchange::Exchange;
use crate::gate_context::GateContext;
use crate::host::{self, Buffer};
use crate::logger;
use crate::overdue;
use crate::pending_resets;
use crate::pending_resumes;
use crate::shared_counters::SharedCounters;
use crate::worker::{TICK, with_worker};
use headgate_policy::Policy;
use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::ContextType;
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
pub(crate) struct Root {
    role: Role,
    uploader: Uploader,
    leaving: bool,
    /// Ticks come fast.
    starting: bool,
    /// When the counts of limits were last looked after, ms since the Unix epoch.
    counted_ms: u64,
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
    fn configure(&mut self, configuration: &[u8]) -> Result<(), String> {
        let root_id = host::property("plugin_root_id").unwrap_or_default();
        let logs = [(&b"log"[..], Role::Log), (b"connections", Role::Connections), (b"resets", Role::Resets)];
        if let Some((_, role)) = logs.into_iter().find(|(name, _)| root_id == *name) {
            self.role = role;
            return Ok(());
        }
        if root_id == b"attempt" {
            let attempt: AttemptConfiguration = serde_json::from_slice(configuration).map_err(|_| {
                "the attempt's configuration must be {\"provider\": NAME}: render it with the `headgate` command"
                    .to_owned()
            })?;
            self.role = Role::Attempt(attempt.provider.into());
            return Ok(());
        }
        if root_id == b"stages" {
            let stages: StagesConfiguration = serde_json::from_slice(configuration).map_err(|_| {
                "the configuration of a stage set must be {\"stage_set\": NAME}: render it with the `headgate` command"
                    .to_owned()
            })?;
            self.role = Role::Stages(stages.stage_set);
            return Ok(());
        }
        let policy = Policy::load(configuration, |name| std::env::var(name).ok()).map_err(|error| error.to_string())?;
        tell_missing(&policy);
        SharedCounters::prepare();
        self.starting = !policy.limits().is_empty() && policy.collector().is_some();
        let policy = Rc::new(policy);
        with_worker(|worker| worker.policy = Some(Rc::clone(&policy)));
        self.role = Role::Gate(policy);
        host::set_tick_period(if self.starting { STARTING_TICK } else { TICK })
            .map_err(|refused| format!("the host gives no ticks (status {})", refused.0))
    }
}

fn tell_missing(policy: &Policy) {
    for name in policy.missing() {
        log::error!(
            "the environment variable {name} is not set for the proxy: all parts that need it are left out; set it and restart the proxy"
        );
    }
}

impl Context for Root {
    fn on_http_call_response(&mut self, token: u32, _: usize, body_size: usize, _: usize) {
        let Role::Gate(policy) = &self.role else { return };
        self.uploader.answered(policy, token, body_size);
        if !self.leaving {
            self.uploader.deliver(policy);
        } else if !self.uploader.is_under_way() {
            let _ = host::root_is_done();
        }
    }

    /// A newer configuration has taken over. Calls under way are waited for: the SDK would panic on a call number that
    /// comes again without having been answered.
    fn on_done(&mut self) -> bool {
        self.leaving = true;
        if let (Role::Gate(policy), false) = (&self.role, self.uploader.is_under_way()) {
            self.uploader.deliver(policy);
        }
        !self.uploader.is_under_way()
    }
}

impl RootContext for Root {
    fn on_configure(&mut self, size: usize) -> bool {
        logger::install();
        let configuration = host::buffer(Buffer::PluginConfiguration, size).unwrap_or_default();
        match self.configure(&configuration) {
            Ok(()) => {
                if let Role::Gate(policy) = &self.role {
                    log::info!("policy {} is in force", policy.revision());
                }
                true
            }
            Err(problem) => {
                log::error!("configuration refused: {problem}");
                false
            }
        }
    }

    fn on_tick(&mut self) {
        let now_us = host::now_us();
        if with_worker(|worker| worker.hurried.take()).flatten().is_some() {
            let _ = host::set_tick_period(if self.starting { STARTING_TICK } else { TICK });
        }
        if let (Role::Gate(policy), false) = (&self.role, self.leaving) {
            let now_ms = now_us / 1_000;
            if !policy.limits().is_empty() && now_ms.abs_diff(self.counted_ms) >= COUNT_MS {
                self.counted_ms = now_ms;
                let fleet_status = with_worker(|worker| {
                    worker.counters.tick(policy, now_ms);
                    worker.counters.fleet_status(policy, now_ms)
                });
                if self.starting && fleet_status.is_some_and(|fleet_status| !fleet_status.starting) {
                    self.starting = false;
                    let _ = host::set_tick_period(TICK);
                }
            }
            self.uploader.deliver(policy);
            with_worker(|worker| worker.show_outbox(policy, now_ms));
        }
        // The last in here, because they act for other contexts.
        pending_resumes::finish();
        pending_resets::finish(now_us);
        overdue::finish(now_us);
    }

    fn create_http_context(&self, id: u32) -> Option<Box<dyn HttpContext>> {
        // The SDK panics on `None`: a context that refuses is returned instead.
        Some(match &self.role {
            Role::Gate(policy) => Box::new(GateContext::new(id, policy, policy.stages())),
            Role::Stages(set) => {
                let policy = with_worker(|worker| worker.policy.clone()).flatten();
                let known = policy.and_then(|policy| Some((policy.stage_set(set)?, policy)));
                match known {
                    Some((stages, policy)) => Box::new(GateContext::new(id, &policy, stages)),
                    // No policy has such a set, so nothing passes.
                    None => Box::new(AttemptContext::new(&Rc::from(""))),
                }
            }
            Role::Attempt(provider) => Box::new(AttemptContext::new(provider)),
            Role::Log | Role::Connections | Role::Resets | Role::None => Box::new(AttemptContext::new(&Rc::from(""))),
        })
    }

    /// An access log is told of a stream or a connection in its root: no context was made for it.
    fn on_log(&mut self) {
        match self.role {
            Role::Log => {
                if let Some(policy) = with_worker(|worker| worker.policy.clone()).flatten() {
                    Exchange::new(0, &policy, policy.stages()).close();
                }
            }
            Role::Connections => {
                let client = host::property("source\0address").unwrap_or_default();
                let handshake = host::property("connection\0transport_failure_reason").unwrap_or_default();
                with_worker(|worker| worker.proxy_refusals.connection(&client, !handshake.is_empty()));
            }
            Role::Resets => stream_was_reset(),
            Role::Gate(_) | Role::Stages(_) | Role::Attempt(_) | Role::None => {}
        }
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}
