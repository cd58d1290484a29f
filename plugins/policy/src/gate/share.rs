//! Limits and guardrails on a request whose route is planned, and the wait for a share of a limit.

use super::state::{Flow, Gate, Phase};
use crate::call::Timestamp;
use crate::effect::Effects;
use crate::request_env::RequestEnv;
use headgate_exchange::StringSpans;
use headgate_limits::Ledger;

impl Gate {
    /// Lets the request wait for a share of a limit rather than refuse it.
    pub fn set_may_await_share(&mut self, may: bool) {
        self.may_await_share = may;
    }

    /// Whether the request waits for a share: the proxy is to report, and [`Gate::share_has_come`] decides then.
    #[must_use]
    pub fn awaits_share(&self) -> bool {
        self.phase == Phase::AwaitingShare
    }

    /// Decides once more about a request that waited for a share.
    pub fn share_has_come<L: Ledger>(
        &mut self,
        now: Timestamp,
        mut env: RequestEnv<'_, L>,
        draw: impl FnMut() -> u32,
        out: &mut Effects,
    ) -> Flow {
        self.phase = Phase::Body;
        self.admit_planned(now, &mut env, draw, out)
    }

    /// Asks limits and guardrails about a request whose route is planned, and sends it.
    pub(super) fn admit_planned<L: Ledger>(
        &mut self,
        now: Timestamp,
        env: &mut RequestEnv<'_, L>,
        mut draw: impl FnMut() -> u32,
        out: &mut Effects,
    ) -> Flow {
        if let Err(rejection) = self.admit_limits(now.as_s(), env) {
            return self.reject(rejection, out);
        }
        if self.awaits_share() {
            self.guarding.strings = StringSpans::default();
            return Flow::Pause;
        }
        match self.guard_request(&mut draw, out) {
            Err(rejection) => return self.reject(rejection, out),
            Ok(true) => {
                self.phase = Phase::AwaitingChecks;
                return Flow::Pause;
            }
            Ok(false) => {}
        }
        self.send(now, out);
        Flow::Continue
    }
}
