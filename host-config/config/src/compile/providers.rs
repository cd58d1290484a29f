//! Compiles providers and the collector, and the clusters that lead to them.

use super::stages::StageSets;
use crate::diagnostic::Report;
use crate::prices::family_of;
use crate::proxy_settings::{COLLECTOR_CLUSTER, SYSTEM_CA_FILE, Upstream, provider_cluster};
use crate::scalar::{self, Url};
use crate::schema;
use crate::typed_view::{Named, View};
use crate::validate::require;
use headgate_policy::document::{Collector, Format, Provider, Stage};
use std::collections::BTreeMap;

/// Compiles providers in the order of the file, and a cluster for each to which the gateway routes.
pub(super) fn providers(root: View<'_>, stages: &StageSets, report: &mut Report) -> (Vec<Provider>, Vec<Upstream>) {
    if let Some(section) = root.get("providers")
        && section.is_empty()
    {
        report.error(
            section.span,
            "there are no providers",
            "add one: `openai: {format: openai, url: \"https://api.openai.com/v1\"}`",
        );
    }
    clusters_once(root, report);
    let (providers, upstreams): (Vec<_>, Vec<_>) =
        root.named("providers").map(|named| provider(named, stages, report)).unzip();
    (providers, upstreams.into_iter().flatten().collect())
}

/// Reports a cluster that leads to two providers.
fn clusters_once(root: View<'_>, report: &mut Report) {
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    for view in root.named("providers").flat_map(|named| named.value.several("clusters")) {
        let Some(name) = view.text() else { continue };
        if let Some(line) = seen.insert(name, view.span.line) {
            let help = format!("keep one of the two; the other one is on line {line}");
            report.error(view.span, "this cluster leads to a provider already", &help);
        }
    }
}

/// Reports what a provider lacks, and what has no effect where the proxy routes.
fn needs(named: Named<'_>, stages: &StageSets, report: &mut Report) {
    if stages.any(Stage::Routing) {
        return require(named.value, named.span, schema::PROVIDER, "url", report);
    }
    require(named.value, named.span, schema::PROVIDER, "clusters", report);
    if let Some(clusters) = named.value.get("clusters").filter(|list| list.text().is_none() && list.is_empty()) {
        report.error(clusters.span, "no cluster leads to this provider", "write the name of a cluster");
    }
    for key in ["credential", "tls"] {
        if let Some(written) = named.value.get(key) {
            let message = "this has no effect, because the proxy routes and sends its own credentials";
            report.warning(written.span, message, "remove it");
        }
    }
}

fn provider(named: Named<'_>, stages: &StageSets, report: &mut Report) -> (Provider, Option<Upstream>) {
    needs(named, stages, report);
    let routed = stages.any(Stage::Routing);
    let credential_env = named.value.variable("credential").filter(|_| routed);
    let url = address(named.value, credential_env.is_some(), report);
    let format = format(named.value);
    base_path(named.value, format, &url, report);
    let upstream =
        routed.then(|| upstream(provider_cluster(named.name), Some(named.name.to_owned()), named.value, &url));
    let clusters = match stages.proxied() {
        true => named.value.several("clusters").filter_map(|view| view.text().map(str::to_owned)).collect(),
        false => Vec::new(),
    };
    let provider = Provider {
        name: named.name.to_owned(),
        format,
        authority: url.authority,
        path_prefix: url.path,
        model_prices: BTreeMap::new(),
        clusters,
        price_globs: Vec::new(),
        refuses_stream_options: named.value.read("stream_usage", scalar::flag) == Some(false),
        origin: None,
        credential_env,
    };
    (provider, upstream)
}

fn format(provider: View<'_>) -> Format {
    match provider.text_at("format") {
        Some("anthropic") => Format::Anthropic,
        _ => Format::Openai,
    }
}

