//! Values of parameters and columns: integers, texts and blobs. Nothing else is stored.

use super::{Error, Result};
use crate::store_error::StoreError;

/// An owned value.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// No value.
    Null,
    /// 64 bits.
    Integer(i64),
    /// The result of a computation in a query; never stored.
    Real(f64),
    /// Text.
    Text(String),
    /// Bytes.
    Blob(Vec<u8>),
}

/// A borrowed value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ValueRef<'a> {
    /// No value.
    Null,
    /// 64 bits.
    Integer(i64),
    /// The result of a computation in a query; never stored.
    Real(f64),
    /// Text.
    Text(&'a str),
    /// Bytes.
    Blob(&'a [u8]),
}

/// The error for a value of an unexpected kind.
const OF_ANOTHER_KIND: Error = Error::Store(StoreError::Other);

impl<'a> ValueRef<'a> {
    /// Returns the integer.
    ///
    /// # Errors
    /// The value is of another kind.
    pub fn as_i64(self) -> Result<i64> {
        if let Self::Integer(value) = self { Ok(value) } else { Err(OF_ANOTHER_KIND) }
    }

    /// Returns the text.
    ///
    /// # Errors
    /// The value is of another kind.
    pub fn as_str(self) -> Result<&'a str> {
        if let Self::Text(text) = self { Ok(text) } else { Err(OF_ANOTHER_KIND) }
    }

    /// Returns the bytes.
    ///
    /// # Errors
    /// The value is of another kind.
    pub fn as_blob(self) -> Result<&'a [u8]> {
        if let Self::Blob(bytes) = self { Ok(bytes) } else { Err(OF_ANOTHER_KIND) }
    }
}

/// A type that can be read from a column.
pub trait FromSql: Sized {
    /// Converts a column's value.
    ///
    /// # Errors
    /// The value is of another kind, or out of range.
    fn from_sql(value: ValueRef<'_>) -> Result<Self>;
}

macro_rules! integers_from_sql {
    ($($type:ty),+) => {
        $(impl FromSql for $type {
            fn from_sql(value: ValueRef<'_>) -> Result<Self> {
                Self::try_from(value.as_i64()?).map_err(|_| OF_ANOTHER_KIND)
            }
        })+
    };
}

integers_from_sql!(i64, i32, u8, u16, u32, u64, usize);

impl FromSql for bool {
    fn from_sql(value: ValueRef<'_>) -> Result<Self> {
        Ok(value.as_i64()? != 0)
    }
}

impl FromSql for f64 {
    fn from_sql(value: ValueRef<'_>) -> Result<Self> {
        if let ValueRef::Real(value) = value { Ok(value) } else { Err(OF_ANOTHER_KIND) }
    }
}

impl FromSql for String {
    fn from_sql(value: ValueRef<'_>) -> Result<Self> {
        Ok(value.as_str()?.to_owned())
    }
}

impl FromSql for Vec<u8> {
    fn from_sql(value: ValueRef<'_>) -> Result<Self> {
        Ok(value.as_blob()?.to_owned())
    }
}

impl<const N: usize> FromSql for [u8; N] {
    fn from_sql(value: ValueRef<'_>) -> Result<Self> {
        value.as_blob()?.try_into().map_err(|_| OF_ANOTHER_KIND)
    }
}

impl<T: FromSql> FromSql for Option<T> {
    fn from_sql(value: ValueRef<'_>) -> Result<Self> {
        if value == ValueRef::Null { Ok(None) } else { T::from_sql(value).map(Some) }
    }
}

/// A type that can be a parameter of a statement.
pub trait ToSql {
    /// Returns the value.
    fn to_sql(&self) -> ValueRef<'_>;
}

macro_rules! integers_to_sql {
    ($($type:ty),+) => {
        $(impl ToSql for $type {
            fn to_sql(&self) -> ValueRef<'_> {
                ValueRef::Integer(i64::from(*self))
            }
        })+
    };
}

integers_to_sql!(i64, i32, u8, u16, u32, bool);

impl ToSql for str {
    fn to_sql(&self) -> ValueRef<'_> {
        ValueRef::Text(self)
    }
}

impl ToSql for String {
    fn to_sql(&self) -> ValueRef<'_> {
        ValueRef::Text(self)
    }
}

impl ToSql for [u8] {
    fn to_sql(&self) -> ValueRef<'_> {
        ValueRef::Blob(self)
    }
}

impl ToSql for Vec<u8> {
    fn to_sql(&self) -> ValueRef<'_> {
        ValueRef::Blob(self)
    }
}

impl<const N: usize> ToSql for [u8; N] {
    fn to_sql(&self) -> ValueRef<'_> {
        ValueRef::Blob(self)
    }
}

impl ToSql for Value {
    fn to_sql(&self) -> ValueRef<'_> {
        match self {
            Self::Null => ValueRef::Null,
            Self::Integer(value) => ValueRef::Integer(*value),
            Self::Real(value) => ValueRef::Real(*value),
            Self::Text(text) => ValueRef::Text(text),
            Self::Blob(bytes) => ValueRef::Blob(bytes),
        }
    }
}

impl<T: ToSql> ToSql for Option<T> {
    fn to_sql(&self) -> ValueRef<'_> {
        self.as_ref().map_or(ValueRef::Null, T::to_sql)
    }
}

impl<T: ToSql + ?Sized> ToSql for &T {
    fn to_sql(&self) -> ValueRef<'_> {
        T::to_sql(self)
    }
}

/// The values of a statement's parameters.
pub trait Params {
    /// Calls `take` with each value in order.
    ///
    /// # Errors
    /// Errors of `take`.
    fn each<'a>(&'a self, take: &mut dyn FnMut(ValueRef<'a>) -> Result<()>) -> Result<()>;
}

impl Params for [&dyn ToSql; 0] {
    fn each<'a>(&'a self, _: &mut dyn FnMut(ValueRef<'a>) -> Result<()>) -> Result<()> {
        Ok(())
    }
}

impl Params for &[&dyn ToSql] {
    fn each<'a>(&'a self, take: &mut dyn FnMut(ValueRef<'a>) -> Result<()>) -> Result<()> {
        self.iter().try_for_each(|value| take(value.to_sql()))
    }
}

// Not for every N, because the type of `[]` must be unambiguous.
macro_rules! arrays {
    ($($length:literal),+) => {
        $(impl<T: ToSql> Params for [T; $length] {
            fn each<'a>(&'a self, take: &mut dyn FnMut(ValueRef<'a>) -> Result<()>) -> Result<()> {
                self.iter().try_for_each(|value| take(value.to_sql()))
            }
        })+
    };
}

arrays!(1, 2, 3, 4, 5, 6, 7, 8);

/// Parameters whose number is known only at run time.
#[derive(Debug)]
pub struct ParamsFromIter<T>(Vec<T>);

/// Collects parameters whose number is known only at run time.
pub fn params_from_iter<T: ToSql>(values: impl IntoIterator<Item = T>) -> ParamsFromIter<T> {
    ParamsFromIter(values.into_iter().collect())
}

impl<T: ToSql> Params for ParamsFromIter<T> {
    fn each<'a>(&'a self, take: &mut dyn FnMut(ValueRef<'a>) -> Result<()>) -> Result<()> {
        self.0.iter().try_for_each(|value| take(value.to_sql()))
    }
}

/// Parameters of different types.
#[macro_export]
macro_rules! params {
    ($($value:expr),* $(,)?) => {
        &[$(&$value as &dyn $crate::ToSql),*] as &[&dyn $crate::ToSql]
    };
}
