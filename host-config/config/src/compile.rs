//! Compiles gateway.yaml to the policy document: resolves names, fills in defaults and looks up prices.

mod guardrails;
mod identity;
mod keys;
mod limits;
mod listener;
mod memory;
mod models;
mod prices;
mod providers;
mod references;
mod risk;
mod stages;

use crate::diagnostic::{Diagnostic, Report, Severity};
use crate::proxy_settings::ProxySettings;
use crate::scalar;
use crate::schema;
use crate::tree;
use crate::typed_view::View;
use crate::validate;
use headgate_policy::document::{
    AccessLogField, Cors, DOCUMENT_SCHEMA, Document, Format, IdentitySource, Logging, Stage,
};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// Largest number of origins. Each is compared with the origin of every request from a browser.
const MAX_ORIGINS: usize = 256;

/// Default time for which a browser may keep the answer to a preflight, ms.
const DEFAULT_MAX_AGE_MS: u64 = 600_000;

/// The filter keeps no more tags.
const MAX_TAGS: usize = 16;

/// A policy that can be rendered.
#[derive(Debug, Clone)]
pub struct Compiled {
    /// The document that the filter reads.
    pub document: Document,
    /// The settings that the proxy needs besides.
    pub settings: ProxySettings,
    /// Warnings; there are no errors.
    pub warnings: Vec<Diagnostic>,
}

impl Compiled {
    /// Returns the reason why the policy works only in an Envoy that somebody configured; none if it can be rendered whole.
    #[must_use]
    pub fn needs_own_envoy(&self) -> Option<&'static str> {
        let document = &self.document;
        let source = document.identity.as_ref().map(|identity| &identity.source);
        if !document.stages.has(Stage::Routing) {
            Some("the proxy routes, and its routes are not in gateway.yaml")
        } else if !document.stage_sets.is_empty() {
            Some("`stage_sets` are for routes that are not in gateway.yaml")
        } else if matches!(source, Some(IdentitySource::Header(_) | IdentitySource::JwtClaim(_))) {
            Some("`identity` depends on a filter that is not in gateway.yaml")
        } else {
            None
        }
    }

    /// Returns the document as the filter gets it, in one line.
    #[must_use]
    pub fn document_json(&self) -> String {
        document_json(&self.document)
    }
}

/// Compiles the text of a gateway.yaml. Messages name the file `file`; `now` is in seconds since the Unix epoch.
///
/// # Errors
/// Returns all problems of the file, including warnings, if at least one is an error.
pub fn compile(source: &str, file: &str, now: u64) -> Result<Compiled, Vec<Diagnostic>> {
    let parsed = tree::parse(source);
    let mut report = Report::new(parsed.faults, parsed.unreadable);
    let made = if parsed.hopeless {
        None
    } else {
        validate::validate(&parsed.root, schema::GATEWAY, &mut report);
        Some(document(View::root(&parsed.root), now, &mut report))
    };
    let warnings = report.finish(source, file);
    match made {
        Some((document, settings)) if warnings.iter().all(|d| d.severity == Severity::Warning) => {
            Ok(Compiled { document, settings, warnings })
        }
        _ => Err(warnings),
    }
}