/// Reports a base URL that contains the path that the gateway appends. SDKs disagree on whether `/v1` belongs to a base URL, and
/// documentation of providers often shows whole endpoints.
fn base_path(provider: View<'_>, format: Format, url: &Url, report: &mut Report) {
    let Some(written) = provider.get("url") else { return };
    let own = match format {
        Format::Anthropic => "/v1/messages",
        Format::Openai => "/chat/completions",
    };
    let message = format!("requests would go to `{}{own}`", url.path);
    if let Some(endpoint) = ENDPOINTS.iter().find(|endpoint| ends_with(&url.path, endpoint)) {
        let help = format!("remove `{endpoint}`: the gateway adds the endpoint");
        report.error(written.span, &message, &help);
    } else if url.path.split('/').any(|segment| segment == "." || segment == "..") {
        report.error(written.span, "the path contains `.` or `..`", "write the path without them");
    } else if url.path.contains("//") {
        report.error(written.span, &message, "write one slash where there are two");
    } else if ends_with(&url.path, "/v1/v1") {
        report.error(written.span, &message, "write `/v1` once");
    } else if format == Format::Anthropic && ends_with(&url.path, "/v1") {
        report.error(written.span, &message, "write the address without `/v1` at its end");
    } else if format == Format::Openai && url.path.is_empty() && family_of(&url.authority).is_some() {
        let help = "write everything that goes before it, as in `https://api.openai.com/v1`";
        report.warning(written.span, &message, help);
    } else if format == Format::Anthropic && matches!(family_of(&url.authority), Some("openai" | "mistral" | "google"))
    {
        report.warning(written.span, "this host does not serve the Anthropic API", "write `format: openai`");
    }
}

/// Paths of endpoints that an address must not end with, the longer ones first.
const ENDPOINTS: [&str; 18] = [
    "/chat/completions",
    "/messages/count_tokens",
    "/messages/batches",
    "/audio/transcriptions",
    "/audio/translations",
    "/audio/speech",
    "/images/generations",
    "/images/edits",
    "/moderations",
    "/batches",
    "/files",
    "/completions",
    "/embeddings",
    "/messages",
    "/responses",
    "/models",
    "/complete",
    "/chat",
];

fn ends_with(path: &str, end: &str) -> bool {
    let start = path.len().checked_sub(end.len()).and_then(|at| path.get(at..));
    start.is_some_and(|tail| tail.eq_ignore_ascii_case(end))
}

/// Compiles the collector, and adds its cluster after those of the providers.
pub(super) fn collector(root: View<'_>, upstreams: &mut Vec<Upstream>, report: &mut Report) -> Option<Collector> {
    let section = root.get("collector")?;
    section.get("url")?;
    let token_env = section.variable("token");
    let url = address(section, token_env.is_some(), report);
    collector_path(section, &url, report);
    upstreams.push(upstream(COLLECTOR_CLUSTER.to_owned(), None, section, &url));
    Some(Collector {
        cluster: COLLECTOR_CLUSTER.to_owned(),
        authority: url.authority,
        path_prefix: url.path,
        token_env,
        sync_interval_ms: section.read("sync_interval", scalar::milliseconds).unwrap_or(1_000),
        stale_after_ms: section.read("stale_after", scalar::milliseconds).unwrap_or(10_000),
    })
}

/// Reports an address of the collector that contains a path of its API.
fn collector_path(section: View<'_>, url: &Url, report: &mut Report) {
    let Some(written) = section.get("url") else { return };
    if url.path.split('/').any(|segment| segment == "v1") {
        let message = format!("records would go to `{}/v1/ingest/requests`", url.path);
        report.error(written.span, &message, "write the address without `/v1` and what follows it");
    }
}

/// Returns the address, or an empty one if it is not valid, which has been reported.
pub(super) fn address(section: View<'_>, has_secret: bool, report: &mut Report) -> Url {
    let empty = Url { tls: false, host: String::new(), port: 0, authority: String::new(), path: String::new() };
    let Some((view, url)) = section.get("url").zip(section.read("url", scalar::url)) else {
        return empty;
    };
    if has_secret && url.is_exposed() {
        report.warning(view.span, "a secret is sent to this address without encryption", "use `https://`");
    }
    if let Some(tls) = section.get("tls").filter(|_| !url.tls) {
        report.error(tls.span, "`tls` can only be used with an https:// address", "remove it, or change the address");
    }
    url
}

pub(super) fn upstream(cluster: String, provider: Option<String>, section: View<'_>, url: &Url) -> Upstream {
    let ca_file = section.get("tls").and_then(|tls| tls.string("ca_file")).unwrap_or_else(|| SYSTEM_CA_FILE.to_owned());
    Upstream { cluster, provider, host: url.host.clone(), port: url.port, tls: url.tls.then_some(ca_file) }
}
