//! A worker: one VM, the connections that it has accepted, and the timers of APISIX.

use crate::Options;
use crate::server;
use crate::upstream::Upstream;
use headgate_test_apisix::{Loaded, Nginx, Shared};
use std::hash::{BuildHasher, RandomState};
use std::io::Read;
use std::net::TcpListener;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};
use tokio::runtime::Handle;
use tokio::sync::watch;

const TIMERS: Duration = Duration::from_millis(200);
/// APISIX looks at its file once a second.
const ROUNDS_OF_FILE: u32 = 5;

/// Runs until the master ends it.
pub(crate) async fn run(options: Options) {
    end_by_panic();
    let listener = TcpListener::from(std::io::stdin().as_fd().try_clone_to_owned().unwrap());
    let listener = tokio::net::TcpListener::from_std(listener).unwrap();
    let rules = options.files.join("apisix.yaml");
    let (worker, read_at) = start(&options);
    let network = Upstream(Handle::current());
    let (timers, of_timers) = (worker.clone(), network.clone());
    std::thread::spawn(move || run_timers(&timers, of_timers, &rules, read_at));
    let (end, ends) = watch::channel(false);
    std::thread::spawn(move || {
        await_end();
        let _ = end.send(true);
    });
    server::accept(&listener, &worker, &network, ends).await;
    let mut network = network;
    tokio::task::spawn_blocking(move || worker.end(&mut network)).await.unwrap();
    std::process::exit(0);
}

/// The module's worker, and the time of the file that it uses.
fn start(options: &Options) -> (Shared, SystemTime) {
    let read_at = changed(&options.files.join("apisix.yaml"));
    let environment: Vec<(String, String)> = std::env::vars().collect();
    let loaded = Loaded::from(&options.wasm);
    let (config, rules) = (options.file("config.yaml"), options.file("apisix.yaml"));
    let mut nginx = Nginx::start(&loaded, &config, &rules, &environment);
    nginx.run_here(&options.node, RandomState::new().hash_one(std::process::id()));
    (Shared::of(nginx), read_at)
}

/// A panic stands for a crash of the real host, which takes the worker with it.
fn end_by_panic() {
    let say = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        say(panic);
        std::process::abort();
    }));
}

/// The master closes the other end of standard output.
fn await_end() {
    let mut master = UnixStream::from(std::io::stdout().as_fd().try_clone_to_owned().unwrap());
    let _ = master.read(&mut [0]);
}

fn changed(rules: &PathBuf) -> SystemTime {
    std::fs::metadata(rules).and_then(|file| file.modified()).unwrap()
}

fn run_timers(worker: &Shared, mut network: Upstream, rules: &PathBuf, mut read_at: SystemTime) {
    for round in 0_u32.. {
        std::thread::sleep(TIMERS);
        worker.work_of_timers(&mut network);
        if round % ROUNDS_OF_FILE == 0 && changed(rules) != read_at {
            read_at = changed(rules);
            worker.take_rules(&std::fs::read_to_string(rules).unwrap());
        }
    }
}
