//! Thresholds of budgets: reported once, by whichever proxy crosses them, and recorded.

use crate::any_store::fleet::{Proxy, budget, listed, row};
use crate::process::Collector;
use headgate_limits::{Kind, Meter, ReportRow, Rule};
use serde_json::{Value, json};
use std::thread;

fn told(collector: &Collector) -> Vec<Value> {
    listed(collector, "/v1/audit?event_types[]=budget.threshold_crossed&order=asc&limit=100")
}

fn change<'a>(entry: &'a Value, path: &str) -> &'a Value {
    let changes = entry["changes"].as_array().unwrap();
    &changes.iter().find(|change| change["path"] == path).unwrap()["after"]
}

#[test]
fn each_threshold_is_reported_once() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    let rules = vec![budget("team", &[50, 75, 100]), Rule { kind: Kind::Limit, ..budget("limit", &[50]) }];
    Proxy::with_rules("first", rules).report(&collector, Vec::new());
    thread::scope(|scope| {
        for sender in 0..8 {
            let collector = &collector;
            scope.spawn(move || {
                let mut proxy = Proxy::new(&format!("b{sender}"));
                for _ in 0..10 {
                    let rows = vec![row("team", "search", 13), row("limit", "search", 13)];
                    proxy.report(collector, rows.clone());
                    proxy.repeat(collector, rows);
                }
            });
        }
    });
    let entries = told(&collector);
    let percents: Vec<_> = entries.iter().map(|entry| change(entry, "percent").as_u64().unwrap()).collect();
    assert_eq!(percents, [50, 75, 100], "each once, limits never");
    let (first, used) = (&entries[0], change(&entries[0], "used_nano_usd").as_u64().unwrap());
    assert_eq!(first["resource"], json!({"kind": "budget", "id": "team"}));
    assert_eq!(first["actor"]["kind"], "system");
    assert_eq!(change(first, "subject"), &json!({"team": "search"}));
    assert!((500..513).contains(&used), "{used}");
    let list = listed(&collector, "/v1/budgets?id=team");
    assert_eq!((&list[0]["used"], &list[0]["told"]), (&json!(1_040), &json!([50, 75, 100])));
}

#[test]
fn a_proxy_learns_the_reported_thresholds() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    let mut one = Proxy::with_rules("one", vec![budget("team", &[50, 75, 90])]);
    let first = one.report(&collector, vec![row("team", "search", 760), row("team", "ads", 10)]);
    assert_eq!((first.rows[0].told, first.rows[1].told), (0b011, 0));
    let mut two = Proxy::new("two");
    let news = two.report(&collector, Vec::new());
    assert_eq!((news.rows[0].total, news.rows[0].told), (760, 0b011), "also who reports nothing");
    collector.kill();
    let collector = Collector::start(root.path());
    let again = two.report(&collector, vec![row("team", "search", 1)]);
    assert_eq!(again.rows[0].told, 0b011, "also after a restart");
    assert_eq!(told(&collector).len(), 2);
}

#[test]
fn a_changed_policy_reports_new_crossings() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    let mut one = Proxy::with_rules("one", vec![budget("team", &[50])]);
    one.report(&collector, vec![row("team", "search", 600)]);
    // Half the money, and one more threshold: 600 is now all of it.
    let meters = vec![Meter { max: 500, ..budget("team", &[]).meters[0] }];
    one.rules = Some(vec![Rule { meters, ..budget("team", &[50, 90]) }]);
    one.revision = "rev-2".to_owned();
    let reply = one.report(&collector, vec![ReportRow { max: 500, ..row("team", "search", 0) }]);
    assert_eq!(reply.rows[0].told, 0b11);
    let percents: Vec<_> = told(&collector).iter().map(|entry| change(entry, "percent").clone()).collect();
    assert_eq!(percents, [json!(50), json!(90)]);
    assert_eq!(listed(&collector, "/v1/budgets")[0]["percent"].as_f64(), Some(120.0));
    // A proxy with the old policy is judged by that one.
    let mut old = Proxy::new("two");
    assert_eq!(old.report(&collector, vec![row("team", "search", 1)]).rows[0].told, 0b1);
}
