//! The discovery document of an issuer (OpenID Connect Discovery 1.0).

use crate::address::Address;
use crate::client::{Client, Members};
use crate::fault::Fault;
use crate::settings::Issuer;
use crate::signature::Algorithm;
use serde_json::Value;

/// The addresses of an issuer, and its abilities that matter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Endpoints {
    /// Where browsers sign in.
    pub(crate) authorization: String,
    /// Where codes are redeemed.
    pub(crate) token: String,
    /// Where its keys are.
    pub(crate) keys: String,
    /// Whether each callback names the issuer (RFC 9207).
    pub(crate) names_issuer: bool,
    /// Whether the client's secret belongs into the form and not into a header.
    pub(crate) secret_in_form: bool,
}

impl Endpoints {
    /// Asks the issuer.
    pub(crate) fn discover(client: &Client, issuer: &Issuer) -> Result<Self, Fault> {
        let base = issuer.as_str().trim_end_matches('/');
        Self::read(&client.get(&format!("{base}/.well-known/openid-configuration"))?, issuer)
    }

    fn read(document: &Members, issuer: &Issuer) -> Result<Self, Fault> {
        if document.get("issuer").and_then(Value::as_str) != Some(issuer.as_str()) {
            return Err(Fault::DiscoveredIssuer);
        }
        let algorithms = words(document, "id_token_signing_alg_values_supported");
        if algorithms.is_some_and(|all| !all.iter().any(|word| Algorithm::from_word(word).is_some())) {
            return Err(Fault::NoAlgorithm);
        }
        let methods = words(document, "token_endpoint_auth_methods_supported").unwrap_or_default();
        Ok(Self {
            authorization: endpoint(document, "authorization_endpoint", issuer)?,
            token: endpoint(document, "token_endpoint", issuer)?,
            keys: endpoint(document, "jwks_uri", issuer)?,
            names_issuer: document.get("authorization_response_iss_parameter_supported") == Some(&Value::Bool(true)),
            secret_in_form: !methods.is_empty() && !methods.contains(&"client_secret_basic"),
        })
    }
}

/// Returns an address, which is https unless both it and the issuer are on this machine.
fn endpoint(document: &Members, name: &str, issuer: &Issuer) -> Result<String, Fault> {
    let text = document.get(name).and_then(Value::as_str).ok_or(Fault::Endpoint)?;
    let address = Address::parse(text).ok_or(Fault::Endpoint)?;
    let issuer_is_local = Address::parse(issuer.as_str()).is_some_and(|issuer| issuer.is_loopback());
    if address.is_tls || (address.is_loopback() && issuer_is_local) {
        Ok(text.to_owned())
    } else {
        Err(Fault::Endpoint)
    }
}

fn words<'d>(document: &'d Members, name: &str) -> Option<Vec<&'d str>> {
    Some(document.get(name)?.as_array()?.iter().filter_map(Value::as_str).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(changes: &[(&str, Value)]) -> Result<Endpoints, Fault> {
        let mut document = json!({
            "issuer": "https://login.example", "authorization_endpoint": "https://login.example/authorize?tenant=1",
            "token_endpoint": "https://login.example/token", "jwks_uri": "https://keys.example/",
        });
        for (name, value) in changes {
            document[*name] = value.clone();
        }
        Endpoints::read(document.as_object().unwrap(), &Issuer::parse("https://login.example").unwrap())
    }

    #[test]
    fn a_document_of_this_issuer_is_used() {
        let plain = read(&[]).unwrap();
        assert!(!plain.names_issuer && !plain.secret_in_form);
        let told = read(&[
            ("authorization_response_iss_parameter_supported", json!(true)),
            ("token_endpoint_auth_methods_supported", json!(["client_secret_post"])),
            ("id_token_signing_alg_values_supported", json!(["HS256", "ES256"])),
        ]);
        assert!(told.is_ok_and(|told| told.names_issuer && told.secret_in_form));
    }

    #[test]
    fn an_unusable_document_is_refused() {
        for (name, value, fault) in [
            ("issuer", json!("https://login.example/"), Fault::DiscoveredIssuer),
            ("issuer", json!(5), Fault::DiscoveredIssuer),
            ("token_endpoint", json!("http://login.example/token"), Fault::Endpoint),
            ("token_endpoint", json!("http://127.0.0.1/token"), Fault::Endpoint),
            ("jwks_uri", json!("file:///etc/passwd"), Fault::Endpoint),
            ("jwks_uri", json!(null), Fault::Endpoint),
            ("authorization_endpoint", json!("https://login.example/\r\nset-cookie: a=b"), Fault::Endpoint),
            ("authorization_endpoint", json!("https://login.example/#"), Fault::Endpoint),
            ("id_token_signing_alg_values_supported", json!(["HS256", "none"]), Fault::NoAlgorithm),
        ] {
            assert_eq!(read(&[(name, value.clone())]), Err(fault), "{name} {value}");
        }
    }
}
