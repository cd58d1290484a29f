//! The event types that the collector itself writes, by group, as suggestions for the filter. Other systems have their own.

use maud::{Markup, html};

/// A group of event types.
type EventGroup = (&'static str, &'static [&'static str]);

const GROUPS: [EventGroup; 11] = [
    (
        "Policy",
        &[
            "policy.created",
            "policy.updated",
            "policy.rolled_back",
            "policy.read",
            "policy.exported",
            "policy.compared",
        ],
    ),
    (
        "Resources of the policy",
        &[
            "key.created",
            "key.updated",
            "key.deleted",
            "model.created",
            "model.updated",
            "model.deleted",
            "provider.created",
            "provider.updated",
            "provider.deleted",
            "team.created",
            "team.updated",
            "team.deleted",
            "limit.created",
            "limit.updated",
            "limit.deleted",
            "budget.created",
            "budget.updated",
            "budget.deleted",
            "guardrail.created",
            "guardrail.updated",
            "guardrail.deleted",
            "settings.created",
            "settings.updated",
        ],
    ),
    ("Budgets and corrections", &["budget.threshold_crossed", "correction.created", "corrections.searched"]),
    (
        "Readers",
        &[
            "requests.searched",
            "request.read",
            "request.policy_read",
            "request.proof_read",
            "requests.exported",
            "usage.searched",
            "usage.exported",
            "audit.searched",
            "audit_entry.read",
            "audit_entry.proof_read",
            "audit.exported",
            "requests.bundles_read",
            "audit.bundles_read",
            "gaps.searched",
            "damage.searched",
            "dataplanes.searched",
            "limits.searched",
            "budgets.searched",
            "packets.searched",
            "packet.read",
        ],
    ),
    (
        "Access",
        &["session.created", "session.ended", "session.refused", "access.denied", "token.created", "token.revoked"],
    ),
    ("Retention", &["retention.changed", "retention.read", "retention.deleted", "hold.placed", "hold.released"]),
    (
        "Evidence",
        &[
            "packet.created",
            "packet.downloaded",
            "packet.deleted",
            "gaps.opened",
            "gaps.closed",
            "ingest.conflict",
            "store.damage_found",
            "clock.leapt",
            "clock.confirmed",
        ],
    ),
    (
        "Forwarders",
        &[
            "forwarder.added",
            "forwarder.changed",
            "forwarder.tested",
            "forwarder.paused",
            "forwarder.resumed",
            "forwarder.replayed",
            "forwarder.retried",
            "forwarder.dead_letters_dropped",
            "forwarder.lost",
            "forwarders.searched",
            "dead_letters.searched",
        ],
    ),
    ("Store", &["store.backed_up", "store.restored", "store.salvaged"]),
    (
        "Trees",
        &[
            "tree.checkpointed",
            "tree.forked",
            "tree.rolled_back",
            "log.key_rotated",
            "log.restarted",
            "anchor.altered",
            "anchor.restored",
        ],
    ),
    ("Collector", &["collector.started", "collector.stopped", "collector.settings_changed", "review.recorded"]),
];

/// The id of the suggestions.
pub(super) const ID: &str = "event-types";

/// Returns the suggestions.
pub(super) fn suggestions() -> Markup {
    html! {
        datalist id=(ID) {
            @for (group, events) in GROUPS { @for event in events { option value=(event) label=(group) {} } }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::GROUPS;

    #[test]
    fn each_event_stands_once() {
        let mut all: Vec<_> = GROUPS.iter().flat_map(|(_, events)| events.iter()).collect();
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), count);
    }
}
