//! The request log in columns, which filters, totals and facets read.
//!
//! A segment is 16,384 consecutive records. For each column it holds a head (the values and their counts) and the codes of
//! the records in order. A filter reads the head first, which for most segments shows that all records match or none does.
//! Otherwise it scans the codes. All columns are derived from the entries and can be rebuilt from them.

mod by_value;
mod deleted;
pub mod dictionary;
mod digest;
mod encoding;
mod expired;
mod facets;
mod filter;
mod histogram;
pub mod identity;
mod mask;
mod open_segment;
mod position;
mod row_values;
mod scan;
mod segment;
mod segments;
mod selected;
mod stored_rows;
mod survey;
pub mod varint;
mod view;

pub use by_value::{ByValue, ByValueQuery, by_value};
pub use deleted::mark_deleted;
pub use expired::{Cutoffs, ExpiredRecords, find_expired};
pub use facets::{Facet, FacetQuery, Facets};
pub use filter::{Filter, Predicate, Range, in_either, resolve, with_time_range};
pub use histogram::{Histogram, HistogramQuery, MAX_BARS, Sums};
pub use open_segment::{encode_row, insert_record, insert_row, insert_rows, update_row};
pub use position::{Direction, SEGMENT, first_of, segment_of};
pub use row_values::{Column, RecordValues, RowValues, prefetch, row_values};
pub use scan::Scan;
pub use segment::{delete_segment, seal, verify_segment, write_column};
pub use stored_rows::stored_rows;
pub use survey::{Survey, SurveyQuery, facets, histogram, survey};
