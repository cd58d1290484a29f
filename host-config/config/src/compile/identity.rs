//! Compiles the source of callers' names, and the rules that map them.

use super::references::Known;
use crate::diagnostic::Report;
use crate::typed_view::View;
use headgate_policy::document::{CertificateField, IdentityRule, IdentitySection, IdentitySource, Team};
use headgate_record::RiskClass;
use std::collections::BTreeMap;

/// Largest number of rules. Each is compared with the name of every caller.
const MAX_RULES: usize = 1_000;

pub(super) fn identity(root: View<'_>, teams: &[Team], report: &mut Report) -> Option<IdentitySection> {
    let section = root.get("identity")?;
    if let Some(rules) = section.get("rules").filter(|rules| rules.is_empty()) {
        report.error(rules.span, "there are no rules: every caller is refused", "add one: `- {id: all, name: \"*\"}`");
    }
    if let Some(many) = section.items("rules").nth(MAX_RULES) {
        report.error(many.span, "there are more than 1000 rules", "use globs, or virtual keys, from here on");
    }
    let teams: BTreeMap<_, _> = (0..).zip(teams).map(|(index, team)| (team.name.as_str(), index)).collect();
    let rules = section.items("rules").take(MAX_RULES).map(|view| rule(view, &teams)).collect();
    Some(IdentitySection { source: source(root, section, report)?, rules })
}

/// Checks names that rules refer to, and their ids.
pub(super) fn check(root: View<'_>, known: &Known, report: &mut Report) {
    let Some(section) = root.get("identity") else { return };
    let mut ids: BTreeMap<&str, usize> =
        root.items("keys").filter_map(|key| key.get("id")).filter_map(|id| Some((id.text()?, id.span.line))).collect();
    for rule in section.items("rules") {
        super::references::is_known(rule.get("team"), &known.teams, report);
        rule.items("models").for_each(|glob| super::references::matches_any(glob, &known.models, report));
        let Some((id, name)) = rule.get("id").and_then(|id| Some((id, id.text()?))) else { continue };
        if let Some(line) = ids.insert(name, id.span.line) {
            let help = format!("change one of the two; the other one is on line {line}");
            report.error(id.span, "this id is repeated", &help);
        }
    }
}

fn source(root: View<'_>, section: View<'_>, report: &mut Report) -> Option<IdentitySource> {
    let written: Vec<View<'_>> =
        ["header", "jwt", "certificate"].into_iter().filter_map(|key| section.get(key)).collect();
    match written.as_slice() {
        [] => {
            let help = "add `header: NAME`, `jwt: {payload_in_metadata: …, claim: …}` or `certificate: subject`";
            report.error(section.span, "the source of the identity is missing", help);
        }
        [_, second, ..] => {
            report.error(second.span, "there is more than one source of the identity", "keep one of them");
        }
        [_] => {}
    }
    if let Some(header) = section.get("header") {
        return header_source(section, header, report);
    }
    if let Some(written) = section.get("stripped_by") {
        report.error(written.span, "`stripped_by` belongs to `header`", "remove it");
    }
    if let Some(jwt) = section.get("jwt") {
        let path = jwt.string("payload_in_metadata").into_iter();
        return Some(IdentitySource::JwtClaim(
            path.chain(jwt.several("claim").filter_map(|part| part.text().map(str::to_owned))).collect(),
        ));
    }
    let certificate = section.get("certificate")?;
    let asked = root.get("tls").and_then(|tls| tls.get("client_certificates"));
    if asked.is_none() && root.get("listen").is_some() {
        let message = "the addresses under `listen` ask clients for no certificate";
        report.warning(certificate.span, message, "write `tls.client_certificates`, unless the listener is your own");
    }
    Some(IdentitySource::Certificate(match certificate.text()? {
        "uri_san" => CertificateField::UriSan,
        "dns_san" => CertificateField::DnsSan,
        _ => CertificateField::Subject,
    }))
}

/// Reads the header, and reports one that clients can forge or that has another meaning.
fn header_source(section: View<'_>, header: View<'_>, report: &mut Report) -> Option<IdentitySource> {
    let name = header.text()?;
    if section.get("stripped_by").is_none() {
        let help = format!(
            "remove `{name}` from requests of clients in the proxy, ahead of the filter that sets it, and say how: \
             `stripped_by: early_header_mutation`"
        );
        report.error(header.span, "clients can send this header themselves, and be anybody", &help);
    }
    let is_ours = name.starts_with("x-headgate-") || headgate_policy::is_credential_header(name.as_bytes());
    if is_ours || name == "host" {
        report.error(header.span, "this header has another meaning", "use a header of your own, such as `x-user`");
    }
    Some(IdentitySource::Header(name.to_owned()))
}

fn rule(view: View<'_>, teams: &BTreeMap<&str, u32>) -> IdentityRule {
    IdentityRule {
        id: view.string("id").unwrap_or_default(),
        name: view.string("name").unwrap_or_default(),
        owner: view.string("owner"),
        team: view.text_at("team").and_then(|name| teams.get(name).copied()),
        project: view.string("project"),
        application: view.string("application"),
        use_case: view.string("use_case"),
        risk_class: view.text_at("risk_class").and_then(RiskClass::named),
        models: view.get("models").map(|_| view.strings("models")),
    }
}

/// Returns the identity header, if the connection manager is to strip it.
pub(super) fn early_stripped_header(root: View<'_>) -> Option<String> {
    let section = root.get("identity")?;
    section.string("header").filter(|_| section.text_at("stripped_by") == Some("early_header_mutation"))
}
