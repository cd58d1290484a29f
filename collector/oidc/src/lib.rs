//! Sign-in of persons with OpenID Connect: the authorization code flow with PKCE, state and nonce.
//!
//! An identity provider tells who a person is and which groups the person has; settings turn groups into a role. Everything
//! that comes from the provider or the browser is bounded and checked: the provider may be slow, away or hostile. Nothing here
//! reads a clock, a database or a request: times, keys and texts are arguments. Calls block.

mod address;
mod callback;
mod claims;
mod client;
mod discovery;
mod fault;
mod id_token;
mod jwk;
mod pending;
mod provider;
mod settings;
mod signature;

pub use address::{PublicUrl, check_logout_url};
pub use callback::Callback;
pub use claims::{Identity, RoleFinding};
pub use fault::Fault;
pub use pending::{PendingSignIn, STATE_LIFE_S, StateKey};
pub use provider::Provider;
pub use settings::{Issuer, RoleMapping, SecretSource, Settings};
