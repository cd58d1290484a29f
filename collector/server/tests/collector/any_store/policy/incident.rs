//! The policy change before a failed request.

use super::*;

fn now_us() -> u64 {
    u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros()).unwrap()
}

/// Stores a current record that ran under a policy, and requests that policy.
fn asked(collector: &Collector, seq: u64, config_revision: &str) -> Value {
    let one = RequestRecord {
        config_revision: config_revision.to_owned(),
        started_at: now_us(),
        requested_model: Some("chat".to_owned()),
        ..record("edge", "b", seq)
    };
    let body = batch("edge", "b", 0, &[serde_json::to_string(&one).unwrap()]);
    assert_eq!(collector.ingest().post(INGEST_PATH, &body).unwrap().status, 200);
    get(&mut collector.owner(), &format!("/v1/requests/{}/policy", id("b", seq)))
}

#[test]
fn a_request_shows_its_revision_and_changes() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    let mut owner = collector.owner();
    let other = POLICY.replace("usd: 500", "usd: 5").replace("weight: 3", "weight: 1");
    put(&mut owner, 0, POLICY);
    put(&mut owner, 1, &other);
    let told = asked(&collector, 1, &config_revision(&other));
    assert_eq!((&told["revision"]["number"], &told["previous"]["number"]), (&json!(2), &json!(1)), "{told}");
    assert_eq!((&told["revision"]["by"]["id"], &told["in_force_for_s"]), (&json!("environment-owner"), &json!(0)));
    assert_eq!((&told["total"], &told["met_by_request"]), (&json!(2), &json!(1)));
    assert_eq!(told["changes"][0]["type"], "model.updated", "what the request met comes first");
    assert_eq!(told["changes"][1]["changes"], json!([{"path": "usd", "before": "500", "after": "5"}]));
    assert!(told["next_steps"][0].as_str().unwrap().contains("headgate rollback 1"), "{told}");

    let late = asked(&collector, 2, &config_revision(POLICY));
    assert_eq!(
        (&late["revision"]["number"], &late["in_force_when_it_began"]["number"]),
        (&json!(1), &json!(2)),
        "a proxy that is behind"
    );
    roll_back(&mut owner, 2, 1);
    let again = asked(&collector, 3, &config_revision(POLICY));
    assert_eq!((&again["revision"]["number"], &again["revision"]["restores"]), (&json!(3), &json!(1)));
    assert_eq!(again["changes"][1]["changes"][0]["after"], "500");
    let before = get(&mut owner, &format!("/v1/requests/{}/policy", id("b", 2)));
    assert_eq!(before["revision"]["number"], 1, "what comes back later does not rewrite the past");
    assert!(before["next_steps"][0].as_str().unwrap().contains("/v1/policy/3/diff?from=1"), "{before}");

    let strange = asked(&collector, 4, "0000000000000000");
    assert_eq!((&strange["revision"], &strange["in_force_now"]["number"]), (&Value::Null, &json!(3)));
    assert!(strange["next_steps"][0].as_str().unwrap().contains("never put here"));
    assert_eq!(owner.get(&format!("/v1/requests/{}/policy", id("b", 9))).unwrap().status, 404);
}
