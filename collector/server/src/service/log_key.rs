//! `log-key …`.

use super::print_line;
use crate::args::LogKeyCommand;
use headgate_collector_store::key_of;
use headgate_collector_tree::SigningKey;
use headgate_collector_types::Log;

/// Runs `log-key …`.
pub(super) fn run(command: LogKeyCommand) -> Result<(), String> {
    let LogKeyCommand::New { name } = command;
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|e| format!("the system gives no randomness: {e}"))?;
    let key = SigningKey::new(&name, &seed).map_err(|_| {
        "--name takes a name without spaces and without `+`, such as logs.example.com/headgate".to_owned()
    })?;
    print_line(&format!("log_key={}", key.secret()))?;
    print_line(&format!("public_key={}", key.public()))?;
    for log in Log::ALL {
        if let Some(public) = key_of(log, key.public()) {
            print_line(&format!("{}_key={public}", log.as_str()))?;
        }
    }
    Ok(())
}
