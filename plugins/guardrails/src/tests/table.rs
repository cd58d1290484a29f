//! The table of kinds.

use crate::*;

#[test]
fn rows_are_in_order_with_unique_names() {
    for (index, row) in KINDS.iter().enumerate() {
        assert_eq!(row.kind as usize, index, "{}", row.name);
        assert_eq!(Kind::named(row.name), Some(row.kind));
        assert!(row.name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_' || byte.is_ascii_digit()));
        assert!(!row.about.is_empty() && !row.source.is_empty() && row.reach > 0, "{}", row.name);
    }
}

#[test]
fn only_known_names_resolve() {
    assert_eq!(resolve("email"), Some(vec![Kind::Email]));
    assert!(resolve("pii").unwrap().contains(&Kind::Card));
    assert_eq!(resolve("custom"), None);
    assert_eq!(resolve("words"), None);
    assert_eq!(resolve("e-mail"), None);
}
