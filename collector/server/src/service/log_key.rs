//! `log-key …`.

use super::log_restart::{existing, refused};
use super::{operator, print_line};
use crate::args::{LogKeyCommand, StoreArgs};
use headgate_collector_store::{self as store, key_of};
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
