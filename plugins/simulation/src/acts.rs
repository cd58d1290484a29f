//! The providers' part: which act answers a try.

use crate::case::{CheckAct, ProviderAct};
use std::collections::BTreeMap;

/// An answer that every kind of external check takes for "nothing is wrong".
const CLEAN: &str = r#"{"verdict":"allow","results":[{"flagged":false}]}"#;

/// The acts of the providers, and how tries are matched with them.
#[derive(Debug, Clone, Copy)]
pub enum Acts<'a> {
    /// In order: each is of the try that must go to its provider, and none may be left.
    InOrder(&'a [ProviderAct]),
    /// In order, whoever is tried; a try without an act is answered with `{}`, and acts may be left.
    Any(&'a [ProviderAct]),
    /// By name: a provider plays its own acts in turn, and repeats the last one. Without an act it is answered with `{}`.
    ByProvider(&'a [ProviderAct]),
}

/// The acts that are still to be played.
#[derive(Debug)]
pub(crate) struct Script<'a> {
    acts: Acts<'a>,
    played: usize,
    by_provider: BTreeMap<String, usize>,
    noted: Option<String>,
}

impl<'a> Script<'a> {
    pub(crate) fn new(acts: Acts<'a>) -> Self {
        Self { acts, played: 0, by_provider: BTreeMap::new(), noted: None }
    }

    pub(crate) fn is_strict(&self) -> bool {
        matches!(self.acts, Acts::InOrder(_))
    }

    /// Returns the act of a try at this route.
    pub(crate) fn next(&mut self, route: &str) -> Result<ProviderAct, String> {
        let here = route.trim_end_matches("#fresh");
        let at = self.played;
        self.played = self.played.saturating_add(1);
        let default = || ProviderAct::answers(route, "{}");
        match self.acts {
            Acts::InOrder(acts) => {
                let act = acts
                    .get(at)
                    .ok_or_else(|| format!("try {} went to `{route}`, and the case has no act for it", at + 1))?;
                match act.provider == route {
                    true => Ok(act.clone()),
                    false => Err(format!("try {} went to `{route}`, and the case expects `{}`", at + 1, act.provider)),
                }
            }
            Acts::Any(acts) => Ok(acts.get(at).cloned().unwrap_or_else(default)),
            Acts::ByProvider(acts) => {
                let turn = self.by_provider.entry(here.to_owned()).or_default();
                let own = || acts.iter().filter(|act| act.provider == here);
                let act = own().nth(*turn).or_else(|| own().next_back()).cloned();
                *turn = turn.saturating_add(1);
                Ok(ProviderAct { provider: route.to_owned(), ..act.unwrap_or_else(default) })
            }
        }
    }

    /// Says which acts are left that should have been played.
    pub(crate) fn left(&self) -> Option<String> {
        match self.acts {
            Acts::InOrder(acts) if acts.len() > self.played => {
                Some(format!("the case has {} acts of providers, and {} tries were made", acts.len(), self.played))
            }
            _ => self.noted.clone(),
        }
    }

    /// Notes that something else does not fit.
    pub(crate) fn note(&mut self, text: String) {
        self.noted = Some(text);
    }

    /// Notes that the first act is played by somebody else.
    pub(crate) fn skip(&mut self) {
        self.played = self.played.saturating_add(1);
    }
}

/// Returns the answer of a check for which there is no act.
pub(crate) fn clean_check() -> CheckAct {
    CheckAct { fails: None, status: 200, body: CLEAN.to_owned() }
}
