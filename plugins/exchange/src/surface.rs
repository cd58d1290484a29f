//! Finds the surface of a request by method and path.
//!
//! Paths are compared as they are: no percent-decoding, no dot segments, no doubled or trailing slash. A path that the
//! provider could read differently must not bypass the gateway's rules, so it is unknown.

/// The API family: it decides the format of bodies and errors, and the header of a credential.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// OpenAI's.
    #[default]
    Openai,
    /// Anthropic's.
    Anthropic,
}

impl Dialect {
    /// Returns the dialect of a path, served or not: a request for an unknown path of Anthropic's API is refused in
    /// Anthropic's format.
    #[must_use]
    pub fn of_path(path: &str) -> Self {
        let path = path.split_once('?').map_or(path, |(path, _)| path);
        match path.strip_prefix("/v1/messages") {
            Some(rest) if rest.is_empty() || rest.starts_with('/') => Self::Anthropic,
            _ => Self::Openai,
        }
    }

    /// Returns the dialect of a path that may begin with anything, see [`endpoint_below`].
    #[must_use]
    pub fn of_path_below(path: &str) -> Self {
        let path = path.split_once('?').map_or(path, |(path, _)| path);
        Self::of_path(path.rfind("/v1/messages").and_then(|at| path.get(at..)).unwrap_or_default())
    }

    /// Returns the name in conditions and configuration.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Openai => "openai",
            Self::Anthropic => "anthropic",
        }
    }
}

/// An API that clients call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Surface {
    /// `POST /v1/chat/completions`.
    ChatCompletions,
    /// `POST /v1/completions`.
    Completions,
    /// `POST /v1/embeddings`.
    Embeddings,
    /// `POST /v1/messages`.
    Messages,
    /// `POST /v1/messages/count_tokens`.
    CountTokens,
    /// `GET /v1/models`.
    Models,
}

impl Surface {
    /// Returns the name in records and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ChatCompletions => "chat_completions",
            Self::Completions => "completions",
            Self::Embeddings => "embeddings",
            Self::Messages => "messages",
            Self::CountTokens => "count_tokens",
            Self::Models => "models",
        }
    }

    /// Returns the API family.
    #[must_use]
    pub const fn dialect(self) -> Dialect {
        match self {
            Self::Messages | Self::CountTokens => Dialect::Anthropic,
            _ => Dialect::Openai,
        }
    }

    /// Returns the path after a provider's base path: `/chat/completions` after OpenAI's `/v1`, `/v1/messages` after
    /// Anthropic's empty one. It is the path that the provider's own SDK appends to its base URL.
    #[must_use]
    pub const fn provider_suffix(self) -> &'static str {
        match self {
            Self::ChatCompletions => "/chat/completions",
            Self::Completions => "/completions",
            Self::Embeddings => "/embeddings",
            Self::Messages => "/v1/messages",
            Self::CountTokens => "/v1/messages/count_tokens",
            Self::Models => "/models",
        }
    }

    /// Returns the part of the gateway's own path before [`Surface::provider_suffix`].
    #[must_use]
    pub const fn own_prefix(self) -> &'static str {
        match self.dialect() {
            Dialect::Openai => "/v1",
            Dialect::Anthropic => "",
        }
    }

    /// Returns whether a stream reports its usage only on request, in `stream_options`.
    #[must_use]
    pub const fn has_stream_options(self) -> bool {
        matches!(self, Self::ChatCompletions | Self::Completions)
    }

    /// Returns whether an answer contains generated text, which costs output tokens.
    #[must_use]
    pub const fn generates(self) -> bool {
        matches!(self, Self::ChatCompletions | Self::Completions | Self::Messages)
    }

    /// Returns whether an answer costs tokens.
    #[must_use]
    pub const fn is_metered(self) -> bool {
        !matches!(self, Self::CountTokens | Self::Models)
    }

    const fn method(self) -> &'static str {
        match self {
            Self::Models => "GET",
            _ => "POST",
        }
    }
}

/// The meaning of a method and a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Endpoint<'a> {
    /// A call.
    Surface(Surface),
    /// `GET /v1/models/{id}`, with the id as in the path; [`model_id`] decodes it.
    RetrieveModel(&'a str),
    /// A known path with another method.
    MethodNotAllowed {
        /// Value of the `allow` header.
        allow: &'static str,
    },
    /// A path that the gateway does not serve.
    Unknown,
}

/// Returns the endpoint. `path` is the request target, with or without a query.
#[must_use]
pub fn endpoint<'a>(method: &str, path: &'a str) -> Endpoint<'a> {
    let path = path.split_once('?').map_or(path, |(path, _)| path);
    let (allow, endpoint) = match path {
        "/v1/chat/completions" => on(Surface::ChatCompletions),
        "/v1/completions" => on(Surface::Completions),
        "/v1/embeddings" => on(Surface::Embeddings),
        "/v1/messages" => on(Surface::Messages),
        "/v1/messages/count_tokens" => on(Surface::CountTokens),
        "/v1/models" => on(Surface::Models),
        _ => match path.strip_prefix("/v1/models/") {
            Some(id) if !id.is_empty() && !id.ends_with('/') => ("GET", Endpoint::RetrieveModel(id)),
            _ => return Endpoint::Unknown,
        },
    };
    if method == allow { endpoint } else { Endpoint::MethodNotAllowed { allow } }
}

