//! Acknowledged data is stored exactly once, whenever the process is killed.

mod senders;

use crate::patience::until;
use crate::process::Collector;
use crate::random::{Random, rounds};
use senders::{Auditor, Heart, Recorder, Reporter, Sender};
use serde_json::json;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::thread::{self, sleep};
use std::time::Duration;

/// Number of kills, and in a soak; `HEADGATE_KILLS` overrides it.
const KILLS: (u64, u64) = (40, 200);
/// Number of folders that are used in parallel.
const FOLDERS: u64 = 4;
/// Maximum life of a process, µs.
const LIFE_US: u64 = 120_000;
/// The same on a server, where everything takes longer.
const LIFE_ON_SERVER_US: u64 = 600_000;
/// Maximum number of passes over the kills of a folder.
const PASSES: u64 = 6;

fn kills() -> u64 {
    std::env::var("HEADGATE_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(rounds(KILLS.0, KILLS.1))
}

/// Returns all kinds of senders of a fleet.
fn everyone() -> Vec<Box<dyn Sender>> {
    let mut all: Vec<Box<dyn Sender>> = vec![Box::new(Auditor::default()), Box::new(Heart::default())];
    all.extend((0..2).map(|number| Box::new(Recorder::new(number)) as Box<dyn Sender>));
    let of_all = Arc::default();
    all.extend((0..2).map(|number| Box::new(Reporter::new(number, &of_all)) as Box<dyn Sender>));
    all
}

fn round(root: &Path, senders: &mut [Box<dyn Sender>], life: Duration) {
    let collector = Collector::start(root);
    let address = collector.address;
    thread::scope(|scope| {
        for sender in senders {
            scope.spawn(move || sender.send_until_killed(address));
        }
        sleep(life);
        collector.kill();
    });
}

/// Kills one folder's process this many times, then checks that all data is there.
fn folder(rounds: u64, mut random: Random) {
    let root = tempfile::tempdir().unwrap();
    let mut senders = everyone();
    let longest = crate::store::server().map_or(LIFE_US, |_| LIFE_ON_SERVER_US);
    let enough = |senders: &[Box<dyn Sender>]| senders.iter().all(|sender| sender.answered() > rounds / 4);
    for number in 0..rounds * PASSES {
        if number >= rounds && enough(&senders) {
            break;
        }
        // A busy machine starts slowly, and a process killed before it has served proves little: each pass lets it live
        // twice as long.
        round(root.path(), &mut senders, Duration::from_micros(random.below(longest << (number / rounds))));
    }
    let collector = Collector::start(root.path());
    senders.iter_mut().for_each(|sender| sender.settle(&collector));
    for sender in &mut senders {
        assert!(sender.answered() > rounds / 4, "too little was sent to prove anything");
        sender.check(&collector);
    }
    let stored: usize = senders::records(&collector).values().map(BTreeSet::len).sum();
    assert_eq!(crate::any_store::usage::requests(&collector), stored as u64, "usage counts each record once");
    assert!(collector.terminate().success());
}

#[test]
fn acknowledged_data_survives_kills_once() {
    let seed = Random::seed("HEADGATE_KILL_SEED");
    thread::scope(|scope| {
        for number in 0..FOLDERS {
            scope.spawn(move || folder(kills().div_ceil(FOLDERS), Random::seeded(seed + number)));
        }
    });
}

#[test]
fn a_graceful_end_finishes_open_requests() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    let (address, mut sender) = (collector.address, Recorder::new(0));
    thread::scope(|scope| {
        scope.spawn(|| sender.send_until_killed(address));
        let mut owner = collector.owner();
        until("something is stored", || owner.get("/v1/requests?limit=1").unwrap().json()["data"] != json!([]));
        assert!(collector.terminate().success());
    });
    let collector = Collector::start(root.path());
    let found = senders::records(&collector);
    assert_eq!(found["n0"].len() as u64, sender.answered(), "nothing more and nothing less");
}
