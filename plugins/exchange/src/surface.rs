//! Which API a request speaks, told by method and path alone.
//!
//! Paths are taken as they are: no percent-decoding, no dot segments, no doubled or trailing slash. What the provider
//! might read differently from the gateway must not slip past the gateway's rules, so it is simply unknown.

/// An API that clients call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Surface {
    /// `POST /v1/chat/completions`.
    ChatCompletions,
    /// `POST /v1/completions`.
    Completions,
    /// `POST /v1/embeddings`.
    Embeddings,
    /// `GET /v1/models`.
    Models,
}

impl Surface {
    /// The word in records and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ChatCompletions => "chat_completions",
            Self::Completions => "completions",
            Self::Embeddings => "embeddings",
            Self::Models => "models",
        }
    }

    /// What follows a provider's base path, such as `/chat/completions` after `/v1`.
    #[must_use]
    pub const fn provider_suffix(self) -> &'static str {
        match self {
            Self::ChatCompletions => "/chat/completions",
            Self::Completions => "/completions",
            Self::Embeddings => "/embeddings",
            Self::Models => "/models",
        }
    }

    /// Whether an answer can come as a stream, and with it `stream_options`.
    #[must_use]
    pub const fn streams(self) -> bool {
        matches!(self, Self::ChatCompletions | Self::Completions)
    }

    /// Whether an answer has text of its own, which costs output tokens.
    #[must_use]
    pub const fn generates(self) -> bool {
        matches!(self, Self::ChatCompletions | Self::Completions)
    }

    const fn method(self) -> &'static str {
        match self {
            Self::Models => "GET",
            _ => "POST",
        }
    }
}

/// What a method and a path stand for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Endpoint<'a> {
    /// A call.
    Surface(Surface),
    /// `GET /v1/models/{id}`, the id as it stands in the path; [`model_id`] decodes it.
    RetrieveModel(&'a str),
    /// A known path with another method.
    MethodNotAllowed {
        /// For the `allow` header.
        allow: &'static str,
    },
    /// Nothing the gateway serves.
    Unknown,
}

/// Finds the endpoint. `path` is the request target, with or without a query.
#[must_use]
pub fn endpoint<'a>(method: &str, path: &'a str) -> Endpoint<'a> {
    let path = path.split_once('?').map_or(path, |(path, _)| path);
    let (allow, endpoint) = match path {
        "/v1/chat/completions" => on(Surface::ChatCompletions),
        "/v1/completions" => on(Surface::Completions),
        "/v1/embeddings" => on(Surface::Embeddings),
        "/v1/models" => on(Surface::Models),
        _ => match path.strip_prefix("/v1/models/") {
            Some(id) if !id.is_empty() && !id.ends_with('/') => ("GET", Endpoint::RetrieveModel(id)),
            _ => return Endpoint::Unknown,
        },
    };
    if method == allow { endpoint } else { Endpoint::MethodNotAllowed { allow } }
}

const fn on(surface: Surface) -> (&'static str, Endpoint<'static>) {
    (surface.method(), Endpoint::Surface(surface))
}

/// Decodes the percent-encoded id of [`Endpoint::RetrieveModel`]; `None` for a broken escape or what is not UTF-8.
#[must_use]
pub fn model_id(raw: &str) -> Option<String> {
    let mut bytes = raw.bytes();
    let mut id = Vec::with_capacity(raw.len());
    while let Some(byte) = bytes.next() {
        id.push(match byte {
            b'%' => hex(bytes.next()?)? << 4 | hex(bytes.next()?)?,
            plain => plain,
        });
    }
    String::from_utf8(id).ok()
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_surface_is_found_by_its_method_and_path() {
        for (method, path, surface) in [
            ("POST", "/v1/chat/completions", Surface::ChatCompletions),
            ("POST", "/v1/completions", Surface::Completions),
            ("POST", "/v1/embeddings", Surface::Embeddings),
            ("GET", "/v1/models", Surface::Models),
        ] {
            assert_eq!(endpoint(method, path), Endpoint::Surface(surface));
            let with_query = format!("{path}?api-version=1");
            assert_eq!(endpoint(method, &with_query), Endpoint::Surface(surface));
            assert!(path.ends_with(surface.provider_suffix()));
        }
    }

    #[test]
    fn a_known_path_with_another_method_says_which_one_is_allowed() {
        let post = Endpoint::MethodNotAllowed { allow: "POST" };
        let get = Endpoint::MethodNotAllowed { allow: "GET" };
        assert_eq!(endpoint("GET", "/v1/chat/completions"), post);
        assert_eq!(endpoint("post", "/v1/completions"), post);
        assert_eq!(endpoint("POST", "/v1/models"), get);
        assert_eq!(endpoint("DELETE", "/v1/models/gpt-5.2"), get);
    }

    #[test]
    fn paths_are_not_normalised() {
        for path in [
            "",
            "/",
            "/v1",
            "/v1/chat/completions/",
            "//v1/chat/completions",
            "/v1/./chat/completions",
            "/v1/chat%2Fcompletions",
            "/V1/chat/completions",
            "/v1/models/",
            "/v1/models/gpt/",
            "/v1/responses",
        ] {
            assert_eq!(endpoint("POST", path), Endpoint::Unknown, "{path}");
        }
    }

    #[test]
    fn a_model_is_retrieved_by_its_percent_encoded_id() {
        assert_eq!(endpoint("GET", "/v1/models/meta%2Fllama?x=1"), Endpoint::RetrieveModel("meta%2Fllama"));
        assert_eq!(model_id("meta%2Fllama").as_deref(), Some("meta/llama"));
        assert_eq!(model_id("gr%C3%BCn").as_deref(), Some("grün"));
        for broken in ["%", "%2", "%zz", "%+1", "%ff"] {
            assert_eq!(model_id(broken), None, "{broken}");
        }
    }
}
