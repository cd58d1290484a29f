//! Corrections by an owner: counts and usage change, records stay, and each correction is on record.

use crate::any_store::fleet::{Proxy, budget, day, listed, row};
use crate::client::{Client, Reply};
use crate::process::Collector;
use crate::records::{batch, id, record};
use headgate_limits::ReportRow;
use headgate_record::INGEST_PATH;
use serde_json::{Value, json};

fn correct(client: &mut Client, body: &Value) -> Reply {
    client.post("/v1/corrections", body.to_string().as_bytes()).unwrap()
}

fn done(client: &mut Client, body: &Value) -> Value {
    let reply = correct(client, body);
    assert_eq!(reply.status, 201, "{}", reply.text());
    reply.json()
}

fn code(reply: &Reply) -> (u16, String) {
    (reply.status, reply.json()["error"]["code"].as_str().unwrap_or_default().to_owned())
}

fn of_budget(subject: &Value, amount: i64) -> Value {
    json!({"reason": "case 17", "count": {"rule": "team", "meter": "nano_usd/day", "subject": subject, "amount": amount}})
}

#[test]
fn a_corrected_budget_reaches_every_proxy() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    let mut owner = collector.owner();
    let (mut one, mut two) = (Proxy::with_rules("one", vec![budget("team", &[75])]), Proxy::new("two"));
    one.report(&collector, vec![row("team", "search", 990)]);
    assert_eq!(two.report(&collector, Vec::new()).rows[0].total, 990);
    assert_eq!(listed(&collector, "/v1/budgets")[0]["told"], json!([75]));
    let made = done(&mut owner, &of_budget(&json!({"team": "search"}), -940));
    assert_eq!((&made["count"]["before"], &made["count"]["after"]), (&json!(990), &json!(50)));
    let heard = two.report(&collector, Vec::new());
    assert_eq!((heard.rows.len(), heard.rows[0].total), (1, 50), "although it is far from its end now");
    assert_eq!(two.report(&collector, Vec::new()).rows, [], "once");
    assert_eq!(one.report(&collector, vec![row("team", "search", 5)]).rows[0].total, 55);
    let count = &listed(&collector, "/v1/budgets")[0];
    assert_eq!((&count["used"], &count["told"]), (&json!(55), &json!([])));
    one.report(&collector, vec![row("team", "search", 800)]);
    let log = owner.get("/v1/audit?event_types[]=budget.threshold_crossed").unwrap().json();
    assert_eq!(log["data"].as_array().unwrap().len(), 2, "a threshold that is reached again is told again");
}

