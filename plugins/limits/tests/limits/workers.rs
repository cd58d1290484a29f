//! Workers of a host without ticks: each is a member of the fleet, and asks the collector before it decides on a request.

use crate::memory::{Memory, Who, meter, rule, rules};
use crate::schedule::Store;
use headgate_limits::{Amounts, Dimension, Fleet, FleetStatus, Period, Report, Reporter, Rules, Unit, Why};

const LIMIT: u64 = 20;
const START_MS: u64 = 600_000_000;
const INTERVAL_MS: u64 = 1_000;
/// A worker asks if its last report is older than this.
const OLD_MS: u64 = INTERVAL_MS / 5;
const ALICE: Who = Who { key: "alice", team: "search", provider: "openai", tag: String::new() };

struct Worker {
    memory: Memory,
    reporter: Reporter,
    asked_ms: u64,
}

struct World {
    rules: Rules,
    workers: Vec<Worker>,
    fleet: Fleet,
    store: Store,
}

impl World {
    fn new(workers: usize) -> Self {
        let worker = |number| Worker {
            memory: Memory::default(),
            reporter: Reporter::new(&format!("node-{number}"), &format!("boot-{number}"), INTERVAL_MS, 10_000),
            asked_ms: 0,
        };
        Self {
            rules: rules(vec![rule("per-key", &[Dimension::Key], &[meter(Unit::Requests, Period::Minute, LIMIT)])]),
            workers: (0..workers).map(worker).collect(),
            fleet: Fleet::new(START_MS - 60_000),
            store: Store::default(),
        }
    }

    /// Nothing happens between two requests of a worker.
    fn request(&mut self, number: usize, now_ms: u64) -> bool {
        let worker = &mut self.workers[number];
        if now_ms.abs_diff(worker.asked_ms) > OLD_MS {
            worker.asked_ms = now_ms;
            worker.reporter.hurry();
        }
        self.report(number, now_ms);
        // A request that has no share asks for one, and is decided on once more.
        self.admitted(number, now_ms) || {
            self.report(number, now_ms);
            self.admitted(number, now_ms)
        }
    }

    fn report(&mut self, number: usize, now_ms: u64) {
        let worker = &mut self.workers[number];
        std::mem::take(&mut worker.memory.touched).into_iter().for_each(|cell| worker.reporter.touched(cell));
        if let Some(body) = worker.reporter.report(&self.rules, "1", true, &mut worker.memory, now_ms) {
            let report: Report = serde_json::from_slice(body).unwrap();
            let reply = self.fleet.answer(&report, &mut self.store, now_ms).unwrap();
            let reply = serde_json::to_vec(&reply).unwrap();
            assert!(worker.reporter.answered(&reply, &self.rules, &mut worker.memory, now_ms));
        }
    }

    fn admitted(&mut self, number: usize, now_ms: u64) -> bool {
        let worker = &mut self.workers[number];
        let one = Amounts { requests: 1, ..Amounts::default() };
        let status = FleetStatus { asks_first: true, ..worker.reporter.fleet_status(now_ms) };
        let admission = match self.rules.admit(&ALICE, &one, status, now_ms / 1_000, &mut worker.memory) {
            Ok(admission) => admission,
            Err(refusal) => {
                if refusal.why == Why::Share {
                    worker.reporter.hurry();
                }
                return false;
            }
        };
        self.rules.settle(admission.held, &ALICE, &one, status, now_ms / 1_000, &mut worker.memory);
        true
    }

    /// Sends requests in turn, so far apart; returns how many were let in.
    fn requests(&mut self, count: u64, from_ms: u64, pause_ms: u64) -> u64 {
        let workers = self.workers.len() as u64;
        let let_in = (0..count).filter(|turn| {
            let number = usize::try_from(turn % workers).unwrap();
            self.request(number, from_ms + turn * pause_ms)
        });
        let_in.collect::<Vec<_>>().len() as u64
    }
}

#[test]
fn workers_without_ticks_keep_one_limit() {
    for workers in [1, 2, 3, 5, 8, 16] {
        let mut paced = World::new(workers);
        let paced = paced.requests(100, START_MS, 500);
        // Of a burst that begins with nothing, some shares lie with workers that do not use them. Their reports free them.
        let mut burst = World::new(workers);
        let at_once = burst.requests(70, START_MS, 1);
        let in_all = at_once + burst.requests(70, START_MS + 1_000, 1) + burst.requests(70, START_MS + 2_000, 1);
        println!(
            "{workers} workers without ticks: {paced} of 100 paced; {at_once} of 70 in a burst, {in_all} with two more"
        );
        assert_eq!((paced, in_all), (LIMIT, LIMIT), "{workers} workers");
        // Workers that know the count already.
        let mut warm = World::new(workers);
        let first = warm.requests(workers as u64, START_MS, 300);
        let all = first + warm.requests(70, START_MS + 5_000, 1);
        assert_eq!(all, LIMIT, "{workers} workers");
    }
}
