//! Prints the figures of [`crate::limits`] as tables for people and as JSON for comparisons of runs.

use crate::cores::Cores;
use crate::limits::{Comparison, Row};
use crate::report::{FULL, medians, paired_median, round};
use crate::variant::HEADGATE;
use serde_json::{Value, json};
use std::fmt::Write;

pub(crate) fn markdown(comparison: &Comparison, rows: &[Row], cores: &Cores) -> String {
    let mut table = format!(
        "{}\n\n\
         | variant | limits | subjects | requests/s | of bare | CPU µs/request | over headgate | bare/own | p50 ms | p99 ms \
         | of a core | memory MB | after |\n\
         |---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n",
        about(comparison, cores)
    );
    let Some(bare_rounds) = rows.first().map(|row| &row.rounds) else { return table };
    let bare = medians(bare_rounds);
    let headgate = rows.iter().find(|row| row.name == HEADGATE).map_or(&[][..], |row| &row.rounds);
    for row in rows {
        let figures = medians(&row.rounds);
        // A single worker is at its limit only if its core is full.
        let full = comparison.workers > 1 || figures.cpu_share.min(bare.cpu_share) >= FULL;
        let of_bare =
            paired_median(&row.rounds, bare_rounds, |own, bare| own.requests_per_second / bare.requests_per_second);
        let of_bare = if full { format!("{of_bare:.2}") } else { "–".into() };
        let [before, after] = row.resident.map(|bytes| bytes >> 20);
        // Writing to a string cannot fail.
        let _ = writeln!(
            table,
            "| {} | {} | {} | {:.0} | {of_bare} | {:.1} | {:+.1} | {:.2} | {:.2} | {:.2} | {:.0} % | {before} | {after} |",
            row.name,
            row.limits,
            row.subjects,
            figures.requests_per_second,
            figures.cpu_us,
            paired_median(&row.rounds, headgate, |own, other| own.cpu_us_per_request - other.cpu_us_per_request),
            paired_median(&row.rounds, bare_rounds, |own, bare| bare.cpu_us_per_request / own.cpu_us_per_request),
            figures.p50_ms,
            figures.p99_ms,
            figures.cpu_share * 100.0,
        );
    }
    table + &counted(rows)
}

fn about(comparison: &Comparison, cores: &Cores) -> String {
    let Comparison { name, workers, users, .. } = comparison;
    let users = match users {
        1 => "one user".to_owned(),
        _ => format!("{users} users in turn, all of them counted before the first round"),
    };
    let placed = match workers {
        1 => cores.describe(),
        _ => format!(
            "{workers} workers on all {} cores of this machine, with the load generator, provider and collector beside \
             them on all but one: what several workers reach at most is not measured here, what they cost one another is",
            cores.count()
        ),
    };
    format!(
        "What {name} cost: body of 0.5 KB, {users}, every connection busy. {placed}. `subjects` are those that one \
         request counts on; nothing is refused. Memory is what the Envoy process has resident, at its first request and \
         at the end. A dash: the worker's core was not full; then `bare/own` tells the ratio of CPU per request."
    )
}

/// Formats the collector's counts. A run with a wrong count has failed before.
fn counted(rows: &[Row]) -> String {
    let told = rows.iter().filter_map(|row| {
        let counted = row.counted?;
        Some(format!("{}: {} of {} subjects", row.name, counted.requests, counted.subjects))
    });
    let told: Vec<String> = told.collect();
    format!("\nThe collector counted exactly the requests that were answered: {}.\n", told.join("; "))
}

pub(crate) fn json(comparison: &Comparison, rows: &[Row]) -> Value {
    let rows = rows.iter().map(|row| {
        json!({
            "variant": row.name,
            "limits": row.limits,
            "subjects": row.subjects,
            "rounds": row.rounds.iter().map(round).collect::<Vec<_>>(),
            "resident_bytes": row.resident,
            "counted": row.counted.map(|counted| json!({"requests": counted.requests, "subjects": counted.subjects})),
        })
    });
    json!({
        "comparison": comparison.name,
        "workers": comparison.workers,
        "users": comparison.users,
        "rows": rows.collect::<Vec<_>>(),
    })
}
