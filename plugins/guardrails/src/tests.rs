//! Tests of the findings of each detector, and of texts without findings.

mod candidates;
mod own;
mod personal;
mod secret;
mod steps;
mod table;
mod texts;

use crate::*;

/// Returns the kinds and texts of the findings.
fn found(text: &str) -> Vec<(&'static str, &str)> {
    thread_local!(static GUARD: Guard = Guard::with_all_kinds());
    let found = GUARD.with(|guard| guard.find(text));
    found.into_iter().map(|finding| (finding.kind.name(), &text[finding.start..finding.end])).collect()
}

/// Asserts that the text between ⟦ and ⟧ is found, and nothing else.
#[track_caller]
fn check(kind: &str, marked: &str) {
    let mut expected = Vec::new();
    for piece in marked.split('⟦').skip(1) {
        expected.push((kind, piece.split('⟧').next().unwrap()));
    }
    let text = marked.replace(['⟦', '⟧'], "");
    assert_eq!(found(&text), expected, "{text}");
}

/// The value is found in each of the surroundings that values stand in, and not inside of longer words.
#[track_caller]
fn check_everywhere(kind: &str, value: &str) {
    for (before, after) in [
        ("", ""),
        ("(", ")"),
        ("\"", "\","),
        ("see ", ". Then"),
        ("see ", ", and"),
        ("x = '", "';"),
        ("\t", "\r\n"),
        ("{\"v\":\"", "\"}"),
        ("a\\n", "\\n"),
        ("值是", "。"),
        ("<b>", "</b>"),
        ("`", "`"),
        ("?v=", "&w=1"),
    ] {
        check(kind, &format!("{before}⟦{value}⟧{after}"));
    }
    assert!(found(&format!("{value}x9Qz")).iter().all(|(other, _)| *other != kind), "{value} and more");
    assert!(
        found(&format!("9Qzx{value}")).iter().all(|(other, text)| *other != kind || *text != value),
        "more and {value}"
    );
}

#[track_caller]
fn nothing(text: &str) {
    assert_eq!(found(text), [], "{text}");
}
