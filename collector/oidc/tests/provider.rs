//! The provider's memory: addresses and keys are fetched when they are needed, and no more often.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::disallowed_methods,
    reason = "tests: to panic is how they fail"
)]

mod scripted;

use headgate_collector_oidc::{
    Callback, Fault, Identity, Issuer, PendingSignIn, Provider, RoleMapping, Settings, StateKey,
};
use headgate_collector_types::Role;
use scripted::ScriptedProvider;

const DISCOVERY: &str = "/.well-known/openid-configuration";
const START_S: i64 = 1_800_000_000;

fn provider(scripted: &ScriptedProvider) -> Provider {
    let settings = Settings {
        issuer: Issuer::parse(&scripted.issuer()).unwrap(),
        name: "Acme".to_owned(),
        client_id: "headgate".to_owned(),
        client_secret: None,
        scopes: vec!["openid".to_owned()],
        roles: RoleMapping {
            claim: "groups".to_owned(),
            roles: [("ops".to_owned(), Role::Admin)].into(),
            default: None,
        },
        name_claim: "email".to_owned(),
        logout_url: None,
        ca_file: None,
    };
    Provider::new(settings, "http://127.0.0.1:4180/auth/oidc/callback".to_owned()).unwrap()
}

/// Signs a person in at a time; the provider's clock is the same.
fn sign_in(provider: &Provider, scripted: &ScriptedProvider, now_s: i64) -> Result<Identity, Fault> {
    scripted.lock().now_s = Some(now_s);
    let key = StateKey::new(&[7; 32], &scripted.issuer());
    let pending = PendingSignIn::begin(&key, now_s, "/").unwrap();
    let url = provider.authorization_url(&pending, now_s)?;
    provider.finish(&pending, &Callback::parse(&scripted.accept(&url)).unwrap(), now_s)
}

#[test]
fn addresses_and_keys_are_fetched_once_an_hour() {
    let scripted = ScriptedProvider::start();
    let provider = provider(&scripted);
    for minute in 0..60 {
        let identity = sign_in(&provider, &scripted, START_S + minute * 60).unwrap();
        assert_eq!((identity.role, identity.id), (Ok(Role::Admin), format!("{}#ann", scripted.issuer())));
    }
    assert_eq!((scripted.asked(DISCOVERY), scripted.asked("/keys")), (1, 1));
    sign_in(&provider, &scripted, START_S + 3_600).unwrap();
    assert_eq!((scripted.asked(DISCOVERY), scripted.asked("/keys")), (2, 2));
}

#[test]
fn an_unknown_key_is_fetched_at_most_once_a_minute() {
    let scripted = ScriptedProvider::start();
    let provider = provider(&scripted);
    sign_in(&provider, &scripted, START_S).unwrap();
    scripted.rotate();
    assert_eq!(sign_in(&provider, &scripted, START_S + 59), Err(Fault::TokenKey));
    assert_eq!(scripted.asked("/keys"), 1);
    sign_in(&provider, &scripted, START_S + 60).unwrap();
    assert_eq!(scripted.asked("/keys"), 2, "a rotated key is learned");
    scripted.rotate();
    scripted.lock().publishes = false;
    for second in 0..600 {
        assert_eq!(sign_in(&provider, &scripted, START_S + 121 + second), Err(Fault::TokenKey));
    }
    let asked = scripted.asked("/keys");
    assert!((11..=12).contains(&asked), "{asked} in ten minutes of tokens with a key that nobody publishes");
}

#[test]
fn a_provider_that_is_away_is_asked_again_after_a_pause() {
    let scripted = ScriptedProvider::start();
    let provider = provider(&scripted);
    scripted.lock().is_away = true;
    for second in 0..30 {
        assert!(provider.discover(START_S + second).is_err());
    }
    assert_eq!(scripted.asked(DISCOVERY), 6);
    assert!(provider.away().is_some());
    scripted.lock().is_away = false;
    assert!(provider.discover(START_S + 30).is_ok() && provider.away().is_none());
    // It was there once: an hour later its addresses are still used, although they cannot be fetched again.
    scripted.lock().is_away = true;
    assert!(provider.discover(START_S + 3_700).is_ok());
    assert_eq!(scripted.asked(DISCOVERY), 8);
}

