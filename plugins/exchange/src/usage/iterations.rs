//! `usage.iterations` of a message: the usage of each sampling behind one answer.
//!
//! The counts beside the list exclude compactions and advisors, which may be other models with other prices. So the list
//! is added up by model. A later list with lower counts is ignored.

use super::counts::{Counts, Kind, Tokens};

/// Number of models that are counted separately; the others count as one.
const MAX_MODELS: usize = 8;
/// The name of all other models.
const BEYOND: &str = "other";

/// The usage of one model.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ModelTokens {
    /// The provider's name for it; none for the model that answers.
    pub model: Option<String>,
    /// Its usage.
    pub tokens: Tokens,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Iterations {
    /// The largest list so far.
    told: Vec<ModelTokens>,
    /// The list that is being read.
    under_way: Vec<ModelTokens>,
    open: Option<Counts>,
    model: Option<String>,
    /// One of them has a count that is none, or a part that is larger than its whole.
    pub(super) flawed: bool,
}

impl Iterations {
    /// Starts a list.
    pub(super) fn begin(&mut self) {
        self.under_way.clear();
    }

    /// Starts an iteration.
    pub(super) fn open(&mut self) {
        self.open = Some(Counts::of(Kind::Message));
        self.model = None;
    }

    /// Returns the counts of the open iteration, if there is one.
    pub(super) fn open_counts(&mut self) -> Option<&mut Counts> {
        self.open.as_mut()
    }

    pub(super) fn name(&mut self, model: Option<&str>) {
        self.model = model.map(str::to_owned);
    }

    /// Ends an iteration.
    pub(super) fn close(&mut self) {
        let counts = self.open.take();
        self.flawed |= counts.is_some_and(|counts| counts.is_flawed(0));
        let tokens = counts.and_then(|counts| counts.tokens(0)).unwrap_or_default();
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

    /// Ends the list.
    pub(super) fn end(&mut self) {
        let size = |list: &[ModelTokens]| sum(list).map_or(0, |all| all.input.saturating_add(all.output));
        if size(&self.under_way) >= size(&self.told) {
            std::mem::swap(&mut self.told, &mut self.under_way);
        }
    }

    /// Returns the sum of all models.
    pub(super) fn sum(&self) -> Option<Tokens> {
        sum(&self.told)
    }

    /// Returns the usage of other models than `own`.
    pub(super) fn of_others(&self, own: Option<&str>) -> Vec<ModelTokens> {
        let other = |one: &&ModelTokens| one.model.is_some() && one.model.as_deref() != own;
        self.told.iter().filter(other).cloned().collect()
    }
}

fn sum(list: &[ModelTokens]) -> Option<Tokens> {
    list.iter().map(|one| one.tokens).reduce(Tokens::plus)
}
