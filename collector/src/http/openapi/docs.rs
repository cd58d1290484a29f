//! What a route takes and gives, as data. What every route has in common (who may, what a wrong request is told) is
//! not repeated here: `openapi.rs` adds it.

use super::schemas::SchemaOf;
use crate::http::parameter::{Parameter, Shape};

const JSON: &str = "application/json";

/// What a route takes and gives. Begin with the answer: [`Docs::json`], [`Docs::created`], [`Docs::text`] or [`Docs::nothing`].
#[derive(Debug, Clone)]
pub struct Docs {
    /// Parameters of the query string.
    pub parameters: Vec<Parameter>,
    /// What the parameter in the path looks like, and what it is.
    pub(super) path: Option<(Shape, &'static str)>,
    /// The body: its media type, and its schema if it is JSON.
    pub(super) body: Option<(&'static str, Option<SchemaOf>)>,
    /// Headers, and what they say.
    pub(super) headers: Vec<(&'static str, &'static str)>,
    /// The answer when all is well.
    pub(super) answer: Answer,
    /// Routes that the answer leads to: operation, and where its path's parameter stands in the answer (JSON Pointer).
    pub(super) links: Vec<(&'static str, &'static str)>,
    /// Further refusals, with what they mean.
    pub(super) refusals: Vec<(u16, &'static str)>,
}

/// An answer when all is well.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) content: Option<(&'static str, Option<SchemaOf>)>,
}

impl Docs {
    const fn new(status: u16, content: Option<(&'static str, Option<SchemaOf>)>) -> Self {
        let answer = Answer { status, content };
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
    pub(in crate::http) fn json(schema: SchemaOf) -> Self {
        Self::new(200, Some((JSON, Some(schema))))
    }

    /// Answers 201 with JSON.
    pub(in crate::http) fn created(schema: SchemaOf) -> Self {
        Self::new(201, Some((JSON, Some(schema))))
    }

    /// Answers 200 with a text of this media type.
    pub(in crate::http) const fn text(media_type: &'static str) -> Self {
        Self::new(200, Some((media_type, None)))
    }

    /// Answers 204.
    pub(in crate::http) const fn nothing() -> Self {
        Self::new(204, None)
    }

    /// Takes these parameters; without it, none.
    pub(in crate::http) fn query(mut self, parameters: Vec<Parameter>) -> Self {
        self.parameters = parameters;
        self
    }

    /// Says what stands in the path's braces.
    pub(in crate::http) fn path(mut self, shape: Shape, about: &'static str) -> Self {
        self.path = Some((shape, about));
        self
    }

    /// Takes a JSON body.
    pub(in crate::http) fn body(mut self, schema: SchemaOf) -> Self {
        self.body = Some((JSON, Some(schema)));
        self
    }

    /// Takes a text of this media type.
    pub(in crate::http) const fn text_body(mut self, media_type: &'static str) -> Self {
        self.body = Some((media_type, None));
        self
    }

    /// Reads a header.
    pub(in crate::http) fn header(mut self, name: &'static str, about: &'static str) -> Self {
        self.headers.push((name, about));
        self
    }

    /// Leads to another route, whose path takes what stands at this place of the answer.
    pub(in crate::http) fn link(mut self, operation: &'static str, pointer: &'static str) -> Self {
        self.links.push((operation, pointer));
        self
    }

    /// May be refused with this status for this reason, beside what every route is refused for.
    pub(in crate::http) fn or(mut self, status: u16, why: &'static str) -> Self {
        self.refusals.push((status, why));
        self
    }
}
