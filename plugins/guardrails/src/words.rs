//! Words that tell what stands beside them.

pub(crate) mod fold;
pub(crate) mod lexicon;
pub(crate) mod topic;
pub(crate) mod vocabulary;
