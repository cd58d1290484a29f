//! The location of the store, as given on the command line. The address of a server may contain a password, so it is never
//! shown, and never taken from the command line, where all users of the machine can see it.

use headgate_collector_db::{BadUrl, Server};
use headgate_collector_store::Location;
use std::fmt;
use std::path::PathBuf;

/// The variable that holds the address of a server.
const STORE: &str = "HEADGATE_COLLECTOR_STORE";

/// The place of the records: one of the two.
#[derive(clap::Args)]
pub struct StoreArgs {
    /// Folder of the database, which is SQLite; made if it is missing
    #[arg(long, value_name = "DIR", env = "HEADGATE_COLLECTOR_DATA")]
    data: Option<PathBuf>,
    /// Database of PostgreSQL instead, postgres://USER@HOST/DATABASE?sslmode=verify-full; several collectors may share it.
    /// A password belongs into this variable or PGPASSWORD, for all users see command lines
    #[arg(long, value_name = "URL", env = STORE, hide_env_values = true)]
    store: Option<String>,
}

/// Hides the address, which may contain a password.
impl fmt::Debug for StoreArgs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Place").field("data", &self.data).finish_non_exhaustive()
    }
}

impl StoreArgs {
    /// Returns the location of the store.
    ///
    /// # Errors
    /// The message tells the operator a valid form.
    pub fn location(&self) -> Result<Location, String> {
        match (&self.store, &self.data) {
            (Some(_), Some(folder)) if is_option("--data") && !is_option("--store") => {
                Ok(Location::Folder(folder.clone()))
            }
            (Some(url), _) => server(url),
            (None, Some(folder)) => Ok(Location::Folder(folder.clone())),
            (None, None) => Err(format!("give --data or --store, or set HEADGATE_COLLECTOR_DATA or {STORE}")),
        }
    }
}

/// Returns whether the command line itself has an option, which then takes precedence over the environment.
fn is_option(name: &str) -> bool {
    std::env::args().any(|word| word.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('=')))
}

fn server(url: &str) -> Result<Location, String> {
    if Server::has_password(url) && std::env::args().any(|word| word.contains(url)) {
        return Err(format!("everyone on this machine could see the password in --store: give the address in {STORE}"));
    }
    url.parse().map(Location::Server).map_err(|bad: BadUrl| format!("--store cannot be used: {bad}"))
}
