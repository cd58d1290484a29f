//! Checks a configuration of Envoy that somebody else wrote, and reports what keeps Headgate from working in it.
//!
//! The files may be a bootstrap, resources of LDS, RDS, CDS or ECDS, or a dump of the admin page, in YAML or JSON. All
//! files together are one configuration. Objects are found by their form at any depth, so it makes no difference how they
//! are delivered. Only keys are shown in problems: values may be secrets.

mod clusters;
mod filters;
mod find;
mod findings;
mod managers;
mod needs;
mod plugins;
mod proxied;
mod routes;
mod stats;
mod values;

pub use findings::ProxyFile;

use crate::compile::Compiled;
use crate::diagnostic::{Diagnostic, Report};
use crate::tree::{Node, parse_proxy};
use find::Found;
use findings::Findings;
use needs::Needs;
use std::collections::BTreeSet;
use std::rc::Rc;

/// The oldest version with `refresh_cluster_on_retry`, on which failover depends.
pub const OLDEST_ENVOY: (u32, u32) = (1, 39);

/// Checks the files against the needs of a policy. `version` is that of the proxy, if it is known; a dump contains it.
#[must_use]
pub fn check(files: &[ProxyFile<'_>], compiled: &Compiled, version: Option<(u32, u32)>) -> Vec<Diagnostic> {
    let mut roots: Vec<Rc<Node>> = Vec::new();
    let mut unread = Vec::new();
    for file in files {
        match parse_proxy(file.text) {
            Ok(root) => roots.push(root),
            Err(fault) => {
                let report = Report::new(vec![fault], BTreeSet::new());
                unread.extend(report.finish(file.text, file.name));
            }
        }
    }
    if !unread.is_empty() {
        return unread;
    }
    let found = Found::of(&roots);
    let mut findings = Findings::new(files.len());
    let needs = Needs::of(compiled);
    too_old(version.or(found.version), &found, &mut findings);
    managers::check(&found, &needs, &mut findings);
    if needs.routes {
        routes::check(&found, &needs, &mut findings);
    }
    proxied::check(&found, &needs, &mut findings);
    clusters::check(&found, &needs, &mut findings);
    plugins::check(&found, &mut findings);
    stats::check(&found, &needs, &mut findings);
    findings.finish(files)
}

fn too_old(version: Option<(u32, u32)>, found: &Found<'_>, findings: &mut Findings) {
    let Some((major, minor)) = version.filter(|version| *version < OLDEST_ENVOY) else { return };
    let message = format!("Envoy {major}.{minor} cannot send a retry to another cluster, so there is no failover");
    findings.error(&found.start, &message, "use Envoy 1.40; 1.39 is the oldest that can work");
}
