//! The request log in columns: what filters, totals and facets read.
//!
//! A segment is 16384 records in a row. Of each column it holds a head (which values there are, and how often) and the
//! codes of the records in order. A filter looks at the head first: most segments say there that all or none match, and
//! what is left is a run over bytes. All of it is derived from the entries and can be built anew from them.

mod cells;
mod coded;
mod digest;
mod facets;
mod filter;
mod fresh;
mod gone;
mod mask;
mod past;
mod scan;
mod segment;
mod stored;

pub use cells::Column;
pub(super) use cells::{Cells, cells};
pub use facets::{FacetQuery, Facets, Spread, facets};
pub use filter::{Filter, Range};
pub(super) use filter::{Predicate, either, resolve, timed};
pub(super) use fresh::{amend as amend_fresh, copy as copy_fresh, encode as encoded, insert as insert_fresh};
pub(super) use gone::mark_gone;
pub(super) use past::{Cutoffs, past};
pub(super) use scan::{Blocks, Direction};
pub(super) use segment::{first_of, forget, look, put as put_column, seal, segment_of};
pub(super) use stored::stored;

/// Records in a segment.
pub(super) const SEGMENT: i64 = 16_384;
