//! The end of a request: one record, whichever way it ended.

use super::SoleContext;
use crate::exchange::settle;
use crate::member::MemberHost;
use headgate_policy::{Disconnect, Timestamp};

impl SoleContext {
    /// The host frees the stream.
    pub fn done(&mut self, host: &impl MemberHost) {
        self.carrier.give_up(host, &self.policy);
        self.close(host);
    }

    /// The stream is over. A second call changes nothing.
    pub(super) fn close(&mut self, host: &impl MemberHost) {
        if std::mem::replace(&mut self.closed, true) {
            return;
        }
        let aside = self.gate.is_aside() || !self.begun;
        // A host that has taken the stream away tells nothing about its end; a provider that broke off looks complete.
        let disconnect = if self.gate.ended_early() { Disconnect::ClientGone } else { Disconnect::Unknown };
        let now = Timestamp(host.now_us());
        let (gate, policy) = (&mut self.gate, &self.policy);
        host.with_member(|member| {
            member.end_request();
            if !aside {
                settle(host, member, gate, policy, now, disconnect, |record| host.set_record(record).is_ok());
                member.note_outbox();
            }
        });
    }
}
