//! The stand-in for APISIX, by address: `headgate.wasm` and the files that `headgate render apisix` writes, served over HTTP/1.1.
//!
//! As in nginx, a master holds the address, and its workers are processes, each with a VM of its own. A worker that is killed is replaced.
//! SIGHUP replaces all of them, and lets those before finish their requests. It is for tests: where the real host would crash, a worker does.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::cast_possible_truncation,
    reason = "this program is a test"
)]

mod body;
mod master;
mod server;
mod upstream;
mod worker;

use clap::Parser;
use std::net::SocketAddr;
use std::path::PathBuf;

#[derive(Parser)]
#[command(about = "Serves requests as APISIX with Headgate would, for tests")]
struct Options {
    /// The folder that `headgate render apisix` has written.
    #[arg(long)]
    files: PathBuf,
    /// The module.
    #[arg(long)]
    wasm: PathBuf,
    /// The address to listen on.
    #[arg(long)]
    listen: SocketAddr,
    /// Number of workers.
    #[arg(long, default_value_t = 2)]
    workers: usize,
    /// The name of this machine, as nginx tells it.
    #[arg(long, default_value = "stand-in")]
    node: String,
    /// Be a worker: its address is standard input, and it ends when standard output does.
    #[arg(long, hide = true)]
    worker: bool,
}

impl Options {
    /// Returns the text of one of the files.
    fn file(&self, name: &str) -> String {
        let path = self.files.join(name);
        std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }
}

fn main() {
    let options = Options::parse();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    if options.worker { runtime.block_on(worker::run(options)) } else { runtime.block_on(master::run(&options)) }
}