#[test]
fn a_correction_is_made_once_bounded_audited() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    let mut owner = collector.owner();
    Proxy::new("one").report(&collector, vec![row("team", "search", 100)]);
    let mut wanted = of_budget(&json!(["search"]), -60);
    wanted["id"] = json!(id("correction", 1));
    done(&mut owner, &wanted);
    assert_eq!(correct(&mut owner, &wanted).status, 200, "the same again");
    assert_eq!(listed(&collector, "/v1/budgets")[0]["used"], 40, "is made once");
    wanted["count"]["amount"] = json!(-1);
    assert_eq!(code(&correct(&mut owner, &wanted)), (409, "id_taken".to_owned()));
    assert_eq!(code(&correct(&mut owner, &of_budget(&json!(["search"]), -41))), (409, "out_of_range".to_owned()));
    assert_eq!(code(&correct(&mut owner, &of_budget(&json!(["search"]), i64::MAX))), (409, "out_of_range".to_owned()));
    assert_eq!(code(&correct(&mut owner, &of_budget(&json!(["nobody"]), 1))), (409, "nothing_counted".to_owned()));
    for bad in [
        json!({"reason": "r"}),
        json!({"reason": "", "count": {"rule": "team", "meter": "nano_usd/day", "subject": [], "amount": 1}}),
        json!({"reason": "r", "count": {"rule": "team", "meter": "concurrency", "subject": [], "amount": 1}}),
        json!({"reason": "r", "count": {"rule": "team", "meter": "nano_usd/day", "subject": [], "amount": 0}}),
        json!({"reason": "r", "usage": {"from": "2026-01-01", "to": "2026-03-01", "amounts": {"output_tokens": 1}}}),
        json!({"reason": "r", "usage": {"from": "2026-01-01", "to": "2026-01-02", "amounts": {"requests": 1}}}),
        json!({"reason": "r", "usage": {"from": "2026-01-01", "to": "2026-01-02", "filters": {"tag": "x"}, "amounts": {"output_tokens": 1}}}),
    ] {
        assert_eq!(correct(&mut owner, &bad).status, 400, "{bad}");
    }
    let log = owner.get("/v1/audit?event_types[]=correction.created").unwrap().json();
    assert_eq!(log["data"].as_array().unwrap().len(), 1);
    let changes = log["data"][0]["changes"].to_string();
    assert!(changes.contains("case 17") && changes.contains(r#""before":100"#), "{changes}");
    assert_eq!(
        (&log["data"][0]["resource"]["id"], &log["data"][0]["actor"]["id"]),
        (&json!("team"), &json!("environment-owner"))
    );
    let list = owner.get("/v1/corrections").unwrap().json();
    assert_eq!((&list["data"][0]["count"]["amount"], &list["has_more"]), (&json!(-60), &json!(false)));
    let made = owner.post("/v1/tokens", br#"{"role":"admin"}"#).unwrap().json();
    let mut admin = collector.with_token(made["token"].as_str().unwrap());
    assert_eq!(correct(&mut admin, &of_budget(&json!(["search"]), -1)).status, 403);
}

#[test]
fn corrected_usage_adds_up_and_records_stay() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    let mut owner = collector.owner();
    let mut records: Vec<_> = (1..=40).map(|seq| record("n", "b", seq)).collect();
    records[6].usage.as_mut().unwrap().output_tokens = 1 << 53;
    let texts: Vec<_> = records.iter().map(|record| serde_json::to_string(record).unwrap()).collect();
    assert_eq!(collector.ingest().post(INGEST_PATH, &batch("n", "b", 0, &texts)).unwrap().status, 200);
    let team = records[6].caller.as_ref().unwrap().team.clone().unwrap();
    let tokens = |owner: &mut Client, query: &str| {
        let path = format!("/v1/usage?from=2026-01-01&to=2026-01-02&total=true&{query}");
        owner.get(&path).unwrap().json()["total"]["output_tokens"].as_u64().unwrap()
    };
    let before =
        [tokens(&mut owner, ""), tokens(&mut owner, "bucket=hour"), tokens(&mut owner, &format!("team={team}"))];
    let amount = -((1_i64 << 53) - 340);
    let wanted = json!({"reason": "a provider's figure cannot be true", "usage": {"from": "2026-01-01", "to": "2026-01-02",
        "filters": {"team": team}, "amounts": {"output_tokens": amount}}});
    done(&mut owner, &wanted);
    let after =
        [tokens(&mut owner, ""), tokens(&mut owner, "bucket=hour"), tokens(&mut owner, &format!("team={team}"))];
    assert_eq!(after, before.map(|tokens| tokens.checked_add_signed(amount).unwrap()));
    let mut too_much = wanted.clone();
    too_much["usage"]["amounts"] = json!({"output_tokens": amount});
    assert_eq!(code(&correct(&mut owner, &too_much)), (409, "out_of_range".to_owned()), "nothing falls below zero");
    too_much["usage"]["filters"] = json!({"team": "nobody"});
    assert_eq!(code(&correct(&mut owner, &too_much)), (409, "no_usage".to_owned()));
    let kept = owner.get(&format!("/v1/requests/{}", id("b", 7))).unwrap().json();
    assert_eq!(kept["usage"]["output_tokens"], 1_u64 << 53, "a record never changes");
}

#[test]
fn a_past_window_is_corrected_by_its_start() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    let (start, _) = day();
    let past = ReportRow { start: start - 86_400, end: Some(start), late: true, ..row("team", "search", 70) };
    Proxy::new("one").report(&collector, vec![row("team", "search", 10), past]);
    let mut wanted = of_budget(&json!(["search"]), -70);
    assert_eq!(code(&correct(&mut collector.owner(), &wanted)).1, "out_of_range", "the current one has 10");
    wanted["count"]["start"] = json!(start - 86_400);
    done(&mut collector.owner(), &wanted);
    let used: Vec<_> = listed(&collector, "/v1/budgets?window=all").iter().map(|one| one["used"].clone()).collect();
    assert_eq!(used, [json!(10), json!(0)]);
}