#[test]
fn a_token_has_the_claims_of_this_sign_in() {
    let scripted = ScriptedProvider::start();
    let provider = provider(&scripted);
    for (changes, expected) in [
        (serde_json::json!({"exp": START_S - 59}), Ok(())),
        (serde_json::json!({"exp": START_S - 60}), Err(Fault::TokenExpired)),
        (serde_json::json!({"iat": START_S + 60, "nbf": START_S + 60}), Ok(())),
        (serde_json::json!({"iat": START_S + 61}), Err(Fault::TokenFuture)),
        (serde_json::json!({"nbf": START_S + 61}), Err(Fault::TokenFuture)),
        (serde_json::json!({"iat": 1e300}), Err(Fault::TokenFuture)),
        (serde_json::json!({"exp": -1e300}), Err(Fault::TokenExpired)),
        (serde_json::json!({"exp": 1e300}), Ok(())),
        (serde_json::json!({"exp": "soon"}), Err(Fault::Token)),
        (serde_json::json!({"iat": null}), Err(Fault::Token)),
        (serde_json::json!({"nonce": "another"}), Err(Fault::TokenNonce)),
        (serde_json::json!({"nonce": null}), Err(Fault::TokenNonce)),
        (serde_json::json!({"iss": format!("{}/", scripted.issuer())}), Err(Fault::TokenIssuer)),
        (serde_json::json!({"azp": "another"}), Err(Fault::TokenAudience)),
        (serde_json::json!({"azp": ["headgate"]}), Err(Fault::TokenAudience)),
        (serde_json::json!({"aud": ["another", "headgate"]}), Err(Fault::TokenAudience)),
        (serde_json::json!({"aud": ["another", "headgate"], "azp": "headgate"}), Ok(())),
        (serde_json::json!({"aud": ["headgate"]}), Ok(())),
        (serde_json::json!({"sub": ""}), Err(Fault::TokenSubject)),
        (serde_json::json!({"sub": 7}), Err(Fault::TokenSubject)),
        (serde_json::json!({"aud": []}), Err(Fault::TokenAudience)),
        (serde_json::json!({"aud": {"headgate": 1}}), Err(Fault::TokenAudience)),
    ] {
        scripted.lock().claims = changes.clone();
        assert_eq!(sign_in(&provider, &scripted, START_S).map(drop), expected, "{changes}");
    }
}

#[test]
fn a_token_has_a_signature_of_the_issuer() {
    let scripted = ScriptedProvider::start();
    let provider = provider(&scripted);
    sign_in(&provider, &scripted, START_S).unwrap();
    for (head, fault) in [
        (serde_json::json!({"alg": "none"}), Fault::TokenAlgorithm),
        (serde_json::json!({"alg": "HS256"}), Fault::TokenAlgorithm),
        (serde_json::json!({"alg": "es256"}), Fault::TokenAlgorithm),
        (serde_json::json!({"alg": null}), Fault::TokenAlgorithm),
        (serde_json::json!({"alg": "RS256"}), Fault::TokenKey),
        (serde_json::json!({"alg": "EdDSA"}), Fault::TokenKey),
        (serde_json::json!({"kid": "another"}), Fault::TokenKey),
        (serde_json::json!({"crit": ["exp"]}), Fault::Token),
    ] {
        scripted.lock().head = head.clone();
        assert_eq!(sign_in(&provider, &scripted, START_S), Err(fault), "{head}");
    }
    scripted.lock().head = serde_json::json!({});
    scripted.lock().forges = true;
    assert_eq!(sign_in(&provider, &scripted, START_S), Err(Fault::TokenSignature));
    scripted.lock().forges = false;
    assert!(sign_in(&provider, &scripted, START_S).is_ok());
}
