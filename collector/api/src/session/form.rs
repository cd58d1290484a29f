//! The fields of a form that a page has sent.

use crate::bodies::Bodies;
use crate::error::ApiError;
use axum::extract::Request;
use axum::http::{StatusCode, header};
use std::borrow::Cow;
use std::fmt;

/// Largest form, bytes.
const MAX_BYTES: usize = 8 << 10;
const CONTENT_TYPE: &str = "application/x-www-form-urlencoded";

/// The fields. Handlers of guarded pages find it in the extensions of a request that may change something.
#[derive(Clone)]
pub(crate) struct Form(Vec<(String, String)>);

/// Hides the fields, one of which may be a token.
impl fmt::Debug for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Form").finish_non_exhaustive()
    }
}

impl Form {
    /// Reads the body of a request.
    pub(crate) async fn read(bodies: &Bodies, request: Request) -> Result<Self, ApiError> {
        let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        if !kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(CONTENT_TYPE) {
            return Err(ApiError::invalid(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported_content_type",
                "A form is sent as application/x-www-form-urlencoded.",
            ));
        }
        let (_held, body) = bodies.read(request, MAX_BYTES).await?;
        Ok(Self(form_urlencoded::parse(&body).into_owned().collect()))
    }

    /// Returns all fields.
    pub(crate) fn fields(&self) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
        self.0.iter().map(|(name, value)| (Cow::Borrowed(name.as_str()), Cow::Borrowed(value.as_str())))
    }

    /// Returns the field of this name; `None` if there is none, or several.
    pub(crate) fn one(&self, name: &str) -> Option<&str> {
        let mut all = self.0.iter().filter(|(known, _)| known == name);
        let (_, value) = all.next()?;
        all.next().is_none().then_some(value)
    }
}
