//! A server that answers slowly: the time limit applies to a query as a whole, not only to each of its statements.

use crate::process::Collector;
use crate::store;

/// From now on each read of a name takes a third of a second.
const SLOW: &str = "ALTER TABLE names RENAME TO names_kept;
    CREATE VIEW names AS SELECT name, text FROM names_kept WHERE pg_sleep(0.3) IS NOT NULL";

#[test]
#[ignore = "needs a PostgreSQL: just contract"]
fn a_query_of_many_statements_ends_in_time() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    assert_eq!(collector.owner().get("/v1/audit").unwrap().status, 200);
    assert!(collector.terminate().success());
    store::query(&store::database(root.path()).unwrap(), SLOW);
    let collector = Collector::start(root.path());
    let kinds = vec!["event_types[]=audit.searched&event_types=audit.searched"; 20].join("&");
    let one = collector.owner().get("/v1/audit?event_types=audit.searched").unwrap();
    assert_eq!(one.status, 200, "one question is quick enough: {}", one.text());
    let many = collector.owner().get(&format!("/v1/audit?{kinds}")).unwrap();
    assert_eq!((many.status, many.json()["error"]["code"].as_str()), (503, Some("query_timeout")), "{}", many.text());
}
