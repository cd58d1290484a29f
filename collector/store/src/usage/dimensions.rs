//! The dimensions of usage.
//!
//! The writers of policies and the providers choose their values, so few combinations, and few rows, occur. A row that is
//! older than a dimension has no value of it. Values that a client may invent (an end user's tag, a session, the name of
//! a model that does not exist) are no dimensions, because a client could then add rows without end.

use headgate_collector_columns::{Column, RowValues, varint};
use headgate_collector_db::StoreError;
use headgate_record::RequestRecord;

// Only append: the order is the format.
const DIMENSIONS: [Column; 14] = [
    Column::Status,
    Column::KeyId,
    Column::Owner,
    Column::Team,
    Column::Project,
    Column::Environment,
    Column::Surface,
    Column::RequestedModel,
    Column::ServedModel,
    Column::Provider,
    Column::Application,
    Column::CostCenter,
    Column::Tenant,
    Column::ConfigRevision,
];

/// The number of dimensions in the oldest rows.
const FIRST: usize = 10;

/// The dimensions by their names in answers.
pub(super) const DIMENSION_NAMES: [(&str, Column); DIMENSIONS.len()] = [
    ("status", Column::Status),
    ("key_id", Column::KeyId),
    ("owner", Column::Owner),
    ("team", Column::Team),
    ("project", Column::Project),
    ("environment", Column::Environment),
    ("surface", Column::Surface),
    ("requested_model", Column::RequestedModel),
    ("served_model", Column::ServedModel),
    ("provider", Column::Provider),
    ("application", Column::Application),
    ("cost_center", Column::CostCenter),
    ("tenant", Column::Tenant),
    ("config_revision", Column::ConfigRevision),
];

/// The `error_code` of a request for a model that no policy has. The client invented the name.
const MODEL_NOT_FOUND: &str = "model_not_found";

/// A grouping of results.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GroupBy {
    /// By the value of a dimension.
    Value(Column),
    /// By the first digit of the status.
    StatusClass,
}

impl GroupBy {
    /// Returns whether the values are ids of names; 0 stands for no name.
    pub(super) fn is_name(self) -> bool {
        !matches!(self, Self::StatusClass | Self::Value(Column::Status))
    }
}

/// The values of one combination: ids of names, and the status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Dimensions([i64; DIMENSIONS.len()]);

impl Dimensions {
    /// Returns the dimensions of a record.
    pub(super) fn of(record: &RequestRecord, row_values: &RowValues) -> Self {
        let invented = record.error_code.as_deref() == Some(MODEL_NOT_FOUND);
        Self(DIMENSIONS.map(|column| match column {
            Column::RequestedModel if invented => 0,
            _ => row_values.get(column as usize).copied().unwrap_or(0),
        }))
    }

    /// Returns the value of a dimension; 0 if there is none.
    pub(super) fn get(&self, column: Column) -> i64 {
        DIMENSIONS.iter().zip(self.0).find(|(known, _)| **known == column).map_or(0, |(_, value)| value)
    }

    /// Returns the key of a group: the number of a name, a status, or the first digit of a status.
    pub(super) fn group(&self, by: GroupBy) -> i64 {
        match by {
            GroupBy::Value(column) => self.get(column),
            GroupBy::StatusClass => self.get(Column::Status) / 100,
        }
    }

    pub(super) fn to_bytes(self) -> Vec<u8> {
        let mut out = Vec::with_capacity(24);
        self.0.iter().for_each(|value| varint::write(&mut out, value.unsigned_abs()));
        out
    }

    /// Encodes the combination in its oldest form, with the first dimensions alone.
    pub(super) fn to_first_bytes(self) -> Vec<u8> {
        let mut out = Vec::with_capacity(24);
        self.0.iter().take(FIRST).for_each(|value| varint::write(&mut out, value.unsigned_abs()));
        out
    }

    /// Decodes a combination. Dimensions that were added later are absent.
    pub(super) fn from_bytes(bytes: &[u8]) -> Result<Self, StoreError> {
        let mut values = [0; DIMENSIONS.len()];
        let mut bytes = bytes.iter();
        for value in &mut values {
            if bytes.len() == 0 {
                break;
            }
            let read = varint::read(&mut bytes).ok_or(StoreError::Damaged)?;
            *value = i64::try_from(read).map_err(|_| StoreError::Damaged)?;
        }
        Ok(Self(values))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn combinations_read_back_or_are_damage() {
        let mut values = [0; DIMENSIONS.len()];
        values.iter_mut().zip(1..).for_each(|(value, n)| *value = n * 100);
        values[1] = i64::MAX;
        let dimensions = Dimensions(values);
        assert_eq!(Dimensions::from_bytes(&dimensions.to_bytes()), Ok(dimensions));
        assert_eq!(Dimensions::from_bytes(&[0x80]), Err(StoreError::Damaged));
        assert_eq!(Dimensions::from_bytes(&[0xff; 9]), Err(StoreError::Damaged));
        assert_eq!(Dimensions::from_bytes(&[]).unwrap().get(Column::Team), 0);
    }
}
