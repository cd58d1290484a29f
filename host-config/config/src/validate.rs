//! Compares a tree with the declaration of keys and reports every difference.

use crate::diagnostic::{Report, Severity};
use crate::nearest::nearest;
use crate::scalar::{Scalar, ScalarError};
use crate::schema::{Key, Kind, Need};
use crate::tree::{Entry, Node, Span, Value};
use crate::typed_view::View;
use std::collections::BTreeMap;

/// Reports every key and value that is not as declared. The recursion is as deep as the declaration, not as the file.
pub(crate) fn validate(root: &Node, keys: &'static [Key], report: &mut Report) {
    match root.value {
        Value::Map(ref entries) if entries.is_empty() && report.is_empty() => {
            report.error(
                root.span,
                "there is no configuration in this file",
                "write at least `environment`, `listen`, `providers` and `models`",
            );
        }
        Value::Map(_) => section(root, root.span, keys, report),
        _ => misfit(root, Kind::Section(keys), report),
    }
}

fn value(node: &Node, label: Span, kind: Kind, report: &mut Report) {
    match (kind, &node.value) {
        (Kind::One(scalar) | Kind::Several(scalar), Value::Scalar(text)) => {
            single(scalar, text, node.span, !node.has_anchor, report);
        }
        (Kind::Several(scalar), Value::List(_)) => {
            node.items().iter().for_each(|node| value(node, node.span, Kind::One(scalar), report));
        }
        (Kind::One(scalar) | Kind::Several(scalar), Value::Null) => {
            report.error(label, "this key has no value", &format!("write a value: {}", scalar.form()));
        }
        // A section without a value lacks its required keys too.
        (Kind::Section(keys), Value::Null) => section(node, label, keys, report),
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
                single(names, &entry.key, entry.span, true, report);
                value(&entry.value, entry.span, *each, report);
            }
        }
        (Kind::Section(keys), Value::Map(_)) => section(node, label, keys, report),
        _ => misfit(node, kind, report),
    }
}

/// Reports a value that does not have the form of its kind. `show`: the value may be shown if it is valid.
fn single(scalar: Scalar, text: &str, span: Span, show: bool, report: &mut Report) {
    let outcome = scalar.check(text).map_err(|error| common_mistake(scalar, text, &error).unwrap_or(error));
    if outcome.is_ok() && scalar == Scalar::Text && text.contains("${") {
        report.warning(span, "variables are not replaced here", LITERAL);
    }
    if show && !outcome.as_ref().is_err_and(|error| error.hide) {
        report.show(span);
    }
    if let Err(error) = outcome {
        report.error(span, &error.message, &error.help);
    }
}

const LITERAL: &str =
    "write the value itself; `${NAME}` is only for secrets: `credential`, `token`, `webhook`, `fingerprint_key`";

/// Returns the reason for mistakes that are possible with a value of any kind.
fn common_mistake(scalar: Scalar, text: &str, error: &ScalarError) -> Option<ScalarError> {
    let (message, help) = if text.contains("${") && scalar != Scalar::Variable {
        ("a variable cannot be used here", LITERAL)
    } else if text.starts_with(['“', '”', '„', '«', '‘', '’']) {
        ("these are typographic quotation marks", "write plain ones: `\"`")
    } else if text.trim() != text && !text.contains('\n') && scalar.check(text.trim()).is_ok() {
        ("there is a space before or after this value", "remove the space inside the quotation marks")
    } else {
        return None;
    };
    Some(ScalarError { message: message.to_owned(), help: help.to_owned(), hide: error.hide })
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
        // A misspelt key has been reported with the right name.
        let is_written = |entry: &Entry| {
            entry.key == key.name
                || nearest(&entry.key, [key.name]).is_some() && !keys.iter().any(|key| key.name == entry.key)
        };
        if !node.entries().iter().any(is_written) && !report.is_unreadable(key.name) {
            missing(label, key, report);
        }
    }
}

fn missing(label: Span, key: &Key, report: &mut Report) {
    let help = format!("add `{}: …` ({})", key.name, form(key.kind));
    report.error(label, &format!("`{}` is missing", key.name), &help);
}

/// Reports a key that other parts of the file make necessary, unless it is there or misspelt.
pub(crate) fn require(view: View<'_>, label: Span, keys: &'static [Key], name: &str, report: &mut Report) {
    let Some(key) = keys.iter().find(|key| key.name == name) else { return };
    let misspelt = |written: &str| nearest(written, [name]).is_some() && !keys.iter().any(|key| key.name == written);
    if view.is_map()
        && !view.is_empty()
        && view.get(name).is_none()
        && !view.keys().any(misspelt)
        && !report.is_unreadable(name)
    {
        missing(label, key, report);
    }
}

fn unknown(entry: &Entry, keys: &'static [Key], report: &mut Report) {
    // A misspelt `credential` has a secret as its value, and one without a colon contains it in the key.
    if entry.key.bytes().all(|b| b.is_ascii_lowercase() || b == b'_') {
        report.show(entry.span);
    }
    if entry.key == "<<" {
        let help = "write the keys out, or use an alias for a whole value: `*NAME`";
        return report.error(entry.span, "YAML merge keys are not supported", help);
    }
    if matches!(entry.value.value, Value::Null) && entry.key.bytes().all(|byte| byte.is_ascii_digit()) {
        let help = "write numbers without separators, and a point before decimals";
        return report.error(entry.span, "a comma inside `{…}` ends the value before it", help);
    }
    let written = entry.key.clone();
    report.seek(Severity::Error, entry.span, "unknown key", move || {
        let names = keys.iter().map(|key| key.name);
        nearest(&written, names.clone()).map_or_else(
            || format!("these keys can be used here: {}", names.collect::<Vec<_>>().join(", ")),
            |name| format!("did you mean `{name}`?"),
        )
    });
}

fn repeated(entries: &[Entry], report: &mut Report) {
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    for entry in entries {
        if let Some(line) = seen.insert(&entry.key, entry.span.line) {
            let help = format!("keep one of the two; the other one is on line {line}");
            report.error(entry.span, "this key is repeated", &help);
        }
    }
}

fn misfit(node: &Node, kind: Kind, report: &mut Report) {
    report.error(
        node.span,
        &format!("this must be {}, not {}", expected(kind), node.kind()),
        &format!("write {}", form(kind)),
    );
}

fn expected(kind: Kind) -> &'static str {
    match kind {
        Kind::One(_) => "a single value",
        Kind::Several(_) => "a single value or a list",
        Kind::AllOr(_) => "`all` or a list",
        Kind::List(_) => "a list",
        Kind::Map(..) | Kind::Section(_) => "a mapping",
    }
}

/// Returns the notation of a value of this kind.
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
