//! The identity provider: its addresses and keys as last seen, and the two steps of a sign-in.

use crate::callback::Callback;
use crate::claims::Identity;
use crate::client::{Answered, Client, Members};
use crate::discovery::Endpoints;
use crate::fault::Fault;
use crate::id_token::{Expected, IdToken};
use crate::jwk::KeySet;
use crate::pending::PendingSignIn;
use crate::settings::{SecretSource, Settings};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use form_urlencoded::Serializer;
use serde_json::Value;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The time after which addresses and keys are fetched again, seconds.
const FRESH_S: i64 = 3_600;
/// The shortest time between two fetches of keys, seconds.
const KEYS_PAUSE_S: i64 = 60;
/// The pause after a failed fetch of something that is not known yet, seconds.
const RETRY_PAUSE_S: i64 = 5;
/// Largest file with a secret, bytes.
const MAX_SECRET_BYTES: u64 = 4 << 10;

/// The provider. Its methods block.
pub struct Provider {
    settings: Settings,
    redirect_uri: String,
    secret: Option<String>,
    client: Client,
    endpoints: Mutex<Cached<Endpoints>>,
    keys: Mutex<Cached<KeySet>>,
    /// The reason for which it was away the last time it was asked.
    away: Mutex<Option<Fault>>,
}

/// Hides the secret.
impl fmt::Debug for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Provider").field("issuer", &self.settings.issuer).finish_non_exhaustive()
    }
}

/// Something that was fetched.
#[derive(Debug)]
struct Cached<T> {
    found: Option<Arc<T>>,
    /// When it was last fetched, or tried to, and what came of it.
    tried_s: i64,
    outcome: Result<(), Fault>,
}

impl<T> Default for Cached<T> {
    fn default() -> Self {
        Self { found: None, tried_s: i64::MIN, outcome: Ok(()) }
    }
}

