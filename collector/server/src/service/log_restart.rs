//! `log restart`: begins both logs anew under another name.

use super::log_key::print_log_keys;
use super::{cannot_open, operator, print_line};
use crate::args::StoreArgs;
use headgate_collector_db::Db;
use headgate_collector_store::{self as store, KeyRefusal};
use headgate_collector_tree::VerifyingKey;
use headgate_collector_types::clock;
use headgate_collector_types::validate::is_name;

/// Runs `log restart`.
pub(super) fn run(place: &StoreArgs, reason: &str, key: Option<&VerifyingKey>) -> Result<(), String> {
    if !is_name(reason) {
        return Err(
            "--reason takes 1 to 200 visible characters, such as \"restored the backup of 2026-10-01\"".to_owned()
        );
    }
    let mut db = existing(place)?;
    let restarting = store::change(&mut db, |tx| store::restart_logs(tx, key, reason, operator(), clock::now_us()));
    let public = restarting.map_err(|e| e.to_string())?.map_err(refused)?;
    print_line(&format!("public_key={public}"))?;
    print_log_keys(&public)
}

pub(super) fn existing(place: &StoreArgs) -> Result<Db, String> {
    let location = place.location()?;
    if !location.exists() {
        return Err(format!("there is no database in {location}; check --data"));
    }
    store::open_writer(&location).map_err(|e| cannot_open(&location, e))
}

/// Returns why a key was not changed, and what to do.
pub(super) fn refused(why: KeyRefusal) -> String {
    match why {
        KeyRefusal::NoKey => "no checkpoint was ever signed; set the log key and start the service",
        KeyRefusal::KnownKey => "this key signs already, or signed before; make another with `headgate-collector log-key new`",
        KeyRefusal::OtherName => {
            "the new key has another name than the logs; make one with `headgate-collector log-key new --name` and the logs' name"
        }
        KeyRefusal::SameName => {
            "the new key has the name that the logs have now; make one with another --name, since verifiers must see a new log"
        }
    }
    .to_owned()
}
