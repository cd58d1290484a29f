//! Statements, and the rows they give.

use super::sqlite;
use super::{Error, FromSql, Params, Result, ValueRef};

/// A statement; its values are given each time it runs.
pub enum Statement<'c> {
    /// Of SQLite.
    #[doc(hidden)]
    Sqlite(rusqlite::CachedStatement<'c>),
}

impl Statement<'_> {
    /// Runs it; gives the number of rows it changed.
    ///
    /// # Errors
    /// Those of the database.
    pub fn execute(&mut self, params: impl Params) -> Result<usize> {
        match self {
            Self::Sqlite(statement) => {
                sqlite::bind(statement, &params)?;
                Ok(statement.raw_execute()?)
            }
        }
    }

    /// The rows.
    ///
    /// # Errors
    /// Those of the database.
    pub fn query(&mut self, params: impl Params) -> Result<Rows<'_>> {
        match self {
            Self::Sqlite(statement) => {
                sqlite::bind(statement, &params)?;
                Ok(Rows::Sqlite(statement.raw_query()))
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
pub enum Rows<'s> {
    /// Of SQLite, read as they are asked for.
    #[doc(hidden)]
    Sqlite(rusqlite::Rows<'s>),
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
        match self {
            Self::Sqlite(rows) => Ok(rows.next()?.map(Row::Sqlite)),
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
pub enum Row<'r> {
    /// Of SQLite.
    #[doc(hidden)]
    Sqlite(&'r rusqlite::Row<'r>),
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
        match self {
            Self::Sqlite(row) => sqlite::value(row, column.place()),
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
