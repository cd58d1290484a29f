//! `log-key …`.

use super::{cannot_open, operator, print_line};
use crate::args::{LogKeyCommand, StoreArgs};
use headgate_collector_db::Db;
use headgate_collector_store::{self as store, KeyRefusal, key_of};
use headgate_collector_tree::{CosigningKey, SigningKey, VerifyingKey};
use headgate_collector_types::{Log, clock};

/// Runs `log-key …`.
pub(super) fn run(command: LogKeyCommand) -> Result<(), String> {
    match command {
        LogKeyCommand::New { name, witness: true } => new_witness(&name),
        LogKeyCommand::New { name, witness: false } => new(&name),
        LogKeyCommand::Rotate { place, public_key } => rotate(&place, &public_key),
    }
}

fn seed() -> Result<[u8; 32], String> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|e| format!("the system gives no randomness: {e}"))?;
    Ok(seed)
}

fn bad_name() -> String {
    "--name takes a name without spaces and without `+`, such as logs.example.com/headgate".to_owned()
}

fn new(name: &str) -> Result<(), String> {
    let key = SigningKey::new(name, &seed()?).map_err(|_| bad_name())?;
    print_line(&format!("log_key={}", key.secret()))?;
    print_line(&format!("public_key={}", key.public()))?;
    print_log_keys(key.public())
}

fn new_witness(name: &str) -> Result<(), String> {
    let key = CosigningKey::new(name, &seed()?).map_err(|_| bad_name())?;
    print_line(&format!("witness_key={}", key.secret()))?;
    print_line(&format!("public_key={}", key.public()))
}

/// Prints the public key of each log.
pub(super) fn print_log_keys(key: &VerifyingKey) -> Result<(), String> {
    for log in Log::ALL {
        if let Some(public) = key_of(log, key) {
            print_line(&format!("{}_key={public}", log.as_str()))?;
        }
    }
    Ok(())
}

fn rotate(place: &StoreArgs, new: &VerifyingKey) -> Result<(), String> {
    let mut db = existing(place)?;
    let rotating = store::change(&mut db, |tx| store::rotate_log_key(tx, new, operator(), clock::now_us()));
    let before = rotating.map_err(|e| e.to_string())?.map_err(refused)?;
    print_line(&format!("public_key={new}"))?;
    print_line(&format!("former_key={before}"))?;
    print_log_keys(new)
}

/// Opens the database of a store that is there.
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
