//! What usage can be told apart by.
//!
//! All of it is chosen by whoever writes the policy, or by a provider: so the combinations that occur, and with them the
//! rows, are few. A row that was written before there was a dimension has no value of it. What a client may make up (an end user's tag, a session, the name of a model that does not exist) is no
//! dimension: a client could add rows without end.

use super::super::columns::{Cells, Column};
use super::super::{StoreError, varint};
use headgate_record::RequestRecord;

// Only add at the end: the order is the format.
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

/// Dimensions of rows that were written before there were more.
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

/// `error_code` of a request for a model that no policy has: its name is the client's invention.
const MODEL_NOT_FOUND: &str = "model_not_found";

/// How results are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GroupBy {
    /// By the value of a dimension.
    Value(Column),
    /// By the first digit of the status.
    StatusClass,
}

impl GroupBy {
    /// Whether its values are numbers of names; 0 stands for none.
    pub(super) fn is_name(self) -> bool {
        !matches!(self, Self::StatusClass | Self::Value(Column::Status))
    }
}

/// The values of one combination: numbers of names, and the status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Dimensions([i64; DIMENSIONS.len()]);

impl Dimensions {
    /// Those of a record.
    pub(super) fn of(record: &RequestRecord, cells: &Cells) -> Self {
        let invented = record.error_code.as_deref() == Some(MODEL_NOT_FOUND);
        Self(DIMENSIONS.map(|column| match column {
            Column::RequestedModel if invented => 0,
            _ => cells.get(column as usize).copied().unwrap_or(0),
        }))
    }

    /// The value of a dimension; 0 if there is none.
    pub(super) fn get(&self, column: Column) -> i64 {
        DIMENSIONS.iter().zip(self.0).find(|(known, _)| **known == column).map_or(0, |(_, value)| value)
    }

    /// What a group is recognised by: a name's number or a status, or the first digit of one.
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

    /// As it was written when there were the first dimensions alone.
    pub(super) fn to_first_bytes(self) -> Vec<u8> {
        let mut out = Vec::with_capacity(24);
        self.0.iter().take(FIRST).for_each(|value| varint::write(&mut out, value.unsigned_abs()));
        out
    }

    /// Dimensions that were added later read as absent.
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
    fn combinations_are_read_back_and_broken_ones_are_damage() {
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
