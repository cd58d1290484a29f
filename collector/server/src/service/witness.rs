//! `witness`: confirms checkpoints of collectors that others run.

use super::print_line;
use super::stop::first_signal;
use crate::args::WitnessOptions;
use crate::log_key::{PRIVATE, read_key_file};
use headgate_collector_tree::CosigningKey;
use headgate_collector_witness::{Memory, Witness, serve};
use std::fmt;
use std::path::PathBuf;
use tokio::net::TcpListener;

/// The form of the key, for messages.
const FORM: &str =
    "write file:PATH of a file with what `headgate-collector log-key new --witness` printed behind `witness_key=`";

/// Where the key of the witness is.
#[derive(Clone)]
pub enum WitnessKeySource {
    /// In the setting itself, which then comes from the environment.
    Text(Box<CosigningKey>),
    /// In a file.
    File(PathBuf),
}

impl WitnessKeySource {
    /// Reads the setting.
    ///
    /// # Errors
    /// The message says which form it must have. It does not quote the setting.
    pub fn parse(text: &str) -> Result<Self, String> {
        match text.strip_prefix("file:") {
            Some(path) => Ok(Self::File(path.into())),
            None => CosigningKey::parse(text.trim()).map(|key| Self::Text(Box::new(key))).map_err(|_| FORM.to_owned()),
        }
    }

    fn open(&self) -> Result<CosigningKey, String> {
        match self {
            Self::Text(_) if std::env::args().any(|word| word.contains(PRIVATE)) => {
                Err("everyone on this machine could see the key in --key: put it in HEADGATE_WITNESS_KEY or in a file"
                    .to_owned())
            }
            Self::Text(key) => Ok((**key).clone()),
            Self::File(path) => CosigningKey::parse(read_key_file(path)?.trim())
                .map_err(|error| format!("there is no key of a witness in {}: {error}; {FORM}", path.display())),
        }
    }
}

impl fmt::Debug for WitnessKeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(key) => write!(f, "{}", key.public()),
            Self::File(path) => path.fmt(f),
        }
    }
}

/// Runs `witness`.
pub(super) fn run(options: &WitnessOptions) -> Result<(), String> {
    let (key, state) = (options.key.open()?, options.state.display());
    let public = key.public().to_string();
    let memory =
        if options.init { Memory::create(&options.state, &public) } else { Memory::open(&options.state, &public) };
    let memory = memory.map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => format!(
            "there is no state in {state}. If this key has never confirmed anything, begin with --init; if the state is lost, make a \
             new key, or the witness could confirm another tree than before"
        ),
        _ => format!("cannot use the state in {state}: {error}"),
    })?;
    let witness = Witness::new(key, options.log.clone(), memory);
    let runtime = tokio::runtime::Runtime::new().map_err(|e| format!("cannot start: {e}"))?;
    runtime.block_on(async {
        let stop = first_signal().map_err(|e| format!("cannot wait for signals: {e}"))?;
        let listener = TcpListener::bind(options.listen)
            .await
            .map_err(|e| format!("cannot listen on {}: {e}; choose another --listen", options.listen))?;
        let address = listener.local_addr().map_err(|e| e.to_string())?;
        print_line(&format!("public_key={public}"))?;
        print_line(&format!("listening on http://{address}"))?;
        serve(listener, witness, async move { drop(stop.await) }).await;
        Ok(())
    })
}
