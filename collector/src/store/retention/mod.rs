//! Retention in the store: rules, holds, and deleting what is past its time in small steps.
//!
//! An entry's time begins when the collector received it. The sender's clock may be a year off: by it, a record would be kept
//! for ever or be gone at once.
//!
//! # What a deletion leaves
//! Positions are never given again (`log_heads`). A sealed segment knows which of its records are gone, a fresh record is just
//! not there; see `store/columns/`. The number of a deleted record is still accounted for at its boot, so it is neither
//! missing nor taken a second time; see `store/gaps/`. Its hash stays for proofs; see `leaves`. SQLite uses the freed pages for
//! what comes next: the file stops growing, and does not shrink.

mod choose;
mod days;
mod delete;
mod forget;
mod holds;
mod leaves;
mod run;
mod settings;

pub use choose::{Choice, Expired, Reached, Stamp, choose, covered, expired};
pub use days::{drop_day, empty_days};
pub use delete::delete;
pub use forget::{Forgotten, forget, forgotten};
pub use holds::{Hold, holds, place_hold, release_hold};
pub(in crate::store) use leaves::gone;
pub use run::finish_run;
pub use settings::{Settings, retention, set_retention};
