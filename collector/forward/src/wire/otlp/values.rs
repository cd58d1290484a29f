//! Values of OpenTelemetry's JSON, written straight from the parts of an event: a record has some sixty of them, so none is built first.

use serde::ser::{SerializeSeq, SerializeStruct};
use serde::{Serialize, Serializer};
use serde_json::Value;
use std::fmt::{self, Display};

/// The value of an attribute.
#[derive(Debug, Clone, Copy)]
pub(super) enum AnyValue<'a> {
    /// A member of an entry.
    Member(&'a Value),
    /// A list with this member alone.
    ListOf(&'a Value),
    /// A text.
    Text(&'a str),
    /// A whole number.
    Int(i64),
    /// A number with a fraction.
    Double(f64),
    /// A whole number as text.
    NumberText(u64),
}

impl Serialize for AnyValue<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match *self {
            Self::Member(value) => member(serializer, value),
            Self::ListOf(value) if value.is_string() => list(serializer, std::slice::from_ref(value)),
            Self::ListOf(value) => one(serializer, "stringValue", &Shown(format_args!("[{value}]"))),
            Self::Text(text) => one(serializer, "stringValue", text),
            Self::Int(number) => one(serializer, "intValue", &Shown(number)),
            Self::Double(number) => one(serializer, "doubleValue", &number),
            Self::NumberText(number) => one(serializer, "stringValue", &Shown(number)),
        }
    }
}

/// Writes a member as the protocol has it. Objects are texts of JSON: few receivers can search in others.
fn member<S: Serializer>(serializer: S, value: &Value) -> Result<S::Ok, S::Error> {
    match value {
        Value::String(text) => one(serializer, "stringValue", text),
        Value::Bool(truth) => one(serializer, "boolValue", truth),
        Value::Number(number) if number.is_f64() => one(serializer, "doubleValue", number),
        // 64-bit integers are texts in the protocol's JSON.
        Value::Number(number) => one(serializer, "intValue", &Shown(number)),
        Value::Array(values) if values.iter().all(Value::is_string) => list(serializer, values),
        other => one(serializer, "stringValue", &Shown(other)),
    }
}

/// Writes an object with one member.
pub(super) fn one<S: Serializer>(
    serializer: S,
    name: &'static str,
    value: &(impl Serialize + ?Sized),
) -> Result<S::Ok, S::Error> {
    let mut object = serializer.serialize_struct("AnyValue", 1)?;
    object.serialize_field(name, value)?;
    object.end()
}

fn list<S: Serializer>(serializer: S, values: &[Value]) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Values<V: Serialize> {
        values: V,
    }
    one(serializer, "arrayValue", &Values { values: Each(values, AnyValue::Member) })
}

/// A list whose items are written one after another, as the function has them.
pub(super) struct Each<'a, T, F>(pub(super) &'a [T], pub(super) F);

impl<'a, T, F: Fn(&'a T) -> V, V: Serialize> Serialize for Each<'a, T, F> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(&self.1))
    }
}

/// An attribute.
#[derive(Debug, Serialize)]
pub(super) struct Attribute<'a, K: Serialize> {
    key: K,
    value: AnyValue<'a>,
}

/// Returns an attribute.
pub(super) const fn attribute<K: Serialize>(key: K, value: AnyValue<'_>) -> Attribute<'_, K> {
    Attribute { key, value }
}

/// A list of attributes that is being written.
pub(super) struct List<S>(pub(super) S);

impl<S: SerializeSeq> List<S> {
    /// Writes one more.
    pub(super) fn add(&mut self, key: impl Serialize, value: AnyValue<'_>) -> Result<(), S::Error> {
        self.0.serialize_element(&attribute(key, value))
    }
}

/// A text that is written as it is shown.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shown<T>(pub(super) T);

impl<T: Display> Serialize for Shown<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// A time, µs since the Unix epoch, as the protocol has it: nanoseconds in a text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Nanoseconds(pub(super) i64);

impl Display for Nanoseconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", i128::from(self.0).saturating_mul(1_000))
    }
}

impl Serialize for Nanoseconds {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
