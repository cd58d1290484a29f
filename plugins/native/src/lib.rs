//! The shell as a dynamic module of Envoy: native code in Envoy's own process, without a sandbox.
//!
//! The contexts and machines are those of `headgate.wasm`. Here all workers are one member of the fleet: they share the policy, the records on
//! their way out, the counts and the targets in cooldown.

mod abi;
mod at;
mod bodies;
mod calls;
mod clock;
mod contexts;
mod gates;
mod guard;
mod hooks;
mod later;
mod logger;
mod member;
mod metrics;
mod native;
mod newest;
mod node;
mod roots;
mod shared;
#[cfg(test)]
mod stand_in;
