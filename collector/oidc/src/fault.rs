//! The reasons for which a sign-in fails, with the code for the audit log and a sentence for the person.

/// A reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The identity provider cannot be reached.
    Unreachable,
    /// Its certificate is not trusted.
    Untrusted,
    /// It did not answer in time.
    Slow,
    /// Its answer is too large.
    TooLarge,
    /// It answers with a redirect.
    Redirect,
    /// It answers with a status that is no success.
    Status,
    /// Its answer is not the expected JSON.
    Answer,
    /// Its discovery document names another issuer.
    DiscoveredIssuer,
    /// Its discovery document has no usable address for a step.
    Endpoint,
    /// It signs with no algorithm that is accepted.
    NoAlgorithm,
    /// Too many sign-ins wait for it.
    Busy,
    /// It refuses the client id or secret.
    Client,
    /// It refuses the code.
    Code,
    /// The person or the provider has refused.
    Denied,
    /// It reports an error of its own.
    Provider,
    /// The callback has no code, or a field twice.
    Callback,
    /// The callback does not come from the expected issuer.
    CallbackIssuer,
    /// The browser has no state of a sign-in.
    NoState,
    /// The state in the cookie is not the collector's.
    StateAltered,
    /// The sign-in was begun too long ago.
    StateExpired,
    /// The state in the address is not that of this browser.
    StateOther,
    /// The sign-in was finished before.
    StateUsed,
    /// The ID token cannot be read.
    Token,
    /// Its algorithm is not accepted.
    TokenAlgorithm,
    /// It is signed with an unknown key.
    TokenKey,
    /// Its signature is wrong.
    TokenSignature,
    /// It is of another issuer.
    TokenIssuer,
    /// It is for another client.
    TokenAudience,
    /// It has expired.
    TokenExpired,
    /// It is from the future.
    TokenFuture,
    /// It belongs to another sign-in.
    TokenNonce,
    /// It names nobody, or in a form that cannot be stored.
    TokenSubject,
}

impl Fault {
    /// Returns the code for the audit log.
    #[must_use]
    pub const fn code(self) -> &'static str {
        self.about().0
    }

    /// Returns the cause as a part of a sentence that begins with the provider's name.
    #[must_use]
    pub const fn cause(self) -> &'static str {
        self.about().1
    }

    /// Returns whether the identity provider, or the way to it, is the cause. A later try may succeed then.
    #[must_use]
    pub const fn is_providers(self) -> bool {
        matches!(
            self,
            Self::Unreachable
                | Self::Untrusted
                | Self::Slow
                | Self::TooLarge
                | Self::Redirect
                | Self::Status
                | Self::Answer
                | Self::DiscoveredIssuer
                | Self::Endpoint
                | Self::NoAlgorithm
                | Self::Busy
                | Self::Client
        )
    }

    /// Returns the remedy as a sentence for the person.
    #[must_use]
    pub const fn remedy(self) -> &'static str {
        match self {
            Self::Unreachable | Self::Slow | Self::Busy | Self::Status => {
                "Try again in a minute, or sign in with a token."
            }
            Self::Untrusted => {
                "The operator can name its authority in the setting ca_file. Until then, sign in with a token."
            }
            Self::TooLarge
            | Self::Redirect
            | Self::Answer
            | Self::DiscoveredIssuer
            | Self::Endpoint
            | Self::NoAlgorithm => "The operator can check the setting issuer. Until then, sign in with a token.",
            Self::Client => {
                "The operator can check the setting client_id and the client secret. Until then, sign in with a token."
            }
            Self::Denied => "Ask its operator for access, or sign in with a token.",
            Self::TokenExpired | Self::TokenFuture => "The clocks of the two machines may differ. Try again.",
            Self::TokenAlgorithm
            | Self::TokenKey
            | Self::TokenSignature
            | Self::TokenIssuer
            | Self::TokenAudience
            | Self::TokenSubject
            | Self::Token => "Try again; if it happens again, tell the operator.",
            _ => "Sign in again from this page.",
        }
    }

    const fn about(self) -> (&'static str, &'static str) {
        match self {
            Self::Unreachable => ("provider_unreachable", "cannot be reached"),
            Self::Untrusted => ("provider_untrusted", "has a certificate that the collector does not trust"),
            Self::Slow => ("provider_slow", "did not answer in time"),
            Self::TooLarge => ("provider_too_large", "sent an answer that is too large"),
            Self::Redirect => ("provider_redirects", "answered with a redirect, which is not followed"),
            Self::Status => ("provider_status", "answered with an error"),
            Self::Answer => ("provider_answer", "sent an answer that cannot be understood"),
            Self::DiscoveredIssuer => ("provider_issuer", "describes itself as another issuer"),
            Self::Endpoint => ("provider_endpoint", "describes itself with an address that cannot be used"),
            Self::NoAlgorithm => ("provider_algorithms", "signs with none of RS256, PS256, ES256 and EdDSA"),
            Self::Busy => ("provider_busy", "is being asked about too many sign-ins at once"),
            Self::Client => ("client_refused", "does not accept this collector as a client"),
            Self::Code => ("code_refused", "refused the code of this sign-in, which is used or too old"),
            Self::Denied => ("denied_by_provider", "refused the sign-in"),
            Self::Provider => ("error_of_provider", "reported an error"),
            Self::Callback => ("invalid_callback", "sent the browser back without a code"),
            Self::CallbackIssuer => ("wrong_issuer", "did not send the browser back; another issuer is named"),
            Self::NoState => ("no_state", "sent the browser back, but this browser has begun no sign-in"),
            Self::StateAltered => {
                ("altered_state", "sent the browser back, but the browser's cookie is not the collector's")
            }
            Self::StateExpired => ("expired_state", "sent the browser back after more than ten minutes"),
            Self::StateOther => {
                ("other_state", "sent the browser back from another sign-in than this browser's last one")
            }
            Self::StateUsed => ("used_state", "sent the browser back from a sign-in that was finished before"),
            Self::Token => ("id_token_unreadable", "sent an ID token that cannot be read"),
            Self::TokenAlgorithm => ("id_token_algorithm", "sent an ID token with an algorithm that is not accepted"),
            Self::TokenKey => ("id_token_key", "signed the ID token with a key that it does not publish"),
            Self::TokenSignature => ("id_token_signature", "sent an ID token with a wrong signature"),
            Self::TokenIssuer => ("id_token_issuer", "sent an ID token of another issuer"),
            Self::TokenAudience => ("id_token_audience", "sent an ID token for another application"),
            Self::TokenExpired => ("id_token_expired", "sent an ID token that has expired"),
            Self::TokenFuture => ("id_token_future", "sent an ID token from the future"),
            Self::TokenNonce => ("id_token_nonce", "sent an ID token of another sign-in"),
            Self::TokenSubject => ("id_token_subject", "named the person in a form that cannot be stored"),
        }
    }
}
