//! An entry's members and vocabularies. The order of declaration is the order in the canonical bytes.

use crate::clock;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Version of the entry's shape and of its canonical form.
pub const SCHEMA: u8 = 1;

/// One entry of the audit log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Version of this shape: [`SCHEMA`].
    #[serde(default = "this_schema")]
    pub schema: u8,
    /// UUIDv7. An entry that is sent again under its id is stored once. Given by the collector if empty.
    #[serde(default)]
    pub id: String,
    /// Machine-readable reason of an outcome that is no success, such as `role_not_allowed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The event: `key.created`, `token.revoked`, `requests.searched` …
    #[serde(rename = "type")]
    pub kind: String,
    /// When, µs since the Unix epoch.
    pub time: u64,
    /// The actor.
    pub actor: Actor,
    /// The operation.
    pub operation: Operation,
    /// The changed or read resource.
    pub resource: Resource,
    /// The changes, by path.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<Change>,
    /// Id of the request that did it, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// The reason for it, as the actor states it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub justification: Option<Justification>,
    /// Number of the policy revision that it belongs to, where there is one. Given by the collector alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<u64>,
    /// Number of entries that this one stands for, if several were folded into it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    /// The outcome.
    pub outcome: Outcome,
    /// The system that tells: `collector`, or another one's name.
    pub source: String,
    /// Of another system's entry, the token that delivered it. Given by the collector alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivered_by: Option<Deliverer>,
}

/// The token that delivered an entry of another system.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Deliverer {
    /// The token's id.
    pub id: String,
    /// The purpose of the token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The network address it came from, without the port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
}

const fn this_schema() -> u8 {
    SCHEMA
}

impl Entry {
    /// Returns a successful entry of the collector itself, with the current time.
    #[must_use]
    pub fn new(kind: &str, operation: Operation, mut actor: Actor, resource: Resource) -> Self {
        let justification = actor.justification.take();
        Self {
            schema: SCHEMA,
            id: String::new(),
            code: None,
            kind: kind.to_owned(),
            time: u64::try_from(clock::now_us()).unwrap_or(0),
            actor,
            operation,
            resource,
            changes: Vec::new(),
            request_id: None,
            justification,
            revision: None,
            count: None,
            outcome: Outcome::Success,
            source: super::SOURCE.to_owned(),
            delivered_by: None,
        }
    }

    /// Returns the entry with these changes; see [`super::diff`].
    #[must_use]
    pub fn with_changes(mut self, changes: Vec<Change>) -> Self {
        self.changes = changes;
        self
    }
}

/// The actor of an entry.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Actor {
    /// A token's id, a key's id, a user's name: the id in its own system.
    pub id: String,
    /// The kind of actor.
    pub kind: ActorKind,
    /// The name of the actor, where the id is none: a token's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its network address, without the port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// The `User-Agent` it sent, cut at 256 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
    /// The reason that it states; [`Entry::new`] moves it into the entry.
    #[serde(skip)]
    pub justification: Option<Justification>,
}

/// The reason for a change, as the actor states it: nothing of it is verified.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Justification {
    /// The reason in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The ticket or change request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<String>,
    /// The person who approved it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approved_by: Option<String>,
}

impl Justification {
    /// The fields of a page's form that state the reason, the ticket and the approval.
    pub const FIELDS: [&str; 3] = ["change_reason", "change_ticket", "change_approved_by"];
    /// The longest text of a member, characters.
    pub const MAX_CHARS: usize = 256;

    /// Returns the justification of these texts, none of which is longer than that or has control characters; `None` if there are
    /// none.
    ///
    /// # Errors
    /// The place of the member that is out of bounds.
    pub fn of(
        reason: Option<String>,
        ticket: Option<String>,
        approved_by: Option<String>,
    ) -> Result<Option<Self>, usize> {
        let members = [&reason, &ticket, &approved_by];
        let is_wrong = |text: &String| text.chars().count() > Self::MAX_CHARS || text.chars().any(char::is_control);
        if let Some(place) = members.iter().position(|text| text.as_ref().is_some_and(is_wrong)) {
            return Err(place);
        }
        let full = |text: Option<String>| text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
        let one = Self { reason: full(reason), ticket: full(ticket), approved_by: full(approved_by) };
        Ok(Some(one).filter(|one| *one != Self::default()))
    }

    /// Returns the texts, to change them.
    pub fn texts_mut(&mut self) -> impl Iterator<Item = &mut String> {
        [&mut self.reason, &mut self.ticket, &mut self.approved_by].into_iter().flatten()
    }
}

impl Actor {
    /// Returns the actor of the command on the collector's own machine.
    #[must_use]
    pub fn command() -> Self {
        Self { id: "command".to_owned(), kind: ActorKind::Command, ..Self::default() }
    }

    /// Returns the collector itself as the actor, such as for deletions by retention.
    #[must_use]
    pub fn system() -> Self {
        Self { id: super::SOURCE.to_owned(), kind: ActorKind::System, ..Self::default() }
    }
}

/// The kind of an actor.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ActorKind {
    /// The holder of a collector's token.
    #[default]
    Token,
    /// A person whom the collector's identity provider knows, by issuer and subject.
    Person,
    /// A user known to another system.
    User,
    /// A service account known to another system.
    Service,
    /// The command on the collector's machine.
    Command,
    /// The system itself.
    System,
}

/// An operation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// Made.
    Create,
    /// Changed.
    Update,
    /// Removed.
    Delete,
    /// One thing was looked at.
    #[default]
    Read,
    /// A log was searched.
    Search,
    /// Many things were taken out at once.
    Export,
    /// Something was let in or used.
    Access,
    /// Anything else; the type tells.
    Other,
}

/// The resource of an entry.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Resource {
    /// `token`, `key`, `budget`, `policy`, `request` …
    pub kind: String,
    /// Its id.
    pub id: String,
    /// Its name, where that differs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

impl Resource {
    /// Returns a resource that has no name beside its id.
    #[must_use]
    pub fn new(kind: &str, id: impl Into<String>) -> Self {
        Self { kind: kind.to_owned(), id: id.into(), name: None }
    }

    /// Returns the resource with a name.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }
}

/// One member that is different now.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// Names and list places joined by dots: `models.chat.targets.0.weight`; empty for the whole.
    pub path: String,
    /// The value before; absent if there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    /// The value after; absent if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
}

/// The outcome.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Done.
    #[default]
    Success,
    /// Tried and failed.
    Failure,
    /// Not allowed.
    Denied,
}

impl Outcome {
    /// Every outcome.
    pub const ALL: [Self; 3] = [Self::Success, Self::Failure, Self::Denied];

    /// Returns the outcome's word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failure => "failure",
            Self::Denied => "denied",
        }
    }
}
