//! Deserializes a query string into a struct whose fields are its parameters.
//!
//! The layer in `parameter.rs` has already refused unknown names and repeats. axum's own extractor lacks lists, and its error
//! messages quote the value.

use super::error::ApiError;
use super::values::bad;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use serde::de::value::{MapAccessDeserializer, SeqDeserializer, StringDeserializer};
use serde::de::{self, DeserializeOwned, DeserializeSeed, Deserializer, IntoDeserializer, MapAccess, Visitor};
use serde::forward_to_deserialize_any;
use std::collections::{BTreeMap, btree_map};
use std::fmt;

/// Extractor of a request's parameters. Several of these may read one query string, each its own part.
#[derive(Debug)]
pub(super) struct Query<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        parse(parts.uri.query().unwrap_or_default()).map(Self)
    }
}

/// Returns the values by name.
pub(super) fn group_by_name(query: &str) -> BTreeMap<String, Vec<String>> {
    let mut pairs = BTreeMap::<String, Vec<String>>::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        pairs.entry(name.into_owned()).or_default().push(value.into_owned());
    }
    pairs
}

/// Parses a query string; an error names the parameter and the required form.
pub(super) fn parse<T: DeserializeOwned>(query: &str) -> Result<T, ApiError> {
    let mut pairs = BTreeMap::<String, ParamValues>::new();
    for (name, values) in group_by_name(query) {
        // The brackets of a list are part of its spelling, not of its name.
        let current = pairs.entry(name.strip_suffix("[]").unwrap_or(&name).to_owned()).or_default();
        current.values.extend(values);
        current.name = name;
    }
    let pairs = Pairs { rest: pairs.into_iter(), current: ParamValues::default() };
    T::deserialize(MapAccessDeserializer::new(pairs)).map_err(|error| bad(&error.name, &error.requirement))
}

/// The values of one name.
#[derive(Debug, Default)]
struct ParamValues {
    name: String,
    values: Vec<String>,
}

struct Pairs {
    rest: btree_map::IntoIter<String, ParamValues>,
    /// Values of the current name.
    current: ParamValues,
}

impl<'de> MapAccess<'de> for Pairs {
    type Error = InvalidParam;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, InvalidParam> {
        let Some((name, current)) = self.rest.next() else { return Ok(None) };
        self.current = current;
        seed.deserialize(name.into_deserializer()).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, InvalidParam> {
        let ParamValues { name, values } = std::mem::take(&mut self.current);
        seed.deserialize(Values(values)).map_err(|error| InvalidParam { name, ..error })
    }
}

/// The values of one name: a list, or one value if a field holds one.
struct Values(Vec<String>);

impl Values {
    fn single(mut self) -> StringDeserializer<InvalidParam> {
        self.0.pop().unwrap_or_default().into_deserializer()
    }
}

impl<'de> Deserializer<'de> for Values {
    type Error = InvalidParam;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, InvalidParam> {
        visitor.visit_seq(SeqDeserializer::new(self.0.into_iter()))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, InvalidParam> {
        visitor.visit_some(self)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, InvalidParam> {
        self.single().deserialize_any(visitor)
    }

    fn deserialize_bool<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, InvalidParam> {
        match self.0.pop().as_deref() {
            Some("true") => visitor.visit_bool(true),
            Some("false") => visitor.visit_bool(false),
            _ => Err(InvalidParam::requirement("must be true or false")),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        words: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, InvalidParam> {
        self.single().deserialize_enum(name, words, visitor)
    }

    forward_to_deserialize_any! {
        i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str bytes byte_buf unit unit_struct newtype_struct
        seq tuple tuple_struct map struct identifier ignored_any
    }
}

/// A parameter with an invalid value.
#[derive(Debug)]
struct InvalidParam {
    name: String,
    requirement: String,
}

impl InvalidParam {
    fn requirement(requirement: impl Into<String>) -> Self {
        Self { name: String::new(), requirement: requirement.into() }
    }
}

impl de::Error for InvalidParam {
    fn custom<T: fmt::Display>(requirement: T) -> Self {
        Self::requirement(requirement.to_string())
    }

    fn unknown_variant(_: &str, words: &'static [&'static str]) -> Self {
        match words {
            [first @ .., last] if !first.is_empty() => {
                Self::requirement(format!("must be {} or {last}", first.join(", ")))
            }
            _ => Self::requirement(format!("must be {}", words.concat())),
        }
    }
}

impl fmt::Display for InvalidParam {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.requirement)
    }
}

impl std::error::Error for InvalidParam {}
