//! Holds a tree against the declaration and reports everything that does not fit.

use super::{Key, Kind, Need};
use crate::diagnostic::{Report, Severity};
use crate::nearest::nearest;
use crate::scalar::Scalar;
use crate::tree::{Entry, Node, Span, Value};
use std::collections::BTreeMap;

/// Reports every key and value that is not as declared. The recursion is as deep as the declaration, not as the file.
pub(crate) fn check(root: &Node, keys: &'static [Key], report: &mut Report) {
    match root.value {
        Value::Map(_) => section(root, root.span, keys, report),
        _ => misfit(root, Kind::Section(keys), report),
    }
}

fn value(node: &Node, label: Span, kind: Kind, report: &mut Report) {
    match (kind, &node.value) {
        (Kind::One(scalar), Value::Scalar(text)) => single(scalar, text, node.span, report),
        (Kind::Several(scalar), Value::Scalar(text)) => single(scalar, text, node.span, report),
        (Kind::Several(scalar), Value::List(_)) => {
            node.items().iter().for_each(|node| value(node, node.span, Kind::One(scalar), report));
        }
        (Kind::One(scalar) | Kind::Several(scalar), Value::Null) => {
            report.error(label, "nothing is written here", &format!("write a value: {}", scalar.form()));
        }
        (_, Value::Null) => {}
        (Kind::AllOr(_), Value::Scalar(text)) if text == "all" => report.show(node.span),
        (Kind::AllOr(scalar), Value::List(_)) => {
            node.items().iter().for_each(|node| value(node, node.span, Kind::One(scalar), report));
        }
        (Kind::List(item), Value::List(_)) => {
            node.items().iter().for_each(|node| value(node, node.span, *item, report));
        }
        (Kind::Map(names, each), Value::Map(_)) => {
            repeated(node.entries(), report);
            for entry in node.entries() {
                single(names, &entry.key, entry.span, report);
                value(&entry.value, entry.span, *each, report);
            }
        }
        (Kind::Section(keys), Value::Map(_)) => section(node, label, keys, report),
        _ => misfit(node, kind, report),
    }
}

fn single(scalar: Scalar, text: &str, span: Span, report: &mut Report) {
    let outcome = scalar.check(text);
    if !outcome.as_ref().is_err_and(|wrong| wrong.hide) {
        report.show(span);
    }
    if let Err(wrong) = outcome {
        report.error(span, &wrong.message, &wrong.help);
    }
}

fn section(node: &Node, label: Span, keys: &'static [Key], report: &mut Report) {
    repeated(node.entries(), report);
    for entry in node.entries() {
        match keys.iter().find(|key| key.name == entry.key) {
            Some(key) => value(&entry.value, entry.span, key.kind, report),
            None => unknown(entry, keys, report),
        }
    }
    for key in keys.iter().filter(|key| matches!(key.need, Need::Required)) {
        if !node.entries().iter().any(|entry| entry.key == key.name) && !report.is_unreadable(key.name) {
            let help = format!("add `{}: …` ({})", key.name, form(key.kind));
            report.error(label, &format!("`{}` is missing", key.name), &help);
        }
    }
}

fn unknown(entry: &Entry, keys: &'static [Key], report: &mut Report) {
    // A misspelt `credential` has a secret beside it, and one without a colon has it in the key.
    if entry.key.bytes().all(|b| b.is_ascii_lowercase() || b == b'_') {
        report.show(entry.span);
    }
    let written = entry.key.clone();
    report.seek(Severity::Error, entry.span, "this key is not known", move || {
        let names = keys.iter().map(|key| key.name);
        nearest(&written, names.clone()).map_or_else(
            || format!("known here: {}", names.collect::<Vec<_>>().join(", ")),
            |name| format!("did you mean `{name}`?"),
        )
    });
}

fn repeated(entries: &[Entry], report: &mut Report) {
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    for entry in entries {
        if let Some(line) = seen.insert(&entry.key, entry.span.line) {
            let help = format!("keep one of the two; the other one is on line {line}");
            report.error(entry.span, "this key is there twice", &help);
        }
    }
}

fn misfit(node: &Node, kind: Kind, report: &mut Report) {
    report.error(
        node.span,
        &format!("{} stands where it does not belong", node.kind()),
        &format!("write {}", form(kind)),
    );
}

/// How a value of this kind looks.
fn form(kind: Kind) -> String {
    match kind {
        Kind::One(scalar) => scalar.form().to_owned(),
        Kind::List(Kind::One(scalar)) => format!("a list: `[…]`, each item: {}", scalar.form()),
        Kind::AllOr(scalar) => format!("`all`, or a list: `[…]`, each item: {}", scalar.form()),
        Kind::Several(scalar) => format!("{}, or a list of them: `[…]`", scalar.form()),
        Kind::List(_) => "a list: `- {…}`".to_owned(),
        Kind::Map(..) => "a mapping: `name: {…}`".to_owned(),
        Kind::Section(keys) => {
            format!("a mapping with {}", keys.iter().map(|key| key.name).collect::<Vec<_>>().join(", "))
        }
    }
}
