use super::*;

fn entry<'a>(id: &'a str, key: &str) -> KeyEntry<'a> {
    KeyEntry {
        id,
        sha256: Sha256::digest(key).into(),
        owner: Some("alice"),
        team: Some(0),
        project: None,
        application: None,
        use_case: None,
        risk_class: None,
        models: None,
        expires: None,
        disabled: false,
        playground: false,
    }
}

fn reason(table: &KeyTable, key: Option<&[u8]>, now: u64) -> KeyRefusal {
    table.admit(key, now).map(|caller| caller.key_id).unwrap_err().reason
}

#[test]
fn a_known_key_gives_its_caller() {
    let table = KeyTable::build([entry("a", "secret-a"), entry("b", "secret-b")].into_iter());
    let caller = table.admit(Some(b"secret-b"), 0).unwrap();
    assert_eq!((caller.key_id, caller.owner, caller.team), ("b", Some("alice"), Some(0)));
    assert_eq!(caller.project, None);
}

#[test]
fn invalid_keys_are_refused() {
    let table = KeyTable::build([entry("a", "secret-a")].into_iter());
    assert_eq!(reason(&table, None, 0), KeyRefusal::Missing);
    assert_eq!(reason(&table, Some(b""), 0), KeyRefusal::Missing);
    assert_eq!(reason(&table, Some(b"secret-"), 0), KeyRefusal::Unknown);
    assert_eq!(reason(&table, Some(&[b'x'; 65_536]), 0), KeyRefusal::Unknown);
}

#[test]
fn an_expired_key_keeps_its_owner() {
    let table = KeyTable::build([KeyEntry { expires: Some(100), ..entry("a", "k") }].into_iter());
    assert!(table.admit(Some(b"k"), 99).is_ok());
    let refused = table.admit(Some(b"k"), 100).unwrap_err();
    assert_eq!(refused.reason, KeyRefusal::Expired);
    assert_eq!(refused.caller.unwrap().key_id, "a");
}

#[test]
fn expiry_zero_is_expired_not_disabled() {
    let table = KeyTable::build([KeyEntry { expires: Some(0), ..entry("a", "k") }].into_iter());
    assert_eq!(reason(&table, Some(b"k"), 5), KeyRefusal::Expired);
}

#[test]
fn disabled_goes_before_expired() {
    let table = KeyTable::build([KeyEntry { expires: Some(1), disabled: true, ..entry("a", "k") }].into_iter());
    assert_eq!(reason(&table, Some(b"k"), 5), KeyRefusal::Disabled);
}

#[test]
fn permission_is_by_globs() {
    let globs = ["chat".to_owned(), "embed-*".to_owned()];
    let table = KeyTable::build([KeyEntry { models: Some(&globs), ..entry("a", "k") }, entry("b", "l")].into_iter());
    let some = table.admit(Some(b"k"), 0).unwrap();
    assert!(
        some.permission.may_use("chat") && some.permission.may_use("embed-small") && some.permission.may_use("embed-")
    );
    assert!(!some.permission.may_use("chat-2") && !some.permission.may_use("embed") && !some.permission.may_use(""));
    assert!(table.admit(Some(b"l"), 0).unwrap().permission.may_use("anything"));
}

#[test]
fn an_empty_list_of_globs_permits_nothing() {
    let table = KeyTable::build([KeyEntry { models: Some(&[]), ..entry("a", "k") }].into_iter());
    assert!(!table.admit(Some(b"k"), 0).unwrap().permission.may_use("chat"));
}

#[test]
fn credentials_have_an_order_of_headers() {
    let taken = |headers: &[(&str, &str)]| {
        let bytes: Vec<(&[u8], &[u8])> =
            headers.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())).collect();
        presented(bytes.iter().copied()).map(|key| String::from_utf8_lossy(key).into_owned()).collect::<Vec<_>>()
    };
    assert_eq!(taken(&[("x-api-key", "two"), ("authorization", "bEaReR  one ")]), ["one", "two"]);
    assert_eq!(taken(&[("authorization", "Basic abc"), ("api-key", "three"), ("x-api-key", "two")]), ["two", "three"]);
    assert_eq!(taken(&[("authorization", "Bear"), ("x-api-key", " "), ("x-other", "no")]), [""; 0]);
    assert_eq!(taken(&[("authorization", "Bearer a,Bearer b")]), ["a,Bearer b", "a", "b"]);
    let many = vec![("x-api-key", "k"); 100];
    assert_eq!(taken(&many).len(), 8, "no more are looked at");
}

#[test]
fn the_first_known_credential_is_taken() {
    let off = KeyEntry { disabled: true, ..entry("off", "off") };
    let table = KeyTable::build([entry("ours", "ours"), entry("other", "other"), off].into_iter());
    let admit = |keys: &[&'static str]| {
        let admitted = table.admit_first(keys.iter().map(|key| key.as_bytes()), 0);
        admitted.map(|caller| caller.key_id).map_err(|refused| refused.reason)
    };
    assert_eq!(admit(&["sk-provider", "ours", "other"]), Ok("ours"));
    assert_eq!(admit(&["sk-provider", "off", "ours"]), Err(KeyRefusal::Disabled));
    assert_eq!(admit(&["sk-provider"]), Err(KeyRefusal::Unknown));
    assert_eq!(admit(&[]), Err(KeyRefusal::Missing));
}

#[test]
fn large_table_takes_150_bytes_a_key() {
    let ids: Vec<String> = (0..100_000).map(|n| format!("service-account-{n}")).collect();
    let globs = ["chat".to_owned(), "embed-*".to_owned()];
    let table = KeyTable::build(ids.iter().map(|id| KeyEntry { models: Some(&globs), ..entry(id, id) }));
    assert_eq!(table.len(), 100_000);
    for id in ids.iter().step_by(997) {
        assert_eq!(table.admit(Some(id.as_bytes()), 0).unwrap().key_id, id);
    }
    assert!(table.bytes() / table.len() <= 150, "{} bytes a key", table.bytes() / table.len());
}
