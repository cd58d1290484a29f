//! Where the records are kept, as it is said on the command line. The address of a server may hold a password, so nothing
//! shows it, and it is not taken from where all users of a machine can see it.

use crate::store::{BadUrl, Location, Server};
use std::fmt;
use std::path::PathBuf;

/// The variable with the address of a server.
const STORE: &str = "HEADGATE_COLLECTOR_STORE";

/// Where the records are kept: one of the two.
#[derive(clap::Args)]
pub struct Place {
    /// Folder of the database, which is SQLite; made if it is missing
    #[arg(long, value_name = "DIR", env = "HEADGATE_COLLECTOR_DATA")]
    data: Option<PathBuf>,
    /// Database of PostgreSQL instead, postgres://USER@HOST/DATABASE?sslmode=verify-full; several collectors may share it.
    /// A password belongs into this variable or PGPASSWORD, for all users see command lines
    #[arg(long, value_name = "URL", env = STORE, hide_env_values = true)]
    store: Option<String>,
}

/// Shows no address: it may hold a password.
impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Place").field("data", &self.data).finish_non_exhaustive()
    }
}

impl Place {
    /// The place, if it makes sense.
    ///
    /// # Errors
    /// What to write instead.
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

/// Whether an option stands on the command line itself: it goes before what stands in the environment.
fn is_option(name: &str) -> bool {
    std::env::args().any(|word| word.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('=')))
}

fn server(url: &str) -> Result<Location, String> {
    if Server::has_password(url) && std::env::args().any(|word| word.contains(url)) {
        return Err(format!("everyone on this machine could see the password in --store: give the address in {STORE}"));
    }
    url.parse().map(Location::Server).map_err(|bad: BadUrl| format!("--store cannot be used: {bad}"))
}
