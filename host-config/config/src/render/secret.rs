//! Renders the TLS of the listener, with its certificates as files that Envoy watches.
//!
//! Envoy reads a certificate again only if a secret file names it, with the folder to watch. So each has a file of its
//! own, and a renewed certificate needs neither a new rendering nor a new listener: connections stay open.

use super::xds::{RenderOptions, watched};
use crate::compile::Compiled;
use crate::proxy_settings::{ClientCertificates, ListenerTls};
use serde_json::{Map, Value, json};
use std::path::Path;

const CERTIFICATE: &str = "headgate-certificate";
const CERTIFICATE_FILE: &str = "sds/certificate.json";
const AUTHORITIES: &str = "headgate-client-authorities";
const AUTHORITIES_FILE: &str = "sds/client-authorities.json";

/// Returns the secret files. They contain paths only.
pub(super) fn files(compiled: &Compiled) -> Vec<(&'static str, Value)> {
    let Some(tls) = &compiled.settings.tls else { return Vec::new() };
    let certificate = (CERTIFICATE_FILE, secret(CERTIFICATE, "tls_certificate", &certificate(tls)));
    let authorities = tls.clients.as_ref();
    let authorities =
        authorities.map(|clients| (AUTHORITIES_FILE, secret(AUTHORITIES, "validation_context", &trust(clients))));
    [certificate].into_iter().chain(authorities).collect()
}

fn secret(name: &str, kind: &str, value: &Value) -> Value {
    json!({"resources": [{
        "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret",
        "name": name,
        kind: value,
    }]})
}

fn certificate(tls: &ListenerTls) -> Value {
    json!({
        "certificate_chain": {"filename": tls.certificate_file},
        "private_key": {"filename": tls.key_file},
        "watched_directory": {"path": folder(&tls.certificate_file)},
    })
}

fn trust(clients: &ClientCertificates) -> Value {
    json!({
        "trusted_ca": {"filename": clients.ca_file},
        "watched_directory": {"path": folder(&clients.ca_file)},
    })
}

fn folder(file: &str) -> &Path {
    Path::new(file).parent().unwrap_or(Path::new("/"))
}

/// Returns the listener's side of TLS.
pub(super) fn transport(tls: &ListenerTls, options: &RenderOptions) -> Value {
    let mut common = json!({
        "tls_params": {"tls_minimum_protocol_version": "TLSv1_2"},
        // A client that offers both gets HTTP/2.
        "alpn_protocols": ["h2", "http/1.1"],
        "tls_certificate_sds_secret_configs": [source(CERTIFICATE, CERTIFICATE_FILE, options)],
    });
    let mut context = Map::new();
    if let (Some(clients), Some(common)) = (&tls.clients, common.as_object_mut()) {
        common
            .insert("validation_context_sds_secret_config".to_owned(), source(AUTHORITIES, AUTHORITIES_FILE, options));
        context.insert("require_client_certificate".to_owned(), json!(clients.required));
    }
    context.insert(
        "@type".to_owned(),
        json!("type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext"),
    );
    context.insert("common_tls_context".to_owned(), common);
    json!({"name": "envoy.transport_sockets.tls", "typed_config": context})
}

fn source(name: &str, file: &str, options: &RenderOptions) -> Value {
    json!({"name": name, "sds_config": watched(options, file)})
}
