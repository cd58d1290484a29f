//! Sessions that several collectors share.

use super::another;
use crate::any_store::access::new_token;
use crate::any_store::sessions::{Browser, only_session};
use crate::process::Collector;

#[test]
#[ignore = "needs a PostgreSQL: just contract"]
fn collectors_share_sessions() {
    let root = tempfile::tempdir().unwrap();
    let (one, two): (Collector, Collector) = (another(root.path(), "one"), another(root.path(), "two"));
    let mut browser = Browser::signed_in(&one, &new_token(root.path(), "viewer"));
    let mut moved = browser.at(&two);
    assert!(moved.is_in());
    assert_eq!(only_session(&mut one.owner()), only_session(&mut two.owner()));
    assert_eq!(moved.sign_out().status, 303);
    assert!(!browser.is_in(), "it has ended everywhere");
}