/// Returns the endpoint of a request that the proxy routes: by the end of its path, because what comes before it is the
/// operator's.
#[must_use]
pub fn endpoint_below<'a>(method: &str, path: &'a str) -> Endpoint<'a> {
    const BY_END: [Surface; 6] = [
        Surface::ChatCompletions,
        Surface::Completions,
        Surface::Embeddings,
        Surface::CountTokens,
        Surface::Messages,
        Surface::Models,
    ];
    let path = path.split_once('?').map_or(path, |(path, _)| path);
    let found = BY_END.into_iter().find(|surface| path.ends_with(surface.provider_suffix()));
    let (allow, endpoint) = match (found, path.rsplit_once("/models/")) {
        (Some(surface), _) => on(surface),
        (None, Some((_, id))) if !id.is_empty() && !id.contains('/') => ("GET", Endpoint::RetrieveModel(id)),
        (None, _) => return Endpoint::Unknown,
    };
    if method == allow { endpoint } else { Endpoint::MethodNotAllowed { allow } }
}

const fn on(surface: Surface) -> (&'static str, Endpoint<'static>) {
    (surface.method(), Endpoint::Surface(surface))
}

/// Decodes the percent-encoded id of [`Endpoint::RetrieveModel`]. Returns `None` for a broken escape or invalid UTF-8.
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
    fn surfaces_are_found_by_method_and_path() {
        for (method, path, surface) in [
            ("POST", "/v1/chat/completions", Surface::ChatCompletions),
            ("POST", "/v1/completions", Surface::Completions),
            ("POST", "/v1/embeddings", Surface::Embeddings),
            ("POST", "/v1/messages", Surface::Messages),
            ("POST", "/v1/messages/count_tokens", Surface::CountTokens),
            ("GET", "/v1/models", Surface::Models),
        ] {
            assert_eq!(endpoint(method, path), Endpoint::Surface(surface));
            let with_query = format!("{path}?api-version=1");
            assert_eq!(endpoint(method, &with_query), Endpoint::Surface(surface));
            assert_eq!(path, format!("{}{}", surface.own_prefix(), surface.provider_suffix()));
            assert_eq!(Dialect::of_path(&with_query), surface.dialect());
        }
    }

    #[test]
    fn unserved_paths_have_a_dialect() {
        for path in ["/v1/messages/", "/v1/messages/batches?limit=1"] {
            assert_eq!(
                (endpoint("POST", path), Dialect::of_path(path)),
                (Endpoint::Unknown, Dialect::Anthropic),
                "{path}"
            );
        }
        for path in ["/v1/messagesx", "/v2/messages", "/", ""] {
            assert_eq!(Dialect::of_path(path), Dialect::Openai, "{path}");
        }
    }

    #[test]
    fn proxied_paths_are_known_by_their_end() {
        for (path, surface) in [
            ("/v1/chat/completions", Surface::ChatCompletions),
            ("/openai/deployments/gpt-5/chat/completions?api-version=1", Surface::ChatCompletions),
            ("/llm/v1/completions", Surface::Completions),
            ("/v1/embeddings", Surface::Embeddings),
            ("/anthropic/v1/messages", Surface::Messages),
            ("/anthropic/v1/messages/count_tokens", Surface::CountTokens),
        ] {
            assert_eq!(endpoint_below("POST", path), Endpoint::Surface(surface), "{path}");
            assert_eq!(endpoint_below("GET", path), Endpoint::MethodNotAllowed { allow: "POST" }, "{path}");
        }
        for path in ["/a/v1/messages", "/v1/messages/batches?x=/v1/", "/a/v1/messages/count_tokens"] {
            assert_eq!(Dialect::of_path_below(path), Dialect::Anthropic, "{path}");
        }
        for path in ["/v1/chat/completions?x=/v1/messages", "/a/v1/messagesx", "/", ""] {
            assert_eq!(Dialect::of_path_below(path), Dialect::Openai, "{path}");
        }
        assert_eq!(endpoint_below("GET", "/a/models"), Endpoint::Surface(Surface::Models));
        assert_eq!(endpoint_below("GET", "/a/models/gpt"), Endpoint::RetrieveModel("gpt"));
        for path in ["/v1/chat/completions/", "/v1/chat%2Fcompletions", "/v1/responses", "/models/", "/models/a/b", ""]
        {
            assert_eq!(endpoint_below("POST", path), Endpoint::Unknown, "{path}");
        }
    }

    #[test]
    fn other_methods_name_the_allowed_one() {
        let post = Endpoint::MethodNotAllowed { allow: "POST" };
        let get = Endpoint::MethodNotAllowed { allow: "GET" };
        assert_eq!(endpoint("GET", "/v1/chat/completions"), post);
        assert_eq!(endpoint("post", "/v1/completions"), post);
        assert_eq!(endpoint("GET", "/v1/messages"), post);
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
    fn model_ids_are_percent_decoded() {
        assert_eq!(endpoint("GET", "/v1/models/meta%2Fllama?x=1"), Endpoint::RetrieveModel("meta%2Fllama"));
        assert_eq!(model_id("meta%2Fllama").as_deref(), Some("meta/llama"));
        assert_eq!(model_id("gr%C3%BCn").as_deref(), Some("grün"));
        for broken in ["%", "%2", "%zz", "%+1", "%ff"] {
            assert_eq!(model_id(broken), None, "{broken}");
        }
    }
}
