//! `witness`: confirms checkpoints of collectors that others run.

use super::print_line;
use super::stop::first_signal;
use crate::args::WitnessOptions;
use headgate_collector_witness::{Memory, Witness, serve};
use tokio::net::TcpListener;

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
