//! The role of a root: what it makes of a stream, and of an entry of the proxy's log.

use crate::attempt_context::{AttemptContext, stream_was_reset};
use crate::exchange::Exchange;
use crate::gate_context::GateContext;
use crate::member::MemberHost;
use headgate_policy::Policy;
use serde::Deserialize;
use std::sync::Arc;

/// The context of a stream.
#[derive(Debug)]
pub enum StreamContext {
    /// In the listener.
    Gate(GateContext),
    /// In a provider's cluster, or where nothing passes.
    Attempt(AttemptContext),
}

/// See the module's text.
#[derive(Default, Clone)]
pub enum Role {
    /// Not configured yet, or wrongly: everything is refused.
    #[default]
    None,
    /// A gate with its policy.
    Gate(Arc<Policy>),
    /// A gate with another set of stages, by its name in the policy of the first one.
    Stages(String),
    /// An attempt in the cluster of this provider.
    Attempt(Arc<str>),
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
pub(crate) struct AttemptConfiguration {
    pub(crate) provider: String,
}

/// Configuration of a gate with another set of stages.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StagesConfiguration {
    pub(crate) stage_set: String,
}

impl Role {
    /// Makes the context of a stream, whose number at the host is `id`. A root without a policy makes one that refuses.
    #[must_use]
    pub fn stream(&self, host: &impl MemberHost, id: u32) -> StreamContext {
        match self {
            Self::Gate(policy) => StreamContext::Gate(GateContext::new(host, id, policy, policy.stages())),
            Self::Stages(set) => {
                let policy = host.with_member(|member| member.policy.clone()).flatten();
                let known = policy.and_then(|policy| Some((policy.stage_set(set)?, policy)));
                match known {
                    Some((stages, policy)) => StreamContext::Gate(GateContext::new(host, id, &policy, stages)),
                    // No policy has such a set, so nothing passes.
                    None => StreamContext::Attempt(AttemptContext::new(&Arc::from(""))),
                }
            }
            Self::Attempt(provider) => StreamContext::Attempt(AttemptContext::new(provider)),
            Self::Log | Self::Connections | Self::Resets | Self::None => {
                StreamContext::Attempt(AttemptContext::new(&Arc::from("")))
            }
        }
    }

    /// The host tells its log of a stream or a connection for which no context was made.
    pub fn log(&self, host: &impl MemberHost) {
        match self {
            Self::Log => {
                if let Some(policy) = host.with_member(|member| member.policy.clone()).flatten() {
                    Box::new(Exchange::new(host, 0, &policy, policy.stages())).close(host);
                }
            }
            Self::Connections => {
                let (client, in_handshake) = (host.client_address(), host.failed_in_handshake());
                host.with_member(|member| member.proxy_refusals.connection(&client, in_handshake));
            }
            Self::Resets => stream_was_reset(host),
            Self::Gate(_) | Self::Stages(_) | Self::Attempt(_) | Self::None => {}
        }
    }
}
