//! Operations on many rows at once: COPY, and queries by lists of keys. One statement per row would cost a round trip each.

use super::Connection;
use super::value::Bound;
use crate::{Result, Row, ValueRef};
use std::pin::pin;
use tokio_postgres::binary_copy::BinaryCopyInWriter;
use tokio_postgres::types::{ToSql, Type};

/// A session's operations on many rows.
#[derive(Debug, Clone, Copy)]
pub struct Bulk<'c>(&'c Connection);

impl<'c> Bulk<'c> {
    pub(crate) const fn of(connection: &'c Connection) -> Self {
        Self(connection)
    }

    /// Runs `COPY … FROM STDIN BINARY`.
    pub fn copy<'v, const N: usize>(self, sql: &str, rows: impl Iterator<Item = [ValueRef<'v>; N]>) -> Result<()> {
        let mut rows = rows.map(|row| row.map(Bound)).peekable();
        let Some(first) = rows.peek() else {
            return Ok(());
        };
        let types: Vec<Type> = first.iter().map(Bound::own_type).collect();
        let statement = self.0.statement(sql, &[])?;
        self.0.call(async {
            let mut writer = pin!(BinaryCopyInWriter::new(self.0.client.copy_in(&statement).await?, &types));
            for row in rows {
                writer.as_mut().write(&row.each_ref().map(|value| value as &(dyn ToSql + Sync))).await?;
            }
            writer.finish().await
        })?;
        Ok(())
    }

    /// Runs a query by a list of texts; returns each row as `read` converts it.
    pub fn look_up_texts<T>(
        self,
        sql: &str,
        texts: &[String],
        mut read: impl FnMut(&Row<'_>) -> Result<T>,
    ) -> Result<Vec<T>> {
        let statement = self.0.typed_statement(sql, &[Type::TEXT_ARRAY])?;
        let rows = self.0.call(self.0.client.query(&statement, &[&texts]))?;
        rows.into_iter().map(|row| read(&Row::from(row))).collect()
    }

    /// Runs a query by one number, a list of numbers and a list of byte strings; returns each row as `read` converts it.
    pub fn look_up<T>(
        self,
        sql: &str,
        (number, numbers, blobs): (i64, &[i64], &[&[u8]]),
        mut read: impl FnMut(&Row<'_>) -> Result<T>,
    ) -> Result<Vec<T>> {
        let types = [Type::INT8, Type::INT8_ARRAY, Type::BYTEA_ARRAY];
        let statement = self.0.typed_statement(sql, &types)?;
        let rows = self.0.call(self.0.client.query(&statement, &[&number, &numbers, &blobs]))?;
        rows.into_iter().map(|row| read(&Row::from(row))).collect()
    }
}