impl<T> Cached<T> {
    /// Returns the value, fetched again if the last fetch is longer ago than it may be. A value that cannot be fetched again
    /// stays.
    fn get(&mut self, now_s: i64, max_age_s: i64, fetch: impl FnOnce() -> Result<T, Fault>) -> Result<Arc<T>, Fault> {
        let max_age_s = if self.found.is_some() { max_age_s } else { RETRY_PAUSE_S };
        if now_s.saturating_sub(self.tried_s) >= max_age_s {
            let fetched = fetch();
            (self.tried_s, self.outcome) = (now_s, fetched.as_ref().map(|_| ()).map_err(|fault| *fault));
            if let Ok(value) = fetched {
                self.found = Some(Arc::new(value));
            }
        }
        match &self.found {
            Some(found) => Ok(Arc::clone(found)),
            None => Err(self.outcome.err().unwrap_or(Fault::Unreachable)),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Provider {
    /// Returns a provider that sends browsers back to an address.
    ///
    /// # Errors
    /// The secret or the certificates cannot be read; the message names the setting.
    pub fn new(settings: Settings, redirect_uri: String) -> Result<Self, String> {
        let secret = settings.client_secret.as_ref().map(read_secret).transpose()?;
        let tls_only = settings.issuer.as_str().starts_with("https:");
        let client = Client::new(settings.ca_file.as_deref(), tls_only).map_err(|why| format!("`ca_file`: {why}"))?;
        Ok(Self {
            settings,
            redirect_uri,
            secret,
            client,
            endpoints: Mutex::default(),
            keys: Mutex::default(),
            away: Mutex::default(),
        })
    }

    /// Returns the settings.
    #[must_use]
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Returns the reason for which the provider was away when it was last asked, if it was.
    #[must_use]
    pub fn away(&self) -> Option<Fault> {
        *lock(&self.away)
    }

    /// Learns the addresses of the provider, unless they are known.
    ///
    /// # Errors
    /// It is away, or describes itself in a way that cannot be used.
    pub fn discover(&self, now_s: i64) -> Result<(), Fault> {
        self.endpoints(now_s).map(drop)
    }

    fn endpoints(&self, now_s: i64) -> Result<Arc<Endpoints>, Fault> {
        let fetch = || Endpoints::discover(&self.client, &self.settings.issuer);
        let found = lock(&self.endpoints).get(now_s, FRESH_S, fetch);
        self.note(found.as_ref().err().copied());
        found
    }

    /// Notes whether the provider is there, and tells the operator when that changes.
    fn note(&self, fault: Option<Fault>) {
        let mut away = lock(&self.away);
        let issuer = self.settings.issuer.as_str();
        match fault {
            Some(fault) if *away != Some(fault) => {
                tracing::warn!("the identity provider {issuer} {}; persons can sign in with tokens", fault.cause());
            }
            None if away.is_some() => tracing::info!("the identity provider {issuer} is there again"),
            _ => {}
        }
        *away = fault;
    }

    /// Returns the address at which the browser begins a sign-in.
    ///
    /// # Errors
    /// The provider is not known and cannot be asked now.
    pub fn authorization_url(&self, pending: &PendingSignIn, now_s: i64) -> Result<String, Fault> {
        let endpoint = &self.endpoints(now_s)?.authorization;
        let query = Serializer::new(String::new())
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.settings.client_id)
            .append_pair("redirect_uri", &self.redirect_uri)
            .append_pair("scope", &self.settings.scopes.join(" "))
            .append_pair("state", &pending.state())
            .append_pair("nonce", &pending.nonce())
            .append_pair("code_challenge", &pending.challenge())
            .append_pair("code_challenge_method", "S256")
            .finish();
        let join = if endpoint.contains('?') { '&' } else { '?' };
        Ok(format!("{endpoint}{join}{query}"))
    }

    /// Checks that a callback belongs to a sign-in. No call is made.
    ///
    /// # Errors
    /// It is the callback of another one.
    pub fn check_state(pending: &PendingSignIn, callback: &Callback) -> Result<(), Fault> {
        pending.check_state(callback.state.as_deref())
    }

    /// Finishes a sign-in: redeems the code of its callback and returns the person.
    ///
    /// # Errors
    /// The callback, the provider or the ID token is not as it has to be.
    pub fn finish(&self, pending: &PendingSignIn, callback: &Callback, now_s: i64) -> Result<Identity, Fault> {
        pending.check_state(callback.state.as_deref())?;
        let endpoints = self.endpoints(now_s)?;
        let code = callback.code(self.settings.issuer.as_str(), endpoints.names_issuer)?;
        let answer = self.redeem(&endpoints, code, &pending.verifier())?;
        let text = answer.get("id_token").and_then(Value::as_str).ok_or(Fault::Answer)?;
        let token = IdToken::read(text)?;
        let keys = self.keys(&endpoints, &token, now_s)?;
        let (issuer, client) = (self.settings.issuer.as_str(), self.settings.client_id.as_str());
        let claims = token.verified(&keys, &Expected { issuer, client, nonce: &pending.nonce(), now_s })?;
        Identity::read(&claims, &self.settings).ok_or(Fault::TokenSubject)
    }

    fn redeem(&self, endpoints: &Endpoints, code: &str, verifier: &str) -> Result<Members, Fault> {
        let mut form = Serializer::new(String::new());
        form.append_pair("grant_type", "authorization_code")
            .append_pair("code", code)
            .append_pair("redirect_uri", &self.redirect_uri)
            .append_pair("code_verifier", verifier);
        let authorization = match &self.secret {
            Some(secret) if !endpoints.secret_in_form => Some(basic(&self.settings.client_id, secret)),
            secret => {
                form.append_pair("client_id", &self.settings.client_id);
                secret.as_ref().map(|secret| form.append_pair("client_secret", secret));
                None
            }
        };
        match self.client.post(&endpoints.token, authorization.as_deref(), &form.finish())? {
            Answered::Success(members) => Ok(members),
            Answered::Refused(reason) => Err(refusal(self.settings.issuer.as_str(), reason.as_deref())),
        }
    }

    /// Returns the keys, fetched again if none of those known can have signed the token.
    fn keys(&self, endpoints: &Endpoints, token: &IdToken<'_>, now_s: i64) -> Result<Arc<KeySet>, Fault> {
        let fetch = || KeySet::read(&self.client.get(&endpoints.keys)?).ok_or(Fault::Answer);
        let mut cached = lock(&self.keys);
        let known = cached.get(now_s, FRESH_S, fetch)?;
        if token.has_unknown_key(&known) { cached.get(now_s, KEYS_PAUSE_S, fetch) } else { Ok(known) }
    }
}

/// Returns the header for a client with a secret (RFC 6749, 2.3.1): both parts are encoded first.
fn basic(client: &str, secret: &str) -> String {
    let [client, secret] =
        [client, secret].map(|text| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>());
    format!("Basic {}", STANDARD.encode(format!("{client}:{secret}")))
}

fn refusal(issuer: &str, reason: Option<&str>) -> Fault {
    match reason {
        Some("invalid_grant") => Fault::Code,
        Some(known @ ("invalid_client" | "unauthorized_client" | "unsupported_grant_type")) => {
            tracing::warn!(
                "the identity provider {issuer} refuses this client: {known}; check `client_id`, the client secret, and the \
                 provider's settings for the client"
            );
            Fault::Client
        }
        _ => Fault::Status,
    }
}

fn read_secret(source: &SecretSource) -> Result<String, String> {
    let text = match source {
        SecretSource::Variable(name) => std::env::var(name)
            .map_err(|_| format!("`client_secret`: ${{{name}}} is not set; set it in the environment"))?,
        SecretSource::File(path) => {
            let problem = |why: String| format!("`client_secret_file`: {}: {why}; check the path", path.display());
            let size = std::fs::metadata(path).map_err(|error| problem(error.to_string()))?.len();
            if size > MAX_SECRET_BYTES {
                return Err(problem("it is larger than 4 KiB".to_owned()));
            }
            std::fs::read_to_string(path).map_err(|error| problem(error.to_string()))?
        }
    };
    match text.trim() {
        "" => Err("the client secret is empty; take it from the provider's settings for this client".to_owned()),
        secret => Ok(secret.to_owned()),
    }
}
