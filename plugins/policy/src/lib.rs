//! placeholder
pub mod document;
