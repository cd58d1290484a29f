//! The columns, and the cells of one record.

use super::super::db::{Db, Result};
use super::super::names::Names;
use super::digest::digest;
use headgate_record::{AttemptKind, RequestRecord};

macro_rules! columns {
    ($($(#[$meta:meta])* $name:ident),+ $(,)?) => {
        /// A column; its number is part of the format.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum Column { $($(#[$meta])* $name),+ }

        impl Column {
            /// Every column, by its number.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];
        }
    };
}

// Only add at the end: the number stands in the database.
columns! {
    /// `started_at`, µs.
    StartedAt,
    /// `duration_us`.
    Duration,
    /// `time_to_first_token_us` + 1; 0 if there was none.
    FirstToken,
    /// `cost.nano_usd` + 1; 0 if there is none.
    Cost,
    /// `status`.
    Status,
    /// `stream`, 0 or 1.
    Stream,
    /// 1 if an attempt went to another target than the one before.
    Failover,
    /// A name, as are all up to `ErrorCode`; 0 if there is none.
    Node,
    /// Name.
    Surface,
    /// Name.
    Environment,
    /// Name.
    ConfigRevision,
    /// Name.
    EndedBy,
    /// Name.
    RequestedModel,
    /// Name.
    ServedModel,
    /// Name.
    Provider,
    /// Name.
    KeyId,
    /// Name.
    Owner,
    /// Name.
    Team,
    /// Name.
    Project,
    /// Name.
    RejectedBy,
    /// Name.
    ErrorCode,
    /// Set of names, each `tag=value`; 0 if there is none.
    Tags,
    /// Set of names: `policy_id` of the decisions; 0 if there is none.
    Policies,
    /// When the collector received it, µs.
    ReceivedAt,
    /// Name.
    RetentionClass,
    /// Name.
    Application,
    /// Name.
    CostCenter,
    /// Name.
    Tenant,
    /// Name.
    FinishReason,
    /// Set of names: the providers of the attempts; 0 if there is none.
    AttemptProviders,
    /// Set of names: the errors of the attempts; 0 if there is none.
    AttemptErrors,
    /// Set of names: the stages that decided; 0 if there is none.
    Stages,
    /// Name.
    UserAgent,
    /// Name.
    UsageSource,
    /// Name.
    PriceRevision,
    /// `cost.assumed`, 0 or 1.
    Assumed,
    /// Name.
    ResponseModel,
    /// Name.
    ServiceTier,
    /// Name.
    Speed,
    /// Name.
    EstimateReason,
    /// Set of names: the providers' own errors of the attempts; 0 if there is none.
    ProviderErrors,
    /// Digest of a text that is as good as unique or a client's invention, as are all up to `RequestedSpeed`; 0 if there is none. See [`super::digest`].
    TraceId,
    /// Digest.
    ProviderRequestId,
    /// Digest.
    SessionId,
    /// Digest.
    EndUser,
    /// Digest.
    AgentId,
    /// Digest.
    ParentSpanId,
    /// Digest.
    RequestedServiceTier,
    /// Digest.
    RequestedSpeed,
}

/// How many columns there are.
pub(super) const COLUMNS: usize = Column::ALL.len();

/// The values of one record, by column. None is negative.
pub(in crate::store) type Cells = [i64; COLUMNS];

/// The cells of a record that was received at this time, with its names numbered.
pub(in crate::store) fn cells(db: &Db, names: &mut Names, record: &RequestRecord, received_at: i64) -> Result<Cells> {
    let caller = record.caller.as_ref();
    let served = record.served_by.as_ref();
    let mut name = |text: Option<&str>| names.maybe(db, text).map(Option::unwrap_or_default);
    let numbers_and_names = [
        number(record.started_at),
        number(record.duration_us),
        record.time_to_first_token_us.map_or(0, |us| number(us).saturating_add(1)),
        record.cost.as_ref().map_or(0, |cost| number(cost.nano_usd).saturating_add(1)),
        i64::from(record.status),
        i64::from(record.stream),
        i64::from(record.attempts.iter().any(|attempt| attempt.kind == AttemptKind::Failover)),
        name(Some(&record.node))?,
        name(Some(&record.surface))?,
        name(Some(&record.environment))?,
        name(Some(&record.config_revision))?,
        name(Some(record.ended_by.as_str()))?,
        name(record.requested_model.as_deref())?,
        name(served.map(|s| s.model.as_str()))?,
        name(served.map(|s| s.provider.as_str()))?,
        name(caller.map(|c| c.key_id.as_str()))?,
        name(caller.and_then(|c| c.owner.as_deref()))?,
        name(caller.and_then(|c| c.team.as_deref()))?,
        name(caller.and_then(|c| c.project.as_deref()))?,
        name(record.rejected_by.map(|by| by.as_str()))?,
        name(record.error_code.as_deref())?,
    ];
    let retention = [received_at, name(Some(&record.retention_class))?];
    let further = [
        name(caller.and_then(|c| c.application.as_deref()))?,
        name(caller.and_then(|c| c.cost_center.as_deref()))?,
        name(caller.and_then(|c| c.tenant.as_deref()))?,
        name(record.finish_reason.as_deref())?,
    ];
    let policies = record.decisions.iter().filter_map(|decision| decision.policy_id.as_deref());
    let tags = record.client.tags.iter().map(|(tag, value)| format!("{tag}={value}"));
    let sets = [set(db, names, tags)?, set(db, names, policies)?];
    let providers = record.attempts.iter().map(|attempt| attempt.provider.as_str());
    let errors = record.attempts.iter().filter_map(|attempt| attempt.error.map(|error| error.as_str()));
    let stages = record.decisions.iter().map(|decision| decision.stage.as_str());
    let further_sets = [set(db, names, providers)?, set(db, names, errors)?, set(db, names, stages)?];
    let mut name = |text: Option<&str>| names.maybe(db, text).map(Option::unwrap_or_default);
    let cost = record.cost.as_ref();
    let accounts_and_answer = [
        name(record.client.user_agent.as_deref())?,
        name(record.usage.map(|usage| usage.source.as_str()))?,
        name(cost.map(|cost| cost.price_revision.as_str()))?,
        i64::from(cost.is_some_and(|cost| cost.assumed)),
        name(record.response_model.as_deref())?,
        name(record.service_tier.as_deref())?,
        name(record.speed.as_deref())?,
        name(record.usage.and_then(|usage| usage.estimate_reason).map(|reason| reason.as_str()))?,
    ];
    let provider_errors = record.attempts.iter().filter_map(|attempt| attempt.provider_error.as_deref());
    let provider_errors = [set(db, names, provider_errors)?];
    let mut cells = [0; COLUMNS];
    let values = numbers_and_names.into_iter().chain(sets).chain(retention).chain(further);
    let values = values.chain(further_sets).chain(accounts_and_answer).chain(provider_errors);
    cells.iter_mut().zip(values.chain(digests(record))).for_each(|(cell, value)| *cell = value);
    Ok(cells)
}

/// Texts that are as many as records, or as clients like, would fill `names`: of them a digest is kept.
fn digests(record: &RequestRecord) -> [i64; 8] {
    let client = &record.client;
    [
        &record.trace_id,
        &record.provider_request_id,
        &client.session_id,
        &client.end_user,
        &client.agent_id,
        &record.parent_span_id,
        &record.requested_service_tier,
        &record.requested_speed,
    ]
    .map(|text| text.as_deref().map_or(0, digest))
}

fn set(db: &Db, names: &mut Names, members: impl Iterator<Item = impl AsRef<str>>) -> Result<i64> {
    let mut numbers = members.map(|text| names.number(db, text.as_ref())).collect::<Result<Vec<_>>>()?;
    if numbers.is_empty() {
        return Ok(0);
    }
    numbers.sort_unstable();
    numbers.dedup();
    names.set(db, &numbers)
}

fn number(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
