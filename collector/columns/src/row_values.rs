//! The columns, and the values of one record in them.

use super::digest::digest;
use crate::dictionary::{Dictionary, DictionaryWriter};
use headgate_collector_db::Result;
use headgate_collector_types::RequestOutcome;
use headgate_record::{AttemptKind, CallerIdentity, RequestRecord};
use std::borrow::Cow;

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

// New columns are added at the end, because the number is part of stored data.
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
    /// A name, like all columns up to `ErrorCode`; 0 if there is none.
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
    /// Time at which the collector received the record, µs.
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
    /// Digest of a text that is nearly unique or invented by a client, like all columns up to `RequestedSpeed`; 0 if there is
    /// none. See [`super::digest`].
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
    /// [`RequestOutcome`] of the request, as its number.
    Outcome,
    /// `usage.input_tokens`.
    InputTokens,
    /// `usage.output_tokens`.
    OutputTokens,
    /// Name: `caller.source`; 0 if there is no caller.
    Source,
    /// Name.
    UseCase,
    /// Name.
    RiskClass,
}

/// The number of columns.
pub(super) const COLUMNS: usize = Column::ALL.len();

/// The values of one record, in the order of [`Column::ALL`]. None is negative. Names and sets are ids of the dictionary.
pub type RowValues = [i64; COLUMNS];

/// The value of one column of a record, with names as texts.
#[derive(Debug)]
enum Value<'r> {
    Number(i64),
    /// A name that many records share; 0 if there is none.
    Name(Option<&'r str>),
    /// Several names; 0 if there are none.
    Set(Vec<Cow<'r, str>>),
}

/// The values of a record in the order of the columns, with names as texts.
#[derive(Debug)]
pub struct RecordValues<'r>(Vec<Value<'r>>);

impl<'r> RecordValues<'r> {
    /// Returns the values of a record that was received at this time, µs.
    pub fn of(record: &'r RequestRecord, received_at: i64) -> Self {
        Self(Column::ALL.iter().map(|column| value(*column, record, received_at)).collect())
    }

    /// Returns the names, those in sets included.
    fn names(&self) -> impl Iterator<Item = &str> {
        let single = self.0.iter().filter_map(|value| match value {
            Value::Name(name) => *name,
            Value::Number(_) | Value::Set(_) => None,
        });
        single.chain(self.sets().flatten().map(AsRef::as_ref))
    }

    /// Returns the sets that have members.
    fn sets(&self) -> impl Iterator<Item = &[Cow<'_, str>]> {
        self.0.iter().filter_map(|value| match value {
            Value::Set(members) if !members.is_empty() => Some(members.as_slice()),
            _ => None,
        })
    }

    /// Returns the values with names and sets as ids.
    ///
    /// # Errors
    /// The dictionary cannot be read or written.
    pub fn encode(&self, dictionary: &mut impl Dictionary) -> Result<RowValues> {
        let mut row = [0; COLUMNS];
        for (slot, value) in row.iter_mut().zip(&self.0) {
            *slot = match value {
                Value::Number(number) => *number,
                Value::Name(name) => name.map_or(Ok(0), |name| dictionary.name_id(name))?,
                Value::Set(members) => set_id(members, dictionary)?,
            };
        }
        Ok(row)
    }
}

