//! Conversion of values to PostgreSQL's types and back.

use crate::store_error::StoreError;
use crate::{Result, ValueRef};
use bytes::{BufMut, BytesMut};
use std::borrow::Cow;
use std::error::Error;
use tokio_postgres::Row;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};

type Fault = Box<dyn Error + Sync + Send>;

/// A value for a parameter.
#[derive(Debug)]
pub(super) struct Bound<'a>(pub(super) ValueRef<'a>);

impl Bound<'_> {
    /// Returns the type of the columns that store this kind.
    pub(super) fn own_type(&self) -> Type {
        match self.0 {
            ValueRef::Null => Type::UNKNOWN,
            ValueRef::Integer(_) => Type::INT8,
            ValueRef::Real(_) => Type::FLOAT8,
            ValueRef::Text(_) => Type::TEXT,
            ValueRef::Blob(_) => Type::BYTEA,
        }
    }
}

impl ToSql for Bound<'_> {
    fn to_sql(&self, of: &Type, out: &mut BytesMut) -> Result<IsNull, Fault> {
        match self.0 {
            ValueRef::Null => return Ok(IsNull::Yes),
            ValueRef::Integer(value) if *of == Type::INT8 => out.put_i64(value),
            ValueRef::Integer(value) if *of == Type::INT4 => out.put_i32(i32::try_from(value)?),
            ValueRef::Real(value) if *of == Type::FLOAT8 => out.put_f64(value),
            ValueRef::Text(text) if *of == Type::TEXT => out.put_slice(without_nul(text).as_bytes()),
            ValueRef::Blob(bytes) if *of == Type::BYTEA => out.put_slice(bytes),
            _ => return Err("a value of another type than its column".into()),
        }
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

/// Returns a text in its stored form. PostgreSQL's texts hold no NUL but those of proxies may, so U+FFFD replaces it.
pub(crate) fn without_nul(text: &str) -> Cow<'_, str> {
    if text.contains('\0') { text.replace('\0', "\u{fffd}").into() } else { text.into() }
}

impl<'a> FromSql<'a> for ValueRef<'a> {
    fn from_sql(of: &Type, raw: &'a [u8]) -> Result<Self, Fault> {
        Ok(match *of {
            Type::INT8 => Self::Integer(i64::from_be_bytes(raw.try_into()?)),
            Type::INT4 => Self::Integer(i32::from_be_bytes(raw.try_into()?).into()),
            Type::INT2 => Self::Integer(i16::from_be_bytes(raw.try_into()?).into()),
            Type::BOOL => Self::Integer(i64::from(raw != [0])),
            Type::FLOAT8 => Self::Real(f64::from_be_bytes(raw.try_into()?)),
            Type::BYTEA => Self::Blob(raw),
            _ => Self::Text(std::str::from_utf8(raw)?),
        })
    }

    fn from_sql_null(_: &Type) -> Result<Self, Fault> {
        Ok(Self::Null)
    }

    fn accepts(of: &Type) -> bool {
        [
            Type::INT8,
            Type::INT4,
            Type::INT2,
            Type::BOOL,
            Type::FLOAT8,
            Type::BYTEA,
            Type::TEXT,
            Type::VARCHAR,
            Type::NAME,
        ]
        .contains(of)
    }
}

/// Returns the value of a column.
pub(crate) fn value(row: &Row, column: usize) -> Result<ValueRef<'_>> {
    row.try_get(column).map_err(|_| StoreError::Other.into())
}
