//! Words of context: they tell the kind of the value beside them.

pub(crate) mod fold;
pub(crate) mod lexicon;
pub(crate) mod starts;
pub(crate) mod topic;
pub(crate) mod vocabulary;
pub(crate) mod word_starts;
