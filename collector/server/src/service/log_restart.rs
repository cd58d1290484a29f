//! `log restart`: begins both logs anew under another name.

use super::log_key::{existing, print_log_keys, refused};
use super::{operator, print_line};
use crate::args::StoreArgs;
use headgate_collector_store as store;
use headgate_collector_tree::VerifyingKey;
use headgate_collector_types::clock;
use headgate_collector_types::validate::is_name;

/// Runs `log restart`.
pub(super) fn run(place: &StoreArgs, reason: &str, key: Option<&VerifyingKey>) -> Result<(), String> {
    if !is_name(reason) {
        return Err("--reason takes 1 to 256 characters, such as \"restored the backup of 2026-10-01\"".to_owned());
    }
    let mut db = existing(place)?;
    let restarting = store::change(&mut db, |tx| store::restart_logs(tx, key, reason, operator(), clock::now_us()));
    let public = restarting.map_err(|e| e.to_string())?.map_err(refused)?;
    print_line(&format!("public_key={public}"))?;
    print_log_keys(&public)
}
