//! The root contexts: one per configuration of the filter in a worker. A gate's root owns the policy and delivers the
//! records; an attempt's root knows which provider it stands in front of.

use crate::attempt_context::AttemptContext;
use crate::counts::Counts;
use crate::delivery::Carrier;
use crate::ending;
use crate::gate_context::GateContext;
use crate::host::{self, Buffer, Level};
use crate::worker::with_worker;
use headgate_policy::Policy;
use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::ContextType;
use serde::Deserialize;
use std::rc::Rc;
use std::time::Duration;

/// How often finished records are looked for. A quiet worker pays for this and nothing else.
const TICK: Duration = Duration::from_millis(100);
/// The same while a proxy that has just started waits for the fleet's counts: until it has them, limits let in one
/// request at a time.
const STARTING_TICK: Duration = Duration::from_millis(10);

/// See the module's text.
#[derive(Default)]
pub(crate) struct Root {
    role: Role,
    carrier: Carrier,
    leaving: bool,
    /// Ticks come fast.
    starting: bool,
}

#[derive(Default, Clone)]
enum Role {
    /// Not configured yet, or wrongly: everything is refused.
    #[default]
    None,
    Gate(Rc<Policy>),
    Attempt(Rc<str>),
    /// Tells of streams that no gate was made for.
    Log,
}

/// Configuration of an attempt.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AttemptConfiguration {
    provider: String,
}

impl Root {
    fn configure(&mut self, configuration: &[u8]) -> Result<(), String> {
        let root_id = host::property("plugin_root_id").unwrap_or_default();
        if root_id == b"log" {
            self.role = Role::Log;
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
        let policy = Policy::load(configuration, |name| std::env::var(name).ok()).map_err(|error| error.to_string())?;
        tell_missing(&policy);
        Counts::prepare();
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
        host::log(
            Level::Error,
            &format!(
                "headgate: the environment variable {name} is not set for the proxy: what needs it is left out; set it and restart the proxy"
            ),
        );
    }
}

impl Context for Root {
    fn on_http_call_response(&mut self, token: u32, _: usize, body_size: usize, _: usize) {
        let Role::Gate(policy) = &self.role else { return };
        self.carrier.answered(policy, token, body_size);
        if !self.leaving {
            self.carrier.deliver(policy);
        } else if !self.carrier.is_under_way() {
            let _ = host::root_is_done();
        }
    }

    /// A newer configuration has taken over. What is under way is waited for: the SDK would panic on a call number that
    /// comes again without having been answered.
    fn on_done(&mut self) -> bool {
        self.leaving = true;
        if let (Role::Gate(policy), false) = (&self.role, self.carrier.is_under_way()) {
            self.carrier.deliver(policy);
        }
        !self.carrier.is_under_way()
    }
}

impl RootContext for Root {
    fn on_configure(&mut self, size: usize) -> bool {
        let configuration = host::buffer(Buffer::PluginConfiguration, size).unwrap_or_default();
        match self.configure(&configuration) {
            Ok(()) => {
                if let Role::Gate(policy) = &self.role {
                    host::log(Level::Info, &format!("headgate: policy {} is in force", policy.revision()));
                }
                true
            }
            Err(problem) => {
                host::log(Level::Error, &format!("headgate: configuration refused: {problem}"));
                false
            }
        }
    }

    fn on_tick(&mut self) {
        if with_worker(|worker| std::mem::take(&mut worker.hurried)) == Some(true) {
            let _ = host::set_tick_period(if self.starting { STARTING_TICK } else { TICK });
        }
        if let (Role::Gate(policy), false) = (&self.role, self.leaving) {
            if !policy.limits().is_empty() {
                let now_ms = host::now_us() / 1_000;
                let standing = with_worker(|worker| {
                    worker.counts.tick(policy, now_ms);
                    worker.counts.standing(policy, now_ms)
                });
                if self.starting && standing.is_some_and(|standing| !standing.starting) {
                    self.starting = false;
                    let _ = host::set_tick_period(TICK);
                }
            }
            self.carrier.deliver(policy);
        }
        // The last thing in here: it acts for other contexts.
        ending::finish(host::now_us());
    }

    fn create_http_context(&self, id: u32) -> Option<Box<dyn HttpContext>> {
        // The SDK panics on `None`: a context that refuses is returned instead.
        Some(match &self.role {
            Role::Gate(policy) => Box::new(GateContext::new(id, policy)),
            Role::Attempt(provider) => Box::new(AttemptContext::new(provider)),
            Role::Log | Role::None => Box::new(AttemptContext::new(&Rc::from(""))),
        })
    }

    /// An access log is told of a stream in its root: no context was made for it.
    fn on_log(&mut self) {
        if matches!(self.role, Role::Log)
            && let Some(policy) = with_worker(|worker| worker.policy.clone()).flatten()
        {
            GateContext::new(0, &policy).on_log();
        }
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}
