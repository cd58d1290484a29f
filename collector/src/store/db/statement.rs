//! Statements, and the rows they give.

use super::{Error, FromSql, Params, Result, ValueRef};
use super::{postgres, sqlite};

/// A statement; its values are given each time it runs.
pub struct Statement<'c>(pub(super) Prepared<'c>);

pub(super) enum Prepared<'c> {
    Sqlite(rusqlite::CachedStatement<'c>),
    /// The server is told of it when it runs, for only then the types of its parameters are known.
    Postgres(&'c postgres::Connection, String),
}

impl Statement<'_> {
    /// Runs it; gives the number of rows it changed.
    ///
    /// # Errors
    /// Those of the database.
    pub fn execute(&mut self, params: impl Params) -> Result<usize> {
        match &mut self.0 {
            Prepared::Sqlite(statement) => {
                sqlite::bind(statement, &params)?;
                Ok(statement.raw_execute()?)
            }
            Prepared::Postgres(connection, sql) => connection.execute(sql, &params),
        }
    }

    /// The rows.
    ///
    /// # Errors
    /// Those of the database.
    pub fn query(&mut self, params: impl Params) -> Result<Rows<'_>> {
        match &mut self.0 {
            Prepared::Sqlite(statement) => {
                sqlite::bind(statement, &params)?;
                Ok(Rows(Found::Sqlite(statement.raw_query())))
            }
            Prepared::Postgres(connection, sql) => {
                Ok(Rows(Found::Postgres(connection.query(sql, &params)?.into_iter())))
            }
        }
    }

    /// What `read` makes of each row.
    ///
    /// # Errors
    /// Those of the database. Those of `read` come with their rows.
    pub fn query_map<T, F>(&mut self, params: impl Params, read: F) -> Result<MappedRows<'_, F>>
    where
        F: FnMut(&Row<'_>) -> Result<T>,
    {
        Ok(MappedRows { rows: self.query(params)?, read })
    }

    /// What `read` makes of the first row.
    ///
    /// # Errors
    /// Those of the database and of `read`; [`Error::NoRows`] if there is none.
    pub fn query_row<T>(&mut self, params: impl Params, read: impl FnOnce(&Row<'_>) -> Result<T>) -> Result<T> {
        let mut rows = self.query(params)?;
        let row = rows.next()?.ok_or(Error::NoRows)?;
        read(&row)
    }
}

/// Rows, one after the other.
pub struct Rows<'s>(Found<'s>);

enum Found<'s> {
    Sqlite(rusqlite::Rows<'s>),
    Postgres(std::vec::IntoIter<tokio_postgres::Row>),
}

impl Rows<'_> {
    /// The next row.
    ///
    /// # Errors
    /// Those of the database.
    #[expect(
        clippy::should_implement_trait,
        reason = "a row may stand in the statement until the next one is asked for"
    )]
    pub fn next(&mut self) -> Result<Option<Row<'_>>> {
        match &mut self.0 {
            Found::Sqlite(rows) => Ok(rows.next()?.map(|row| Row(Cells::Sqlite(row)))),
            Found::Postgres(rows) => Ok(rows.next().map(Row::from)),
        }
    }
}

/// The place of a column, so that the two types of [`Row::get`] can be named as they are with rusqlite.
pub trait RowIndex {
    /// Counted from 0.
    fn place(self) -> usize;
}

impl RowIndex for usize {
    fn place(self) -> usize {
        self
    }
}

/// A row.
#[derive(Debug)]
pub struct Row<'r>(Cells<'r>);

#[derive(Debug)]
enum Cells<'r> {
    Sqlite(&'r rusqlite::Row<'r>),
    Postgres(tokio_postgres::Row),
}

impl From<tokio_postgres::Row> for Row<'_> {
    fn from(row: tokio_postgres::Row) -> Self {
        Self(Cells::Postgres(row))
    }
}

impl Row<'_> {
    /// The value of a column, counted from 0.
    ///
    /// # Errors
    /// There is no such column, or it holds something else.
    pub fn get<I: RowIndex, T: FromSql>(&self, column: I) -> Result<T> {
        T::from_sql(self.get_ref(column)?)
    }

    /// As [`Row::get`], without a copy.
    ///
    /// # Errors
    /// There is no such column.
    pub fn get_ref<I: RowIndex>(&self, column: I) -> Result<ValueRef<'_>> {
        match &self.0 {
            Cells::Sqlite(row) => sqlite::value(row, column.place()),
            Cells::Postgres(row) => postgres::value(row, column.place()),
        }
    }
}

/// What a function makes of each row.
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
