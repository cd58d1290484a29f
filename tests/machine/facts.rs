//! The facts that metrics take, beside the record of the same request.

use headgate_metrics::RequestFacts;
use headgate_record::RequestRecord;

/// Asserts that the facts are those of the record. Only where the gateway routes, the requested model is an alias.
pub(crate) fn assert_same_facts(facts: &RequestFacts<'_>, record: &RequestRecord, is_routed: bool) {
    let served = record.served_by.as_ref();
    assert_eq!(facts.surface, record.surface);
    assert_eq!(facts.provider, served.map_or("", |served| &served.provider));
    assert_eq!((facts.status, facts.stream), (record.status, record.stream));
    assert_eq!((facts.ended_by, facts.rejected_by), (record.ended_by, record.rejected_by));
    assert_eq!(facts.tried, !record.attempts.is_empty());
    assert_eq!((facts.duration_us, facts.first_byte_us), (record.duration_us, record.time_to_first_token_us));
    assert_eq!(facts.usage, record.usage);
    assert_eq!(facts.nano_usd, record.cost.as_ref().map(|cost| cost.nano_usd));
    assert_eq!(facts.decisions, record.decisions);
    // A name that the policy does not have is on record, and no label.
    let unknown = record.error_code.as_deref() == Some("model_not_found");
    if !is_routed {
        return;
    }
    assert_eq!(facts.model, record.requested_model.as_deref().filter(|_| !unknown).unwrap_or_default());
}
