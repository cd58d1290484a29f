//! Statements and their rows.

use super::{Error, FromSql, Params, Result, ValueRef};
use super::{postgres, sqlite};

/// A statement. Each run has its own values for the parameters.
pub struct Statement<'c>(pub(super) Prepared<'c>);

pub(super) enum Prepared<'c> {
    Sqlite(rusqlite::CachedStatement<'c>),
    /// Prepared on the server when it runs, because the types of its parameters are not known before.
    Postgres(&'c postgres::Connection, String),
}

impl Statement<'_> {
    /// Runs the statement; returns the number of changed rows.
    ///
    /// # Errors
    /// Errors of the database.
    pub fn execute(&mut self, params: impl Params) -> Result<usize> {
        match &mut self.0 {
            Prepared::Sqlite(statement) => {
                sqlite::bind(statement, &params)?;
                Ok(statement.raw_execute()?)
            }
            Prepared::Postgres(connection, sql) => connection.execute(sql, &params),
        }
    }

    /// Runs the statement; returns its rows.
    ///
    /// # Errors
    /// Errors of the database.
    pub fn query(&mut self, params: impl Params) -> Result<Rows<'_>> {
        match &mut self.0 {
            Prepared::Sqlite(statement) => {
                sqlite::bind(statement, &params)?;
                Ok(Rows(EngineRows::Sqlite(statement.raw_query())))
            }
            Prepared::Postgres(connection, sql) => {
                Ok(Rows(EngineRows::Postgres(connection.query(sql, &params)?.into_iter())))
            }
        }
    }

    /// Runs the statement; returns each row as `read` converts it.
    ///
    /// # Errors
    /// Errors of the database. Errors of `read` come with their rows.
    pub fn query_map<T, F>(&mut self, params: impl Params, read: F) -> Result<MappedRows<'_, F>>
    where
        F: FnMut(&Row<'_>) -> Result<T>,
    {
        Ok(MappedRows { rows: self.query(params)?, read })
    }

    /// Runs the statement; returns the first row as `read` converts it.
    ///
    /// # Errors
    /// Errors of the database and of `read`; [`Error::NoRows`] if there is none.
    pub fn query_row<T>(&mut self, params: impl Params, read: impl FnOnce(&Row<'_>) -> Result<T>) -> Result<T> {
        let mut rows = self.query(params)?;
        let row = rows.next()?.ok_or(Error::NoRows)?;
        read(&row)
    }
}

/// The rows of a query, one after the other.
pub struct Rows<'s>(EngineRows<'s>);

enum EngineRows<'s> {
    Sqlite(rusqlite::Rows<'s>),
    Postgres(std::vec::IntoIter<tokio_postgres::Row>),
}

impl Rows<'_> {
    /// Returns the next row.
    ///
    /// # Errors
    /// Errors of the database.
    #[expect(
        clippy::should_implement_trait,
        reason = "a row may stand in the statement until the next one is asked for"
    )]
    pub fn next(&mut self) -> Result<Option<Row<'_>>> {
        match &mut self.0 {
            EngineRows::Sqlite(rows) => Ok(rows.next()?.map(|row| Row(EngineRow::Sqlite(row)))),
            EngineRows::Postgres(rows) => Ok(rows.next().map(Row::from)),
        }
    }
}

/// The place of a column. It is a trait so that [`Row::get`] has the same two type parameters as in rusqlite.
pub trait RowIndex {
    /// Returns the place, from 0.
    fn place(self) -> usize;
}

impl RowIndex for usize {
    fn place(self) -> usize {
        self
    }
}

/// A row.
#[derive(Debug)]
pub struct Row<'r>(EngineRow<'r>);

#[derive(Debug)]
enum EngineRow<'r> {
    Sqlite(&'r rusqlite::Row<'r>),
    Postgres(tokio_postgres::Row),
}

impl From<tokio_postgres::Row> for Row<'_> {
    fn from(row: tokio_postgres::Row) -> Self {
        Self(EngineRow::Postgres(row))
    }
}

impl Row<'_> {
    /// Returns the value of a column. Columns count from 0.
    ///
    /// # Errors
    /// There is no such column, or its value is of another kind.
    pub fn get<I: RowIndex, T: FromSql>(&self, column: I) -> Result<T> {
        T::from_sql(self.get_ref(column)?)
    }

    /// Returns the value of a column as [`Row::get`] does, but without a copy.
    ///
    /// # Errors
    /// There is no such column.
    pub fn get_ref<I: RowIndex>(&self, column: I) -> Result<ValueRef<'_>> {
        match &self.0 {
            EngineRow::Sqlite(row) => sqlite::value(row, column.place()),
            EngineRow::Postgres(row) => postgres::value(row, column.place()),
        }
    }
}

/// An iterator over rows as a function converts them.
pub struct MappedRows<'s, F> {
    rows: Rows<'s>,
    read: F,
}

impl<T, F: FnMut(&Row<'_>) -> Result<T>> Iterator for MappedRows<'_, F> {
    type Item = Result<T>;

    fn next(&mut self) -> Option<Self::Item> {
        let row = self.rows.next().transpose()?;
        Some(row.and_then(|row| (self.read)(&row)))
    }
}
