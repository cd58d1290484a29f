//! Policies: the logs that a reader trusts, and the witnesses that must have cosigned a checkpoint (C2SP's tlog-policy).

use crate::{Check, Error, Note, Result, VerifyingKey, WitnessKey};
use std::collections::BTreeMap;

/// The most bytes of a policy.
const MAX_BYTES: usize = 256 << 10;
/// The most logs, witnesses or groups.
const MAX_LINES: usize = 256;
/// The name of the quorum that needs no witness.
const NONE: &str = "none";

/// A policy.
#[derive(Debug, Clone)]
pub struct TlogPolicy {
    logs: Vec<VerifyingKey>,
    witnesses: Vec<(String, WitnessKey)>,
    groups: Vec<Group>,
    quorum: String,
}

/// A group of witnesses and groups.
#[derive(Debug, Clone)]
struct Group {
    name: String,
    least: usize,
    members: Vec<String>,
}

/// The witnesses that have cosigned a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyVerdict {
    /// The witnesses of the policy that have, by their names there, with the times that they state, in seconds.
    pub cosigned: Vec<(String, u64)>,
    /// Whether they are as many as the policy demands.
    pub is_met: bool,
}

impl TlogPolicy {
    /// Returns the policy in a text.
    ///
    /// # Errors
    /// The line that is wrong, with its number, and why.
    pub fn parse(text: &str) -> std::result::Result<Self, String> {
        if text.len() > MAX_BYTES || text.contains(|c: char| c.is_ascii_control() && c != '\n' && c != '\t') {
            return Err("a policy is a text of at most 256 KiB without control characters".to_owned());
        }
        let mut draft = PolicyDraft::default();
        for (number, line) in text.split('\n').enumerate() {
            let words: Vec<_> = line.split([' ', '\t']).filter(|word| !word.is_empty()).collect();
            if words.first().is_some_and(|word| !word.starts_with('#')) {
                draft.take(&words).map_err(|why| format!("line {}: {why}", number.saturating_add(1)))?;
            }
        }
        let quorum = draft.quorum.ok_or("there is no line `quorum NAME`; write one, or `quorum none`")?;
        Ok(Self { logs: draft.logs, witnesses: draft.witnesses, groups: draft.groups, quorum })
    }

    /// Returns the keys of the logs.
    #[must_use]
    pub fn logs(&self) -> &[VerifyingKey] {
        &self.logs
    }

