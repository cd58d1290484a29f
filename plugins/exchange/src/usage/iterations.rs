//! `usage.iterations` of a message: what each sampling behind one answer used.
//!
//! The counts beside the list leave out what compactions and advisors took, and those may be other models with other
//! prices. So the list is added up by model. A later list that holds less takes nothing back.

use super::counts::{Counts, Kind, Tokens};

/// Models that are told apart; those beyond are one.
const MAX_MODELS: usize = 8;
/// The name of all models beyond.
const BEYOND: &str = "other";

/// What one model used.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ModelTokens {
    /// The provider's name; none for the model that answers.
    pub model: Option<String>,
    /// What it used.
    pub tokens: Tokens,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Iterations {
    /// The fullest list that was told.
    told: Vec<ModelTokens>,
    /// The list that is being read.
    under_way: Vec<ModelTokens>,
    open: Option<Counts>,
    model: Option<String>,
}

impl Iterations {
    /// A list begins.
    pub(super) fn begin(&mut self) {
        self.under_way.clear();
    }

    /// An iteration begins.
    pub(super) fn open(&mut self) {
        self.open = Some(Counts::of(Kind::Message));
        self.model = None;
    }

    /// Whose counts come now, if an iteration's.
    pub(super) fn open_counts(&mut self) -> Option<&mut Counts> {
        self.open.as_mut()
    }

    pub(super) fn name(&mut self, model: Option<&str>) {
        self.model = model.map(str::to_owned);
    }

    /// An iteration ends.
    pub(super) fn close(&mut self) {
        let tokens = self.open.take().and_then(|counts| counts.tokens(0)).unwrap_or_default();
        let mut model = self.model.take();
        let known = self.under_way.iter().any(|one| one.model == model);
        if !known && self.under_way.len() >= MAX_MODELS {
            model = Some(BEYOND.to_owned());
        }
        match self.under_way.iter_mut().find(|one| one.model == model) {
            Some(one) => one.tokens = one.tokens.plus(tokens),
            None => self.under_way.push(ModelTokens { model, tokens }),
        }
    }

    /// The list ends.
    pub(super) fn end(&mut self) {
        let size = |list: &[ModelTokens]| sum(list).map_or(0, |all| all.input.saturating_add(all.output));
        if size(&self.under_way) >= size(&self.told) {
            std::mem::swap(&mut self.told, &mut self.under_way);
        }
    }

    /// All of them together.
    pub(super) fn sum(&self) -> Option<Tokens> {
        sum(&self.told)
    }

    /// Those of other models than `own`.
    pub(super) fn of_others(&self, own: Option<&str>) -> Vec<ModelTokens> {
        let other = |one: &&ModelTokens| one.model.is_some() && one.model.as_deref() != own;
        self.told.iter().filter(other).cloned().collect()
    }
}

fn sum(list: &[ModelTokens]) -> Option<Tokens> {
    list.iter().map(|one| one.tokens).reduce(Tokens::plus)
}
