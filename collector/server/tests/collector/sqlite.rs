//! Tests of SQLite's own file and of its folder. `just contract` leaves them out.

pub(crate) mod backup;
pub(crate) mod damage;
pub(crate) mod documented;
pub(crate) mod faults;
pub(crate) mod packets;
pub(crate) mod recovery;
pub(crate) mod scrub;
pub(crate) mod settings;
pub(crate) mod surgery;
pub(crate) mod trees;
pub(crate) mod upgrade;
