//! Measures the cost of limits: Headgate with none, some and many, beside bare Envoy.
//!
//! The cost depends on cells more than on limits: one cell contains all counts of a subject, and is read and written twice
//! for a request. So rows show the number of subjects of a request, and the number of all counts.

use crate::Outcome;
use crate::cores::resident;
use crate::counted::{self, Counted};
use crate::load::{Busy, busy, send};
use crate::variant::{HEADGATE, Site, Variant};
use crate::workload::{self, Workload};
use std::collections::BTreeSet;

/// Variants that are measured in turn, in one run.
#[derive(Debug)]
pub(crate) struct Comparison {
    pub(crate) name: &'static str,
    /// Workers of each Envoy; with more than one, all cores are shared.
    pub(crate) workers: usize,
    /// Values of the tag `user`, in turn.
    pub(crate) users: u32,
    pub(crate) policies: &'static [Policy],
}

/// An addition to the benchmark's policy.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Policy {
    /// Name of the variant, and prefix of its limits' ids.
    pub(crate) name: &'static str,
    limits: &'static str,
    /// Suffix of the id of the limit whose count must equal the number of requests.
    checked: Option<&'static str>,
}

/// All measurements of one variant.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    /// Limits and budgets that apply to each request.
    pub(crate) limits: usize,
    /// Subjects that each request counts on.
    pub(crate) subjects: usize,
    pub(crate) rounds: Vec<Busy>,
    /// Memory of the Envoy process, bytes: after one request, and at the end.
    pub(crate) resident: [u64; 2],
    pub(crate) counted: Option<Counted>,
}

/// A tag must be recorded to be counted by. Variants without limits record it too.
const TAGS: &str = "logging: {tags: [user]}\n";
const NONE: Policy = Policy { name: HEADGATE, limits: "", checked: None };
const TWENTY: &str = include_str!("../limits/twenty.yaml");

/// Returns all comparisons.
pub(crate) const ALL: [Comparison; 3] = [
    Comparison {
        name: "limits of one user",
        workers: 1,
        users: 1,
        policies: &[
            NONE,
            Policy { name: "one", limits: include_str!("../limits/one.yaml"), checked: Some("key") },
            Policy { name: "five", limits: include_str!("../limits/five.yaml"), checked: Some("key") },
            Policy { name: "twenty", limits: TWENTY, checked: Some("user") },
        ],
    },
    Comparison {
        name: "limits of many users",
        workers: 1,
        users: 100_000,
        policies: &[
            NONE,
            Policy { name: "one-users", limits: include_str!("../limits/users.yaml"), checked: Some("user") },
            Policy { name: "twenty-users", limits: TWENTY, checked: Some("user") },
        ],
    },
    Comparison {
        name: "limits of many workers",
        workers: 4,
        users: 1,
        policies: &[NONE, Policy { name: "shared", limits: include_str!("../limits/all.yaml"), checked: Some("all") }],
    },
];

/// Measures one comparison. Returns its rows, bare Envoy first, and its variants.
pub(crate) async fn measure(site: &Site<'_>, comparison: &Comparison) -> Outcome<(Vec<Row>, Vec<Variant>)> {
    let workload = workload::from_users(u64::from(comparison.users));
    let (mut rows, mut variants) = (Vec::new(), Vec::new());
    for policy in [None].into_iter().chain(comparison.policies.iter().map(Some)) {
        let Some(variant) = start(site, policy, &workload).await? else { continue };
        rows.push(Row::new(policy, &variant)?);
        variants.push(variant);
    }
    for (row, variant) in rows.iter().zip(&variants).filter(|(row, _)| row.limits > 0 && comparison.users > 1) {
        eprintln!("{}: {} users' first requests on {}", comparison.name, comparison.users, row.name);
        send(variant, &workload, comparison.users as usize).await?;
    }
    for _ in 0..site.args.rounds {
        for (variant, row) in variants.iter().zip(&mut rows) {
            row.rounds.push(busy(variant, &workload, site.args.measure).await?);
        }
    }
    let policies = [None].into_iter().chain(comparison.policies.iter().map(Some));
    for ((row, variant), policy) in rows.iter_mut().zip(&variants).zip(policies) {
        row.counted = counted(site, policy, variant).await?;
        let [before, _] = row.resident;
        row.resident = [before, resident(variant.pid())?];
    }
    Ok((rows, variants))
}

/// Starts a variant and waits until it answers. With limits it must have heard from the collector too: until then it
/// counts alone, and reserves more.
async fn start(site: &Site<'_>, policy: Option<&Policy>, workload: &Workload) -> Outcome<Option<Variant>> {
    let variant = match policy {
        None => Some(site.plain("bare", None)?),
        Some(policy) => site.headgate(policy.name, &format!("{TAGS}{}", policy.limits))?,
    };
    let Some(mut variant) = variant else { return Ok(None) };
    site.ready(&mut variant, workload).await?;
    counted(site, policy, &variant).await?;
    Ok(Some(variant))
}

async fn counted(site: &Site<'_>, policy: Option<&Policy>, variant: &Variant) -> Outcome<Option<Counted>> {
    let Some(checked) = policy.and_then(|policy| policy.checked) else { return Ok(None) };
    let rule = format!("{}.{checked}", variant.name);
    Ok(Some(counted::wait_for(variant.answered(), &rule, site.collector).await?))
}

impl Row {
    fn new(policy: Option<&Policy>, variant: &Variant) -> Outcome<Self> {
        let limits: Vec<&str> = policy.map(|policy| entries(policy.limits).collect()).unwrap_or_default();
        Ok(Self {
            name: variant.name,
            limits: limits.len(),
            subjects: limits.iter().map(|entry| per(entry)).collect::<BTreeSet<_>>().len(),
            rounds: Vec::new(),
            resident: [resident(variant.pid())?; 2],
            counted: None,
        })
    }
}

/// Returns limits and budgets, each on a line.
fn entries(yaml: &str) -> impl Iterator<Item = &str> {
    yaml.lines().filter_map(|line| line.trim().strip_prefix("- {id: "))
}

/// Returns the dimensions of an entry. The benchmark's policy gives no two dimensions the same name, so each of them is
/// another subject.
fn per(entry: &str) -> &str {
    let Some((_, rest)) = entry.split_once(", per: ") else { return "" };
    let end = if rest.starts_with('[') { "]" } else { "," };
    rest.split(end).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_match_their_rows() {
        let counts = ALL.iter().flat_map(|comparison| comparison.policies).map(|policy| {
            let subjects: BTreeSet<&str> = entries(policy.limits).map(per).collect();
            (policy.name, entries(policy.limits).count(), subjects.len())
        });
        let expected = [
            (HEADGATE, 0, 0),
            ("one", 1, 1),
            ("five", 5, 3),
            ("twenty", 20, 9),
            (HEADGATE, 0, 0),
            ("one-users", 1, 1),
            ("twenty-users", 20, 9),
            (HEADGATE, 0, 0),
            ("shared", 2, 1),
        ];
        assert_eq!(counts.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn the_checked_limit_counts_requests_per_day() {
        for policy in ALL.iter().flat_map(|comparison| comparison.policies) {
            let Some(checked) = policy.checked else { continue };
            let id = format!("\"@VARIANT@.{checked}\"");
            let entry = entries(policy.limits).find(|entry| entry.starts_with(&id)).unwrap();
            assert!(entry.contains("requests: [100M/min, 1000M/day]"), "{entry}");
        }
    }
}