    /// Returns the keys of collectors: a log's key without the last part of its name, which is `requests` or `audit`.
    #[must_use]
    pub fn collectors(&self) -> Vec<VerifyingKey> {
        let base = |key: &VerifyingKey| {
            let name = key.name();
            let name = ["/requests", "/audit"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
            key.renamed(name).ok()
        };
        self.logs.iter().filter_map(base).collect()
    }

    /// Returns whether a checkpoint needs no cosignature.
    #[must_use]
    pub fn needs_no_witness(&self) -> bool {
        self.quorum == NONE
    }

    /// Returns the check of a checkpoint's cosignatures, under this name.
    #[must_use]
    pub fn check(&self, of: &str, note: &str) -> Check {
        let verdict = match Note::parse(note).and_then(|note| self.judge(&note)) {
            Ok(verdict) => verdict,
            Err(Error::Contradicted(why)) => return Check::contradicted(of, why),
            Err(error) => return Check::unknown(of, error.to_string()),
        };
        let names: Vec<_> =
            verdict.cosigned.iter().map(|(name, time)| format!("{name} at {time} s since 1970")).collect();
        let by = if names.is_empty() { "none of the policy's witnesses".to_owned() } else { names.join(", ") };
        if self.needs_no_witness() {
            Check::holds(of, format!("the policy demands no witness; confirmed by {by}"))
        } else if verdict.is_met {
            Check::holds(of, format!("confirmed by {by}, as the policy demands"))
        } else {
            Check::unknown(of, format!("confirmed by {by}; the policy demands more"))
        }
    }

    /// Judges the cosignatures of a checkpoint.
    ///
    /// # Errors
    /// A cosignature of one of the witnesses does not fit the checkpoint.
    pub fn judge(&self, checkpoint: &Note) -> Result<PolicyVerdict> {
        let (mut cosigned, mut has) = (Vec::new(), BTreeMap::new());
        for (name, key) in &self.witnesses {
            match key.verify(&checkpoint.text, &checkpoint.signatures) {
                Ok(cosignature) => {
                    cosigned.push((name.clone(), cosignature.time));
                    has.insert(name.as_str(), true);
                }
                Err(Error::Unsigned) => {}
                Err(error) => return Err(error),
            }
        }
        // A group has members that stand before it.
        for Group { name, least, members } in &self.groups {
            let count = members.iter().filter(|member| has.get(member.as_str()) == Some(&true)).count();
            has.insert(name, count >= *least);
        }
        let is_met = self.needs_no_witness() || has.get(self.quorum.as_str()) == Some(&true);
        Ok(PolicyVerdict { cosigned, is_met })
    }
}

fn undefined(name: &str) -> String {
    format!("no line before defines `{}`; define it in a line before with `witness` or `group`", name.escape_debug())
}

/// The lines that have been read so far.
#[derive(Default)]
struct PolicyDraft {
    logs: Vec<VerifyingKey>,
    witnesses: Vec<(String, WitnessKey)>,
    groups: Vec<Group>,
    quorum: Option<String>,
    /// Names, and whether each is a member of a group already.
    names: BTreeMap<String, bool>,
}

impl PolicyDraft {
    fn take(&mut self, words: &[&str]) -> std::result::Result<(), String> {
        if self.names.len().saturating_add(self.logs.len()) > MAX_LINES {
            return Err(format!("there are more than {MAX_LINES} logs, witnesses and groups"));
        }
        match words {
            ["log", key] | ["log", key, _] => self.log(key),
            ["witness", name, key] | ["witness", name, key, _] => self.witness(name, key),
            ["group", name, least, members @ ..] if !members.is_empty() => self.group(name, least, members),
            ["quorum", name] => self.quorum(name),
            _ => Err("it must be `log VKEY [URL]`, `witness NAME VKEY [URL]`, `group NAME all|any|K MEMBER…` or \
                      `quorum NAME|none`"
                .to_owned()),
        }
    }

    fn log(&mut self, key: &str) -> std::result::Result<(), String> {
        let key = VerifyingKey::parse(key).map_err(|e| e.to_string())?;
        if self.logs.iter().any(|other| other.is_same_key(&key)) {
            return Err("this key stands in an earlier line; remove one of the two".to_owned());
        }
        self.logs.push(key);
        Ok(())
    }

    fn witness(&mut self, name: &str, key: &str) -> std::result::Result<(), String> {
        let key = WitnessKey::parse(key).map_err(|e| e.to_string())?;
        if self.witnesses.iter().any(|(_, other)| other.is_same_key(&key)) {
            return Err("this key stands in an earlier line; remove one of the two".to_owned());
        }
        self.name(name)?;
        self.witnesses.push((name.to_owned(), key));
        Ok(())
    }

    fn group(&mut self, name: &str, least: &str, members: &[&str]) -> std::result::Result<(), String> {
        for member in members {
            match self.names.get_mut(*member) {
                Some(is_member) if !*is_member => *is_member = true,
                Some(_) => {
                    return Err(format!("`{}` is a member of a group already; name it once", member.escape_debug()));
                }
                None => return Err(undefined(member)),
            }
        }
        let least = match least {
            "all" => members.len(),
            "any" => 1,
            number => number.parse().ok().filter(|least| (1..=members.len()).contains(least)).ok_or_else(|| {
                format!("a group of {} needs `all`, `any` or a number from 1 to {}", members.len(), members.len())
            })?,
        };
        self.name(name)?;
        let members = members.iter().map(|member| (*member).to_owned()).collect();
        self.groups.push(Group { name: name.to_owned(), least, members });
        Ok(())
    }

    fn quorum(&mut self, name: &str) -> std::result::Result<(), String> {
        if self.quorum.is_some() {
            return Err("there is a second line `quorum`; remove one of the two".to_owned());
        }
        if name != NONE && !self.names.contains_key(name) {
            return Err(undefined(name));
        }
        self.quorum = Some(name.to_owned());
        Ok(())
    }

    fn name(&mut self, name: &str) -> std::result::Result<(), String> {
        if name == NONE || self.names.contains_key(name) {
            return Err(format!("the name `{}` is taken; choose another", name.escape_debug()));
        }
        self.names.insert(name.to_owned(), false);
        Ok(())
    }
}