/// Caches the ids of all names and sets of many records, in two queries.
///
/// # Errors
/// The dictionary cannot be read or written.
pub fn prefetch(rows: &[RecordValues<'_>], dictionary: &mut DictionaryWriter<'_>) -> Result<()> {
    dictionary.prefetch_names(rows.iter().flat_map(RecordValues::names))?;
    dictionary.prefetch_sets(rows.iter().flat_map(RecordValues::sets))
}

/// Returns the values of a record that was received at this time, µs.
///
/// # Errors
/// The dictionary cannot be read or written.
pub fn row_values(record: &RequestRecord, received_at: i64, dictionary: &mut impl Dictionary) -> Result<RowValues> {
    RecordValues::of(record, received_at).encode(dictionary)
}

fn set_id(members: &[Cow<'_, str>], dictionary: &mut impl Dictionary) -> Result<i64> {
    let mut members = members.iter().map(|name| dictionary.name_id(name)).collect::<Result<Vec<_>>>()?;
    if members.is_empty() {
        return Ok(0);
    }
    members.sort_unstable();
    members.dedup();
    dictionary.set_id(&members)
}

fn value<'r>(column: Column, record: &'r RequestRecord, received_at: i64) -> Value<'r> {
    use Value::{Name, Number};
    let (client, cost) = (&record.client, record.cost.as_ref());
    let caller = |field: fn(&CallerIdentity) -> Option<&str>| Name(record.caller.as_ref().and_then(field));
    let served = record.served_by.as_ref();
    // Texts that are nearly unique, or that clients invent, would fill `names`: their digest is stored.
    let digested = |text: &Option<String>| Number(text.as_deref().map_or(0, digest));
    match column {
        Column::StartedAt => Number(number(record.started_at)),
        Column::Duration => Number(number(record.duration_us)),
        Column::FirstToken => Number(record.time_to_first_token_us.map_or(0, |us| number(us).saturating_add(1))),
        Column::Cost => Number(cost.map_or(0, |cost| number(cost.nano_usd).saturating_add(1))),
        Column::Status => Number(record.status.into()),
        Column::Stream => Number(record.stream.into()),
        Column::Failover => Number(record.attempts.iter().any(|attempt| attempt.kind == AttemptKind::Failover).into()),
        Column::Node => Name(Some(&record.node)),
        Column::Surface => Name(Some(&record.surface)),
        Column::Environment => Name(Some(&record.environment)),
        Column::ConfigRevision => Name(Some(&record.config_revision)),
        Column::EndedBy => Name(Some(record.ended_by.as_str())),
        Column::RequestedModel => Name(record.requested_model.as_deref()),
        Column::ServedModel => Name(served.map(|target| target.model.as_str())),
        Column::Provider => Name(served.map(|target| target.provider.as_str())),
        Column::KeyId => caller(|caller| Some(&caller.key_id)),
        Column::Owner => caller(|caller| caller.owner.as_deref()),
        Column::Team => caller(|caller| caller.team.as_deref()),
        Column::Project => caller(|caller| caller.project.as_deref()),
        Column::Application => caller(|caller| caller.application.as_deref()),
        Column::CostCenter => caller(|caller| caller.cost_center.as_deref()),
        Column::Tenant => caller(|caller| caller.tenant.as_deref()),
        Column::RejectedBy => Name(record.rejected_by.map(|by| by.as_str())),
        Column::ErrorCode => Name(record.error_code.as_deref()),
        // It has no hash, so a disk may have made it negative, which a column cannot store.
        Column::ReceivedAt => Number(received_at.max(0)),
        Column::RetentionClass => Name(Some(&record.retention_class)),
        Column::FinishReason => Name(record.finish_reason.as_deref()),
        Column::UserAgent => Name(client.user_agent.as_deref()),
        Column::UsageSource => Name(record.usage.map(|usage| usage.source.as_str())),
        Column::PriceRevision => Name(cost.map(|cost| cost.price_revision.as_str())),
        Column::Assumed => Number(cost.is_some_and(|cost| cost.assumed).into()),
        Column::ResponseModel => Name(record.response_model.as_deref()),
        Column::ServiceTier => Name(record.service_tier.as_deref()),
        Column::Speed => Name(record.speed.as_deref()),
        Column::EstimateReason => {
            Name(record.usage.and_then(|usage| usage.estimate_reason).map(|reason| reason.as_str()))
        }
        Column::Tags
        | Column::Policies
        | Column::AttemptProviders
        | Column::AttemptErrors
        | Column::Stages
        | Column::ProviderErrors => Value::Set(members(column, record)),
        Column::TraceId => digested(&record.trace_id),
        Column::ProviderRequestId => digested(&record.provider_request_id),
        Column::SessionId => digested(&client.session_id),
        Column::EndUser => digested(&client.end_user),
        Column::AgentId => digested(&client.agent_id),
        Column::ParentSpanId => digested(&record.parent_span_id),
        Column::RequestedServiceTier => digested(&record.requested_service_tier),
        Column::RequestedSpeed => digested(&record.requested_speed),
        Column::Outcome => Number(RequestOutcome::of(record) as i64),
        Column::InputTokens => Number(record.usage.map_or(0, |usage| number(usage.input_tokens))),
        Column::OutputTokens => Number(record.usage.map_or(0, |usage| number(usage.output_tokens))),
        Column::Source => caller(|caller| Some(caller.source.as_str())),
        Column::UseCase => caller(|caller| caller.use_case.as_deref()),
        Column::RiskClass => caller(|caller| caller.risk_class.map(|class| class.as_str())),
    }
}

fn members(column: Column, record: &RequestRecord) -> Vec<Cow<'_, str>> {
    let (attempts, decisions) = (record.attempts.iter(), record.decisions.iter());
    match column {
        Column::Tags => record.client.tags.iter().map(|(tag, value)| format!("{tag}={value}").into()).collect(),
        Column::Policies => decisions.filter_map(|decision| decision.policy_id.as_deref()).map(Into::into).collect(),
        Column::Stages => decisions.map(|decision| decision.stage.as_str().into()).collect(),
        Column::AttemptProviders => attempts.map(|attempt| attempt.provider.as_str().into()).collect(),
        Column::AttemptErrors => {
            attempts.filter_map(|attempt| attempt.error).map(|error| error.as_str().into()).collect()
        }
        Column::ProviderErrors => {
            attempts.filter_map(|attempt| attempt.provider_error.as_deref()).map(Into::into).collect()
        }
        _ => Vec::new(),
    }
}

fn number(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::{Column, Value, value};
    use headgate_record::RequestRecord;

    #[test]
    fn no_number_is_negative() {
        let record = RequestRecord { started_at: u64::MAX, duration_us: u64::MAX, ..RequestRecord::default() };
        for column in Column::ALL {
            if let Value::Number(number) = value(*column, &record, -5) {
                assert!(number >= 0, "{column:?}");
            }
        }
    }
}
