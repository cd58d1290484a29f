//! The guardrails of a policy, loaded, and what one exchange does with them.
//!
//! All detectors of all guardrails are compiled into one guard, once per configuration, so that a text is looked
//! through once however many guardrails there are. Which of them apply is a set of bits per exchange and direction.

mod answer;
mod external;
mod placeholders;
mod request;
mod tally;

pub(crate) use answer::AnswerGuard;
pub(crate) use external::{Answered, External, Question};
pub(crate) use placeholders::Placeholders;
pub(crate) use request::{Checked, MAX_FINDINGS, check_request};
pub(crate) use tally::{Tally, verdict};

use crate::call::Call;
use crate::document::{self, Action};
use headgate_guardrails::{Guard, Policies};
use headgate_record::Direction;
use wildmatch::WildMatch;

/// Most bytes that are put back at a time.
pub(crate) const MAX_CHANGED_BYTES: usize = 32 << 20;

/// All guardrails of a policy.
#[derive(Debug)]
pub(crate) struct Rails {
    pub(crate) guard: Guard,
    pub(crate) list: Vec<Rail>,
}

/// One guardrail.
#[derive(Debug)]
pub(crate) struct Rail {
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

/// What a request may have.
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

/// The guardrails that apply to one exchange.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Applying {
    pub(crate) request: Policies,
    pub(crate) answer: Policies,
}

impl Rails {
    /// Compiles them; `read` gives the value of an environment variable. `Err` is the id of the guardrail that cannot be.
    pub(crate) fn load(
        guardrails: &[document::Guardrail],
        mut read: impl FnMut(&str) -> Option<String>,
    ) -> Result<Self, String> {
        let specs: Vec<_> = guardrails.iter().map(|one| one.detect.clone()).collect();
        let guard = Guard::compile(&specs)
            .map_err(|invalid| specs.get(invalid.spec).map(|spec| spec.policy.clone()).unwrap_or_default())?;
        Ok(Self { guard, list: guardrails.iter().map(|one| rail(one, &mut read)).collect() })
    }

    pub(crate) fn applying(&self, call: &Call) -> Applying {
        let mut applying = Applying::default();
        for (index, rail) in self.list.iter().enumerate().filter(|(_, rail)| rail.only.holds(call)) {
            if rail.on_request {
                applying.request.insert(index);
            }
            if rail.on_response {
                applying.answer.insert(index);
            }
        }
        applying
    }

    pub(crate) fn get(&self, index: u8) -> Option<&Rail> {
        self.list.get(usize::from(index))
    }

    pub(crate) fn id(&self, index: u8) -> String {
        self.get(index).map(|rail| rail.id.clone()).unwrap_or_default()
    }

    /// The first of these that could stop something or change it.
    pub(crate) fn first_that_acts(&self, set: Policies) -> Option<u8> {
        set.iter().find(|index| self.get(*index).is_some_and(|rail| rail.action != Action::Monitor))
    }
}

fn rail(one: &document::Guardrail, read: &mut impl FnMut(&str) -> Option<String>) -> Rail {
    let globs = |list: &[String]| list.iter().map(|glob| WildMatch::new(glob)).collect::<Vec<_>>();
    Rail {
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
    fn holds(&self, call: &Call) -> bool {
        use headgate_routing::Facts;
        let any = |globs: &[WildMatch], text: &str| globs.is_empty() || globs.iter().any(|glob| glob.matches(text));
        let is_one_of = |list: &[String], word: Option<&str>| {
            list.is_empty() || word.is_some_and(|word| list.iter().any(|one| one == word))
        };
        any(&self.keys, call.key_id())
            && any(&self.models, call.alias().map_or("", |alias| alias.name.as_str()))
            && is_one_of(&self.teams, call.team())
            && is_one_of(&self.surfaces, call.surface.map(headgate_exchange::Surface::as_str))
    }
}

impl Rail {
    /// Whether it has to read what is said.
    pub(crate) fn looks_at_text(&self) -> bool {
        self.looks_at_text || self.external.is_some()
    }
}

impl Limits {
    /// Whether a request may offer or call this tool. One that has no name, or that a server brings which says by itself
    /// what it does, has to be allowed: a list of what is denied says nothing of it.
    pub(crate) fn allows_tool(&self, name: &str) -> bool {
        let matches = |globs: &[WildMatch]| globs.iter().any(|glob| glob.matches(name));
        let unknown = name.is_empty() || name.starts_with("mcp:");
        if unknown && self.tools_allow.is_none() && !self.tools_deny.is_empty() {
            return false;
        }
        !matches(&self.tools_deny) && self.tools_allow.as_deref().is_none_or(matches)
    }
}

impl Sighting {
    /// Whether the guardrail refuses for this whatever its action is: it cannot do what it should.
    pub(crate) fn refuses(&self) -> bool {
        matches!(self.kind, request::TOO_MANY | request::TOKEN_IDS)
    }
}

/// How many of what kind one guardrail found, and which way it looked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sighting {
    pub(crate) rail: u8,
    pub(crate) kind: &'static str,
    pub(crate) direction: Direction,
}
