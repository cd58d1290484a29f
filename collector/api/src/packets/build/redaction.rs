//! Pseudonyms in place of values: the same value has the same pseudonym, and nobody without the key can compute one.

use crate::packets::order::PacketOrder;
use crate::packets::order::REDACTABLE;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::Value;
use sha2::Sha256;

/// The bytes of a digest that a pseudonym shows: two values share one with a chance of 2^-64.
const SHOWN: usize = 8;

/// The redaction of one packet.
pub(super) struct Redaction {
    key: [u8; 32],
    fields: Vec<(&'static str, &'static [&'static str])>,
}

impl Redaction {
    /// Returns the redaction of an order; `None` if nothing is redacted.
    pub(super) fn of(order: &PacketOrder) -> Option<Self> {
        let asked = |name: &str| order.scope.redact.iter().any(|field| field == name);
        let fields: Vec<_> = REDACTABLE.into_iter().filter(|(name, _)| asked(name)).collect();
        (!fields.is_empty()).then_some(Self { key: order.redaction_key, fields })
    }

    /// Returns the line of a record with pseudonyms. A line that cannot be read becomes empty: it may hold anything.
    pub(super) fn line(&self, line: &[u8]) -> Option<Vec<u8>> {
        let Ok(mut record) = serde_json::from_slice::<Value>(line) else { return Some(b"{}".to_vec()) };
        for (name, path) in &self.fields {
            let mut place = Some(&mut record);
            for part in *path {
                place = place.and_then(|value| value.get_mut(part));
            }
            if let Some(value) = place {
                self.replace(name, value);
            }
        }
        // A policy's name may be that of a key.
        if self.fields.iter().any(|(name, _)| *name == "key_id") {
            self.policies(&mut record);
        }
        serde_json::to_vec(&record).ok().or(Some(b"{}".to_vec()))
    }

    fn policies(&self, record: &mut Value) {
        let decisions = record.get_mut("decisions").and_then(Value::as_array_mut).into_iter().flatten();
        for decision in decisions.filter(|decision| decision.get("stage").is_some_and(|stage| stage == "keys")) {
            if let Some(value) = decision.get_mut("policy_id") {
                self.replace("key_id", value);
            }
        }
    }

    fn replace(&self, name: &str, value: &mut Value) {
        match value {
            Value::String(text) => *text = self.pseudonym(name, text),
            Value::Object(members) => members.values_mut().for_each(|value| self.replace(name, value)),
            Value::Array(values) => values.iter_mut().for_each(|value| self.replace(name, value)),
            _ => {}
        }
    }

    fn pseudonym(&self, name: &str, text: &str) -> String {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.key) else { return "redacted".to_owned() };
        for part in [name.as_bytes(), b"\0", text.as_bytes()] {
            mac.update(part);
        }
        let digest = mac.finalize().into_bytes();
        let digits: String = digest.iter().take(SHOWN).map(|byte| format!("{byte:02x}")).collect();
        format!("{name}-{digits}")
    }
}

#[cfg(test)]
mod tests {
    use super::Redaction;
    use crate::packets::order::REDACTABLE;

    #[test]
    fn no_redacted_value_is_left() {
        let line = br#"{"id":"1","caller":{"key_id":"alice-key","owner":"alice","team":"a"},"client":{"tags":{"case":"secret-case"},"end_user":"eve"},"decisions":[{"stage":"keys","policy_id":"alice-key"},{"stage":"limits","policy_id":"l"}]}"#;
        let all = Redaction { key: [7; 32], fields: REDACTABLE.to_vec() };
        let redacted = String::from_utf8(all.line(line).unwrap()).unwrap();
        for value in ["alice", "eve", "secret-case", "\"a\""] {
            assert!(!redacted.contains(value), "{value}: {redacted}");
        }
        assert!(redacted.contains("\"policy_id\":\"l\"") && redacted.contains("\"id\":\"1\""), "{redacted}");
        let owner = |key| {
            let one = Redaction { key, fields: vec![REDACTABLE[1]] };
            serde_json::from_slice::<serde_json::Value>(&one.line(line).unwrap()).unwrap()["caller"]["owner"].clone()
        };
        assert_eq!(owner([7; 32]), owner([7; 32]));
        assert_ne!(owner([7; 32]), owner([8; 32]), "the key decides");
    }
}
