//! The difference between two policies, by resource.

use headgate_collector_db::StoreError;
use headgate_collector_store::PreparedEntry;
use headgate_collector_types::audit::{self, Actor, Change, Entry, Operation, Resource, diff};
use headgate_config::resources::{self, resources};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Maximum size of a value that is shown in full, bytes of its JSON; the revision has all of it.
const MAX_VALUE_BYTES: usize = 16 << 10;

/// One resource that is different now.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub(crate) struct ResourceChange {
    /// `provider.updated`, `key.created`, `budget.deleted` …
    #[serde(rename = "type")]
    pub kind: String,
    /// The operation.
    pub operation: Operation,
    /// The resource.
    pub resource: Resource,
    /// The differences, by path within the resource, secrets masked.
    pub changes: Vec<Change>,
}

/// Returns the changes from `before` to `after`: first new and changed resources in the order of the file, then removed ones.
#[must_use]
pub(crate) fn changes(before: Option<&str>, after: &str) -> Vec<ResourceChange> {
    let mut known: BTreeMap<_, _> = before.map(resources).unwrap_or_default().into_iter().map(keyed).collect();
    let mut found = Vec::new();
    for (name, body) in resources(after).into_iter().map(keyed) {
        match known.remove(&name) {
            None => found.push(change("created", Operation::Create, name, &json!({}), &body)),
            Some(old) if old != body => found.push(change("updated", Operation::Update, name, &old, &body)),
            Some(_) => {}
        }
    }
    let deleted = known.into_iter().map(|(name, old)| change("deleted", Operation::Delete, name, &old, &json!({})));
    found.extend(deleted);
    found
}

fn keyed(resource: resources::Resource) -> ((&'static str, String), Value) {
    ((resource.kind, resource.id), resource.body)
}

fn change(
    done: &str,
    operation: Operation,
    (kind, id): (&'static str, String),
    before: &Value,
    after: &Value,
) -> ResourceChange {
    let mut changes = diff(before, after);
    changes.iter_mut().for_each(shorten);
    ResourceChange { kind: format!("{kind}.{done}"), operation, resource: Resource::new(kind, id), changes }
}

/// Replaces long values by their size.
fn shorten(change: &mut Change) {
    for value in [&mut change.before, &mut change.after].into_iter().flatten() {
        let bytes = value.to_string().len();
        if bytes > MAX_VALUE_BYTES {
            *value = Value::String(format!("[{bytes} bytes, see the revision]"));
        }
    }
}

/// Returns the resources of a policy with secrets masked: objects of `kind`, `id` and `body`.
#[must_use]
pub(crate) fn masked(text: &str) -> Vec<Value> {
    let shown = |resource: resources::Resource| {
        let mut whole = [Change { after: Some(resource.body), ..Change::default() }];
        audit::mask(&mut whole);
        let [Change { after, .. }] = whole;
        json!({"kind": resource.kind, "id": resource.id, "body": after.unwrap_or_default()})
    };
    resources(text).into_iter().map(shown).collect()
}

/// Returns the audit entries of a revision: one about itself, then one for each resource.
///
/// # Errors
/// The system provides no randomness for their ids.
pub(crate) fn entries(
    own: Entry,
    changed: &[ResourceChange],
    actor: &Actor,
    number: i64,
) -> Result<Vec<PreparedEntry>, StoreError> {
    let each = |change: &ResourceChange| {
        Entry::new(&change.kind, change.operation, actor.clone(), change.resource.clone())
            .with_changes(change.changes.clone())
    };
    let revision = u64::try_from(number).ok();
    let all = std::iter::once(own).chain(changed.iter().map(each));
    all.map(|entry| PreparedEntry::new(Entry { revision, ..entry })).collect()
}

#[cfg(test)]
mod tests {
    use super::{changes, masked};
    use serde_json::json;

    const BEFORE: &str = "
environment: test
providers: {a: {url: 'https://a', credential: '${A_KEY}'}}
models: {chat: {targets: [{provider: a, weight: 1}]}}
keys: [{id: alice, sha256: aaaa1111, owner: alice}, {id: bob, sha256: bbbb2222}]
";

    #[test]
    fn each_changed_resource_is_reported_once() {
        let after = BEFORE
            .replace("weight: 1", "weight: 3")
            .replace(", {id: bob, sha256: bbbb2222}", ", {id: carol, sha256: cccc3333}")
            .replace("aaaa1111", "dddd4444");
        let changes_json = serde_json::to_value(changes(Some(BEFORE), &after)).unwrap();
        let expected = json!([
            {"type": "model.updated", "operation": "update", "resource": {"kind": "model", "id": "chat"},
             "changes": [{"path": "targets.0.weight", "before": 1, "after": 3}]},
            {"type": "key.updated", "operation": "update", "resource": {"kind": "key", "id": "alice"},
             "changes": [{"path": "sha256", "before": "[masked]", "after": "[masked]"}]},
            {"type": "key.created", "operation": "create", "resource": {"kind": "key", "id": "carol"},
             "changes": [{"path": "id", "after": "carol"}, {"path": "sha256", "after": "[masked]"}]},
            {"type": "key.deleted", "operation": "delete", "resource": {"kind": "key", "id": "bob"},
             "changes": [{"path": "id", "before": "bob"}, {"path": "sha256", "before": "[masked]"}]},
        ]);
        assert_eq!(changes_json, expected);
        assert!(changes(Some(BEFORE), &BEFORE.replace("alice,", "'alice', ")).is_empty(), "spelling is no change");
        assert_eq!(changes(None, BEFORE).len(), 5);
    }

    #[test]
    fn credentials_are_masked_references_shown() {
        let key = format!("ghp_{}", "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8");
        let after = BEFORE.replace("owner: alice", &format!("owner: 'alice {key}'"));
        let changes_json = serde_json::to_string(&changes(Some(BEFORE), &after)).unwrap();
        assert!(!changes_json.contains("ghp_") && changes_json.contains("[masked]"), "{changes_json}");
        let whole = serde_json::to_string(&masked(&after)).unwrap();
        assert!(!whole.contains("ghp_") && !whole.contains("aaaa1111") && whole.contains("${A_KEY}"), "{whole}");
    }

    #[test]
    fn a_long_list_is_reported_by_its_size() {
        let words = format!("guardrails: [{{id: g, detect: {{words: [{}]}}}}]", "word, ".repeat(9_000));
        let changes_json = serde_json::to_string(&changes(Some(""), &words)).unwrap();
        assert!(changes_json.len() < 1_000 && changes_json.contains("see the revision"), "{changes_json}");
    }
}
