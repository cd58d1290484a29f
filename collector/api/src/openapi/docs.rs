//! Documentation of a route's inputs and outputs, as data. The parts that all routes share (access, common refusals) are
//! added by `openapi.rs`.

use super::schemas::SchemaOf;
use crate::parameter::Parameter;
use schemars::JsonSchema;
use serde_json::Value;

const JSON: &str = "application/json";

/// Inputs and outputs of a route. Start with the answer: [`Docs::json`], [`Docs::created`], [`Docs::text`] or [`Docs::nothing`].
#[derive(Debug, Clone)]
pub struct Docs {
    /// Parameters of the query string.
    pub parameters: Vec<Parameter>,
    /// JSON Schema of the parameter in the path, and its description.
    pub(super) path: Option<(Value, &'static str)>,
    /// The body: its media type, and its schema if it is JSON.
    pub(super) body: Option<(&'static str, Option<SchemaOf>)>,
    /// Headers and their descriptions.
    pub(super) headers: Vec<(&'static str, &'static str)>,
    /// The answer on success.
    pub(super) answer: ResponseDocs,
    /// Routes that the answer links to: the operation, and a JSON Pointer to its path parameter in the answer.
    pub(super) links: Vec<(&'static str, &'static str)>,
    /// Further refusals and their meanings.
    pub(super) refusals: Vec<(u16, &'static str)>,
}

/// An answer on success.
#[derive(Debug, Clone)]
pub(super) struct ResponseDocs {
    pub(super) status: u16,
    pub(super) content: Option<(&'static str, Option<SchemaOf>)>,
}

impl Docs {
    const fn new(status: u16, content: Option<(&'static str, Option<SchemaOf>)>) -> Self {
        let answer = ResponseDocs { status, content };
        Self {
            parameters: Vec::new(),
            path: None,
            body: None,
            headers: Vec::new(),
            answer,
            links: Vec::new(),
            refusals: Vec::new(),
        }
    }

    /// Answers 200 with JSON.
    pub(crate) fn json(schema: SchemaOf) -> Self {
        Self::new(200, Some((JSON, Some(schema))))
    }

    /// Answers 201 with JSON.
    pub(crate) fn created(schema: SchemaOf) -> Self {
        Self::new(201, Some((JSON, Some(schema))))
    }

    /// Answers 200 with a text of this media type.
    pub(crate) const fn text(media_type: &'static str) -> Self {
        Self::new(200, Some((media_type, None)))
    }

    /// Answers 204.
    pub(crate) const fn nothing() -> Self {
        Self::new(204, None)
    }

    /// Adds the fields of this struct as query parameters.
    pub(crate) fn query<T: JsonSchema>(mut self) -> Self {
        self.parameters.extend(Parameter::of::<T>());
        self
    }

    /// Describes the parameter in the path.
    pub(crate) fn path(mut self, schema: Value, about: &'static str) -> Self {
        self.path = Some((schema, about));
        self
    }

    /// Sets a JSON body.
    pub(crate) fn body(mut self, schema: SchemaOf) -> Self {
        self.body = Some((JSON, Some(schema)));
        self
    }

    /// Sets a text body of this media type.
    pub(crate) const fn text_body(mut self, media_type: &'static str) -> Self {
        self.body = Some((media_type, None));
        self
    }

    /// Adds a request header.
    pub(crate) fn header(mut self, name: &'static str, about: &'static str) -> Self {
        self.headers.push((name, about));
        self
    }

    /// Adds a link to another route, whose path parameter is at `pointer` in the answer.
    pub(crate) fn link(mut self, operation: &'static str, pointer: &'static str) -> Self {
        self.links.push((operation, pointer));
        self
    }

    /// Adds a refusal with this status and reason to the common ones.
    pub(crate) fn or(mut self, status: u16, why: &'static str) -> Self {
        self.refusals.push((status, why));
        self
    }
}
