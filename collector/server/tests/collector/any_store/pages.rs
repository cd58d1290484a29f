//! Pages of people: what they read is noted as a read of the routes that have it.

use crate::any_store::access::new_token;
use crate::any_store::sessions::Browser;
use crate::process::Collector;
use crate::records::batch_of;
use headgate_record::INGEST_PATH;
use std::collections::BTreeSet;
use std::path::Path;

/// Returns the types of entries about one role's reads.
fn noted(collector: &Collector, root: &Path, role: &str, paths: &[&str]) -> BTreeSet<String> {
    let mut browser = Browser::signed_in(collector, &new_token(root, role));
    for path in paths {
        // Loads of one page within a minute are one entry.
        for _ in 0..2 {
            let reply = browser.get(path);
            assert_eq!(reply.status, 200, "{role} {path}: {}", reply.text());
        }
    }
    let log = collector.owner().get("/v1/audit?limit=100").unwrap().json();
    let searches = log["data"].as_array().unwrap().iter().filter(|entry| {
        // This very read is among them.
        entry["operation"] == "search" && entry["type"] != "audit.searched"
    });
    let all: Vec<_> = searches.map(|entry| entry["type"].as_str().unwrap().to_owned()).collect();
    let kinds: BTreeSet<_> = all.iter().cloned().collect();
    assert_eq!(all.len(), kinds.len(), "each once: {all:?}");
    kinds
}

#[test]
fn a_page_is_noted_as_the_routes_that_have_its_numbers() {
    let day = ["requests.searched", "usage.searched", "dataplanes.searched", "limits.searched", "budgets.searched"];
    let changes = ["policies.searched", "damage.searched"];
    let cases: [(&str, &str, Vec<&str>); 5] = [
        ("viewer", "/", day.to_vec()),
        ("auditor", "/", [&day[..], &changes[..]].concat()),
        ("viewer", "/usage?compare=1&by=model", vec!["usage.searched"]),
        ("viewer", "/limits?min_percent=50", vec!["limits.searched"]),
        ("viewer", "/budgets?window=all", vec!["budgets.searched"]),
    ];
    for (role, path, expected) in cases {
        let root = tempfile::tempdir().unwrap();
        let collector = Collector::start(root.path());
        collector.ingest().post(INGEST_PATH, &batch_of("n", "b", 1..=3)).unwrap();
        let expected: BTreeSet<_> = expected.into_iter().map(str::to_owned).collect();
        assert_eq!(noted(&collector, root.path(), role, &[path]), expected, "{role} {path}");
    }
}

#[test]
fn a_wrong_address_is_refused_with_its_parameter() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    let mut browser = Browser::signed_in(&collector, &new_token(root.path(), "viewer"));
    for (path, word) in [
        ("/usage?by=node", "<code>by</code> must be one of"),
        ("/usage?tz=Mars", "<code>tz</code>"),
        ("/limits?window=all", "<code>window</code>"),
        ("/budgets?nope=1", "parameter"),
        ("/?nope=1", "auto=1"),
    ] {
        let reply = browser.get(path);
        assert_eq!(reply.status, 400, "{path}");
        assert!(reply.text().contains(word), "{path}: {}", reply.text());
    }
    // A filter that the API refuses leaves the form on the page.
    let reply = browser.get("/budgets?meter=miles");
    assert!(reply.status == 200 && reply.text().contains("requests/minute"), "{}", reply.text());
    for (path, to) in [
        ("/usage.csv?range=24h&tz=UTC", "/v1/usage.csv?from="),
        ("/usage.json", "/v1/usage?from="),
        ("/limits.json?id=a", "/v1/limits?id=a"),
        ("/budgets.json", "/v1/budgets?"),
    ] {
        let reply = browser.get(path);
        assert!(reply.status == 303 && reply.header("location").unwrap().starts_with(to), "{path}");
    }
}
