//! Derived data of searches on a server, which the scrub compares with the entries.

use crate::sqlite::scrub::{filled, scrubbed, total};
use crate::store;
use serde_json::json;

#[test]
#[ignore = "needs a PostgreSQL: just contract"]
fn wrong_derived_data_is_rebuilt() {
    let root = tempfile::tempdir().unwrap();
    filled(root.path());
    let url = store::database(root.path()).unwrap();
    let zeros = "decode(repeat('00', length(codes)), 'hex')";
    for change in [
        &format!("UPDATE segment_columns SET codes = {zeros} WHERE part = 15"),
        "UPDATE fresh SET cells = '\\x00' WHERE position = 20000",
        "UPDATE audit SET type = actor_id WHERE position = 4",
    ] {
        store::query(&url, change);
    }
    let collector = scrubbed(root.path());
    assert_eq!(total(&collector, "key_id=key-7"), 120);
    assert_eq!(total(&collector, "status=200"), 24_000);
    let entries = collector.owner().get("/v1/audit?event_types=user.added").unwrap().json();
    assert_eq!(entries["data"].as_array().unwrap().len(), 4);
    assert_eq!(collector.owner().get("/v1/damage").unwrap().json()["data"], json!([]), "no entry was touched");
    for logs in [collector.logs(), scrubbed(root.path()).logs()] {
        assert_eq!(logs.matches("is built anew").count(), 3, "once is enough: {logs}");
    }
}
