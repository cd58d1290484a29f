//! The parts of a policy that APISIX cannot carry out, or not as they are written.

use crate::diagnostic::{Diagnostic, Report};
use crate::tree;
use crate::typed_view::View;

/// Parts of a condition that a route of APISIX cannot look at.
const UNSEEN: [&str; 4] = ["team", "key", "header", "prompt_bytes"];

/// Returns the parts of a gateway.yaml that APISIX cannot carry out. Errors keep the policy from being rendered for it.
#[must_use]
pub fn apisix_obstacles(source: &str, file: &str) -> Vec<Diagnostic> {
    let parsed = tree::parse(source);
    let (root, mut report) = (View::root(&parsed.root), Report::default());
    whole(root, &mut report);
    for model in root.named("models") {
        failover(model.value, &mut report);
        model.value.items("targets").for_each(|target| condition(target, &mut report));
    }
    report.finish(source, file)
}

fn whole(root: View<'_>, report: &mut Report) {
    for name in ["stages", "stage_sets", "routing"] {
        if let Some(written) = root.get(name) {
            let message = format!("`{name}` is for Envoy: in APISIX the gateway chooses the targets");
            report.error(written.span, &message, "remove it in the policy for APISIX");
        }
    }
    let identity = root.get("identity");
    for name in ["jwt", "certificate"] {
        if let Some(written) = identity.and_then(|identity| identity.get(name)) {
            let help = "use `header: X-Consumer-Username`, which APISIX's own authentication sets";
            report.error(written.span, "APISIX does not tell the filter this name of a caller", help);
        }
    }
    if let Some(written) = root.get("tls") {
        let help = "give APISIX the certificate as an `ssl` object";
        report.warning(written.span, "the certificate of the listener is APISIX's own matter", help);
    }
    if let Some(written) = root.get("metrics") {
        let help = "use the metrics of the collector, or APISIX's `prometheus` plugin";
        report.warning(written.span, "APISIX has no metrics of a filter", help);
    }
}

fn failover(model: View<'_>, report: &mut Report) {
    for on in model.get("failover").into_iter().flat_map(|failover| failover.several("on")) {
        let known = ["connect", "timeout", "reset", "429", "5xx"];
        if on.text().is_some_and(|word| !known.contains(&word)) {
            let help = "the filter tries JSON requests again for it; for streams, expect the provider's answer";
            report.warning(on.span, "`ai-proxy-multi` does not try a stream again for this status", help);
        }
    }
}

fn condition(target: View<'_>, report: &mut Report) {
    let Some(when) = target.get("when") else { return };
    if let Some(written) = UNSEEN.into_iter().find_map(|name| when.get(name)) {
        let help = "JSON requests find this target; give streams one without such a condition";
        report.warning(
            written.span,
            "a route of APISIX cannot look at this, so no stream is sent to this target",
            help,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Severity;

    #[test]
    fn obstacles_have_a_line() {
        let source = "
tls: {certificate_file: /a, key_file: /b}
identity: {jwt: {payload_in_metadata: a, claim: sub}}
models:
  chat:
    targets:
      - {provider: a, when: {stream: true}}
      - {provider: a, when: {team: [search]}}
    failover: {on: [connect, 429, 418]}
";
        let found = apisix_obstacles(source, "gateway.yaml");
        let lines: Vec<_> = found.iter().map(|one| (one.line, one.severity)).collect();
        let warning = Severity::Warning;
        assert_eq!(lines, [(2, warning), (3, Severity::Error), (8, warning), (9, warning)]);
    }
}
