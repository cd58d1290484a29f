//! Checks that metrics get their labels.

use super::find::Found;
use super::findings::Findings;
use super::needs::Needs;

pub(super) fn check(found: &Found<'_>, needs: &Needs<'_>, findings: &mut Findings) {
    let on = needs.compiled.document.metrics;
    if let Some(bootstrap) = found.bootstrap.as_ref().filter(|_| on && !found.has_labels) {
        findings.warning(
            bootstrap,
            "each series of `metrics: true` is a metric of its own, with its labels in its name",
            "add the `stats_config` of `stats.yaml`, and restart the proxy",
        );
    }
}
