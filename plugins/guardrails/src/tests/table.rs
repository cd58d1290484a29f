//! The table of kinds.

use crate::*;

#[test]
fn the_rows_stand_in_the_order_of_the_variants_with_names_of_their_own() {
    for (index, row) in KINDS.iter().enumerate() {
        assert_eq!(row.kind as usize, index, "{}", row.name);
        assert_eq!(Kind::named(row.name), Some(row.kind));
        assert!(row.name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_' || byte.is_ascii_digit()));
        assert!(!row.about.is_empty() && !row.source.is_empty() && row.reach > 0, "{}", row.name);
    }
}

#[test]
fn the_reference_page_is_that_of_the_table() {
    let page = reference();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/GUARDRAILS.md");
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(path, &page).unwrap();
    }
    assert_eq!(std::fs::read_to_string(path).unwrap(), page, "run with UPDATE_EXPECT=1");
}

#[test]
fn names_of_kinds_and_groups_resolve_and_others_do_not() {
    assert_eq!(resolve("email"), Some(vec![Kind::Email]));
    assert!(resolve("pii").unwrap().contains(&Kind::Card));
    assert_eq!(resolve("custom"), None);
    assert_eq!(resolve("words"), None);
    assert_eq!(resolve("e-mail"), None);
}