fn document(root: View<'_>, now: u64, report: &mut Report) -> (Document, ProxySettings) {
    let stages = stages::StageSets::of(root, report);
    let (mut providers, mut upstreams) = providers::providers(root, &stages, report);
    let (teams, known) = (keys::teams(root), references::Known::of(root, stages.proxied()));
    for name in ["listen", "models"].into_iter().filter(|_| stages.any(Stage::Routing)) {
        validate::require(root, root.span, schema::GATEWAY, name, report);
    }
    let collector = providers::collector(root, &mut upstreams, report);
    let prices = prices::Prices::new(root, &providers, &known, report);
    let models = models::models(root, &providers, &prices, report);
    prices.unused(&models, &providers, report);
    let memory = memory::Memory::of(root, report);
    // One Anthropic model can consult others, whose tokens are listed in the usage of the answer.
    for provider in providers.iter_mut().filter(|provider| provider.format == Format::Anthropic) {
        provider.model_prices = prices.of_family(provider);
    }
    for provider in providers.iter_mut().filter(|provider| !provider.clusters.is_empty()) {
        (provider.model_prices, provider.price_globs) = prices.of_any_model(provider);
    }
    let mut document = Document {
        schema: DOCUMENT_SCHEMA,
        revision: String::new(),
        environment: root.string("environment").unwrap_or_default(),
        identity: identity::identity(root, &teams, report),
        organization: root.string("organization").unwrap_or_default(),
        limits: limits::rules(root, &known, now, report),
        max_request_bytes: memory.max_request_bytes,
        max_memory: memory.max_memory,
        disconnect_charge_percent: root.read("disconnect_charge", scalar::percent).unwrap_or(100),
        keys: keys::keys(root, &teams, stages.any(Stage::Keys) && root.get("identity").is_none(), now, report),
        stages: stages.own,
        stage_sets: stages.sets,
        guardrails: guardrails::guardrails(root, &known, &mut upstreams, report),
        logging: logging(root, report),
        cors: cors(root, report),
        providers,
        models,
        teams,
        collector,
        ending_at_ms: None,
        metrics: root.read("metrics", scalar::flag).unwrap_or_default(),
    };
    references::check(root, &known, report);
    identity::check(root, &known, report);
    risk::check(root, &document, report);
    document.revision = revision(&document);
    let addresses = listener::Addresses::of(root, report);
    let settings = ProxySettings {
        listen: addresses.listen,
        tls: listener::tls(root, report),
        health: addresses.health,
        admin: addresses.admin,
        max_heap: memory.max_heap,
        upstreams,
        early_stripped_header: identity::early_stripped_header(root),
        environment_variables: variables(&document),
    };
    (document, settings)
}

fn cors(root: View<'_>, report: &mut Report) -> Option<Cors> {
    let section = root.get("cors")?;
    let origins = section.strings("origins");
    let credentials = section.read("credentials", scalar::flag).unwrap_or_default();
    if let Some(list) = section.get("origins").filter(|list| list.is_empty()) {
        report.warning(list.span, "no web page may call the gateway", "list origins, or remove `cors`");
    }
    if let Some(written) = section.get("credentials").filter(|_| credentials && origins.iter().any(|one| one == "*")) {
        report.error(
            written.span,
            "browsers do not send credentials when every origin is allowed",
            "list origins instead of `\"*\"`, or remove `credentials`",
        );
    }
    if let Some(many) = section.items("origins").nth(MAX_ORIGINS) {
        report.error(many.span, "there are more than 256 origins", "remove origins from here on");
    }
    let max_age_ms = section.read("max_age", scalar::milliseconds).unwrap_or(DEFAULT_MAX_AGE_MS);
    Some(Cors { origins, credentials, max_age_s: max_age_ms / 1_000 })
}

fn logging(root: View<'_>, report: &mut Report) -> Logging {
    let Some(logging) = root.get("logging") else {
        return Logging { retention_class: "90d".to_owned(), ..Logging::default() };
    };
    let tags = logging.strings("tags");
    if let Some(first) = logging.items("tags").nth(MAX_TAGS) {
        report.error(first.span, "there are more than 16 tags", "remove tags from here on");
    }
    Logging {
        fingerprint_key_env: logging.variable("fingerprint_key"),
        tags,
        retention_class: logging.read("retention", scalar::retention).unwrap_or("90d").to_owned(),
        access_log_fields: access_log_fields(logging, report),
    }
}

fn access_log_fields(logging: View<'_>, report: &mut Report) -> Vec<AccessLogField> {
    let mut fields = Vec::new();
    for item in logging.items("access_log_fields") {
        match item.text().and_then(AccessLogField::named) {
            Some(field) if fields.contains(&field) => {
                report.warning(item.span, "this field is repeated", "remove one of the two");
            }
            field => fields.extend(field),
        }
    }
    fields
}

fn variables(document: &Document) -> BTreeSet<String> {
    let credentials = document.providers.iter().filter_map(|provider| provider.credential_env.clone());
    let token = document.collector.iter().filter_map(|collector| collector.token_env.clone());
    let checks = document.guardrails.iter().filter_map(|guardrail| guardrail.external.as_ref()?.credential_env.clone());
    credentials.chain(token).chain(checks).chain(document.logging.fingerprint_key_env.clone()).collect()
}

fn document_json(document: &Document) -> String {
    serde_json::to_string(document).unwrap_or_default()
}

/// Returns the first 16 hex digits of the SHA-256 of the document with an empty revision.
fn revision(document: &Document) -> String {
    let digest = Sha256::digest(document_json(document));
    digest.iter().take(8).fold(String::with_capacity(16), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}
