//! The root contexts: one per configuration of the filter in a worker. A gate's root owns the policy and delivers the
//! records; an attempt's root knows which provider it stands in front of.

use crate::delivery::Uploader;
use crate::member::{MemberHost, TICK};
use crate::overdue;
use crate::pending_resets;
use crate::pending_resumes;
use crate::role::{AttemptConfiguration, Role, StagesConfiguration, StreamContext};
use crate::shared_counters::SharedCounters;
use crate::sole::SoleContext;
use crate::worker::with_worker;
use headgate_policy::Policy;
use std::sync::Arc;
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

impl Root {
    /// Takes its configuration. `role` is the name under which the proxy has it.
    ///
    /// # Errors
    /// If the configuration cannot be used; nothing passes then.
    pub fn configure(&mut self, host: &impl MemberHost, role: &[u8], configuration: &[u8]) -> Result<(), String> {
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

    fn take_policy<H: MemberHost>(&mut self, host: &H, configuration: &[u8]) -> Result<(), String> {
        let policy = Policy::load(configuration, |name| host.env(name)).map_err(|error| error.to_string())?;
        tell_missing(&policy);
        SharedCounters::prepare(host);
        self.starting = !policy.limits().is_empty() && policy.collector().is_some();
        let policy = Arc::new(policy);
        // A worker begins with its first request where nothing needs it before: only there does every host tell its name.
        if H::CAN.other_roots {
            host.with_member(|member| member.policy = Some(Arc::clone(&policy)));
        }
        self.role = Role::Gate(Arc::clone(&policy));
        if H::CAN.ticks {
            host.set_tick(if self.starting { STARTING_TICK } else { TICK })
                .map_err(|refused| format!("the host gives no ticks (status {})", refused.0))?;
        }
        log::info!("policy {} is in force", policy.revision());
        Ok(())
    }

    /// The answer to a call of this root, or its failure.
    pub fn call_answered(&mut self, host: &impl MemberHost, token: u32, body_size: usize) {
        let Role::Gate(policy) = &self.role else { return };
        self.uploader.answered(host, policy, token, body_size);
        if !self.leaving {
            self.uploader.go_on(host, policy);
        } else if !self.uploader.is_under_way() {
            let _ = host.root_is_done();
        }
    }

    /// The same for a root that a newer one has taken over from: it begins no further call.
    pub fn call_answered_last(&mut self, host: &impl MemberHost, token: u32, body_size: usize) {
        if let Role::Gate(policy) = &self.role {
            self.uploader.answered(host, policy, token, body_size);
        }
    }

    /// Gives up a call whose answer cannot come any more: another root makes it again.
    pub fn give_up(&mut self, host: &impl MemberHost) {
        if let Role::Gate(policy) = &self.role {
            self.uploader.give_up(host, policy);
        }
    }

    /// A newer configuration has taken over. Calls under way are waited for, since their numbers would come again otherwise. Returns
    /// whether nothing is under way.
    pub fn done(&mut self, host: &impl MemberHost) -> bool {
        self.leaving = true;
        if let (Role::Gate(policy), false) = (&self.role, self.uploader.is_under_way()) {
            self.uploader.deliver(host, policy);
        }
        !self.uploader.is_under_way()
    }

    /// Does what is done from time to time.
    pub fn tick(&mut self, host: &impl MemberHost) {
        let now_us = host.now_us();
        if host.with_member(|member| member.hurried.take()).flatten().is_some() {
            let _ = host.set_tick(if self.starting { STARTING_TICK } else { TICK });
        }
        if let (Role::Gate(policy), false) = (&self.role, self.leaving) {
            let now_ms = now_us / 1_000;
            if !policy.limits().is_empty() && now_ms.abs_diff(self.counted_ms) >= COUNT_MS {
                self.counted_ms = now_ms;
                let fleet_status = host.with_member(|member| {
                    member.counters.tick(host, policy, now_ms);
                    member.counters.fleet_status(policy, now_ms)
                });
                if self.starting && fleet_status.is_some_and(|fleet_status| !fleet_status.starting) {
                    self.starting = false;
                    let _ = host.set_tick(TICK);
                }
            }
            self.uploader.deliver(host, policy);
            with_worker(host, |worker| worker.show_outbox(host, policy, now_ms));
        }
        // The last in here, because it acts for other contexts.
        tick_streams(host);
    }

    /// Returns its role, by which any worker makes contexts of streams.
    #[must_use]
    pub fn role(&self) -> Role {
        self.role.clone()
    }

    /// Makes the context of a stream, whose number at the host is `id`. A root without a policy makes one that refuses.
    #[must_use]
    pub fn stream(&self, host: &impl MemberHost, id: u32) -> StreamContext {
        self.role.stream(host, id)
    }

    /// Makes the one context of a request, on a host without filters in the clusters of providers. `None` without a policy.
    #[must_use]
    pub fn sole_stream(&self, host: &impl MemberHost) -> Option<SoleContext> {
        match &self.role {
            Role::Gate(policy) => Some(SoleContext::new(host, policy)),
            _ => None,
        }
    }

    /// The host tells its log of a stream or a connection for which no context was made.
    pub fn log(&mut self, host: &impl MemberHost) {
        self.role.log(host);
    }
}

/// Does what streams of this worker wait for.
pub fn tick_streams(host: &impl MemberHost) {
    let now_us = host.now_us();
    pending_resumes::finish(host);
    pending_resets::finish(host, now_us);
    overdue::finish(host, now_us);
}

fn tell_missing(policy: &Policy) {
    for name in policy.missing() {
        log::error!(
            "the environment variable {name} is not set for the proxy: all parts that need it are left out; set it and restart the proxy"
        );
    }
}
