//! The guardrails of a policy, loaded, and the set that applies to one exchange.
//!
//! All detectors of all guardrails are compiled into one guard, once per configuration, so that a text is looked
//! through once however many guardrails there are. Which of them apply is a set of bits per exchange and direction.

mod answer;
mod external;
mod findings;
mod placeholders;
mod request;
mod tally;

pub(crate) use answer::AnswerGuard;
pub(crate) use external::{Answered, External, Question};
pub use findings::RequestFinding;
pub(crate) use findings::request_findings;
pub(crate) use placeholders::Placeholders;
pub(crate) use request::{Checked, MAX_FINDINGS, check_request};
pub(crate) use tally::{Tally, verdict};

use crate::document::{self, Action};
use headgate_exchange::Surface;
use headgate_guardrails::{Guard, Policies};
use headgate_record::Direction;
use wildmatch::WildMatch;

/// Most bytes that are put back at a time.
pub(crate) const MAX_CHANGED_BYTES: usize = 32 << 20;

/// All guardrails of a policy.
#[derive(Debug)]
pub(crate) struct Guardrails {
    pub(crate) guard: Guard,
    pub(crate) list: Vec<CompiledGuardrail>,
    /// Whether one of them looks at requests.
    pub(crate) look_at_requests: bool,
}

/// One guardrail.
#[derive(Debug)]
pub(crate) struct CompiledGuardrail {
    pub(crate) id: String,
    pub(crate) action: Action,
    pub(crate) restore: bool,
    pub(crate) limits: Limits,
    pub(crate) external: Option<External>,
    on_request: bool,
    on_response: bool,
    looks_at_text: bool,
    only: Only,
}

/// Bounds of a request.
#[derive(Debug)]
pub(crate) struct Limits {
    pub(crate) input_bytes: Option<u64>,
    pub(crate) attachments: Option<u32>,
    pub(crate) tools_allow: Option<Vec<WildMatch>>,
    pub(crate) tools_deny: Vec<WildMatch>,
}

#[derive(Debug)]
struct Only {
    keys: Vec<WildMatch>,
    teams: Vec<String>,
    models: Vec<WildMatch>,
    surfaces: Vec<String>,
}

/// The facts of a request that `match` of a guardrail compares.
#[derive(Debug, Clone, Copy)]
pub(crate) struct GuardedRequest<'a> {
    pub(crate) key_id: &'a str,
    pub(crate) team: Option<&'a str>,
    /// The alias.
    pub(crate) model: &'a str,
    pub(crate) surface: Option<Surface>,
}

/// The guardrails that apply to one exchange.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Applying {
    pub(crate) request: Policies,
    pub(crate) answer: Policies,
}

impl Guardrails {
    /// Compiles them; `read` gives the value of an environment variable. `Err` is the id of the guardrail that cannot be.
    pub(crate) fn load(
        guardrails: &[document::Guardrail],
        mut read: impl FnMut(&str) -> Option<String>,
    ) -> Result<Self, String> {
        let specs: Vec<_> = guardrails.iter().map(|one| one.detect.clone()).collect();
        let guard = Guard::compile(&specs)
            .map_err(|invalid| specs.get(invalid.spec).map(|spec| spec.policy.clone()).unwrap_or_default())?;
        let list: Vec<_> = guardrails.iter().map(|one| guardrail(one, &mut read)).collect();
        let look_at_requests = list.iter().any(|guardrail| guardrail.on_request);
        Ok(Self { guard, list, look_at_requests })
    }

    pub(crate) fn applying(&self, request: &GuardedRequest<'_>) -> Applying {
        let mut applying = Applying::default();
        for (index, guardrail) in self.list.iter().enumerate().filter(|(_, guardrail)| guardrail.only.holds(request)) {
            if guardrail.on_request {
                applying.request.insert(index);
            }
            if guardrail.on_response {
                applying.answer.insert(index);
            }
        }
        applying
    }

    pub(crate) fn get(&self, index: u8) -> Option<&CompiledGuardrail> {
        self.list.get(usize::from(index))
    }

    pub(crate) fn id(&self, index: u8) -> String {
        self.get(index).map(|guardrail| guardrail.id.clone()).unwrap_or_default()
    }

    /// The first of these that could stop something or change it.
    pub(crate) fn first_that_acts(&self, set: Policies) -> Option<u8> {
        set.iter().find(|index| self.get(*index).is_some_and(|guardrail| guardrail.action != Action::Monitor))
    }
}

fn guardrail(one: &document::Guardrail, read: &mut impl FnMut(&str) -> Option<String>) -> CompiledGuardrail {
    let globs = |list: &[String]| list.iter().map(|glob| WildMatch::new(glob)).collect::<Vec<_>>();
    CompiledGuardrail {
        id: one.detect.policy.clone(),
        action: one.detect.action,
        restore: one.restore,
        limits: Limits {
            input_bytes: one.limits.input_bytes,
            attachments: one.limits.attachments,
            tools_allow: one.limits.tools_allow.as_deref().map(globs),
            tools_deny: globs(&one.limits.tools_deny),
        },
        external: one.external.as_ref().map(|check| External::new(check, &mut *read)),
        looks_at_text: one.detect.looks_for_something(),
        on_request: one.on_request,
        on_response: one.on_response,
        only: Only {
            keys: globs(&one.only.keys),
            teams: one.only.teams.clone(),
            models: globs(&one.only.models),
            surfaces: one.only.surfaces.clone(),
        },
    }
}

impl Only {
    fn holds(&self, request: &GuardedRequest<'_>) -> bool {
        let any = |globs: &[WildMatch], text: &str| globs.is_empty() || globs.iter().any(|glob| glob.matches(text));
        let is_one_of = |list: &[String], word: Option<&str>| {
            list.is_empty() || word.is_some_and(|word| list.iter().any(|one| one == word))
        };
        any(&self.keys, request.key_id)
            && any(&self.models, request.model)
            && is_one_of(&self.teams, request.team)
            && is_one_of(&self.surfaces, request.surface.map(Surface::as_str))
    }
}

impl CompiledGuardrail {
    /// Whether it has to read text.
    pub(crate) fn looks_at_text(&self) -> bool {
        self.looks_at_text || self.external.is_some()
    }
}

impl Limits {
    /// Whether a request may offer or call this tool. A tool without a name, and an MCP server, which lists
    /// its tools itself, has to be allowed explicitly: a list of denied tools cannot cover it.
    pub(crate) fn allows_tool(&self, name: &str) -> bool {
        let matches = |globs: &[WildMatch]| globs.iter().any(|glob| glob.matches(name));
        let unknown = name.is_empty() || name.starts_with("mcp:");
        if unknown && self.tools_allow.is_none() && !self.tools_deny.is_empty() {
            return false;
        }
        !matches(&self.tools_deny) && self.tools_allow.as_deref().is_none_or(matches)
    }
}

impl FindingKey {
    /// Whether the guardrail rejects for this whatever its action is, because it cannot do its work.
    pub(crate) fn refuses(&self) -> bool {
        matches!(self.kind, request::TOO_MANY | request::TOKEN_IDS)
    }
}

/// The kind of a finding, its guardrail and its direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FindingKey {
    pub(crate) guardrail: u8,
    pub(crate) kind: &'static str,
    pub(crate) direction: Direction,
}
