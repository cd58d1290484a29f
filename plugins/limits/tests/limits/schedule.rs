//! Random schedules against a model: admit, settle, abort, move to another provider, report, lose, crash.
//!
//! The model keeps every amount in plain maps. After each step: never more admitted than the bound, totals equal to
//! the sum of the settled amounts, and no reservation without a request.

use crate::memory::{Memory, Who, concurrency, meter, rule, rules};
use headgate_limits::{
    Amounts, Dimension, Fleet, FleetStatus, Held, Period, Report, ReportRow, Reporter, Rules, Total, Totals, Unit,
};
use proptest::prelude::*;
use std::collections::{HashMap, HashSet};

const TOKENS: u64 = 500;
const SLOTS: u64 = 4;
const REQUESTS: u64 = 12;

#[derive(Debug, Clone)]
enum Step {
    Admit { proxy: usize, key: usize, estimate: u64 },
    Settle { which: usize, used: u64 },
    Abort { which: usize },
    Report { proxy: usize, lose_report: bool, lose_answer: bool },
    CrashProxy { proxy: usize },
    RestartCollector,
    Wait { seconds: u64 },
    OtherWorkers { proxy: usize, writes: u32 },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        8 => (0..3_usize, 0..2_usize, 1..120_u64).prop_map(|(proxy, key, estimate)| Step::Admit { proxy, key, estimate }),
        6 => (any::<usize>(), 0..150_u64).prop_map(|(which, used)| Step::Settle { which, used }),
        2 => any::<usize>().prop_map(|which| Step::Abort { which }),
        6 => (0..3_usize, prop::bool::weighted(0.2), prop::bool::weighted(0.2))
            .prop_map(|(proxy, lose_report, lose_answer)| Step::Report { proxy, lose_report, lose_answer }),
        1 => (0..3_usize).prop_map(|proxy| Step::CrashProxy { proxy }),
        1 => Just(Step::RestartCollector),
        2 => (0..40_u64).prop_map(|seconds| Step::Wait { seconds }),
        2 => (0..3_usize, 0..3_u32).prop_map(|(proxy, writes)| Step::OtherWorkers { proxy, writes }),
    ];
    prop::collection::vec(step, 1..120)
}

/// The state that a collector must not forget.
#[derive(Default)]
pub(crate) struct Store {
    pub(crate) totals: HashMap<(String, String, Vec<String>, u64), u64>,
    counted: HashSet<(String, u64)>,
}

impl Totals for Store {
    type Fault = ();

    fn is_repeated(&mut self, report: &Report) -> Result<bool, ()> {
        Ok(!self.counted.insert((report.boot.clone(), report.seq)))
    }

    fn add(&mut self, row: &ReportRow, used: u64) -> Result<Total, ()> {
        let name = (row.rule.clone(), row.meter.clone(), row.subject.clone(), row.start);
        let total = self.totals.entry(name).or_default();
        *total += used;
        Ok(Total { used: *total, told: 0 })
    }
}

impl Store {
    fn sum(&self, meter: &str) -> u64 {
        self.totals.iter().filter(|((_, name, ..), _)| name == meter).map(|(_, used)| used).sum()
    }
}

struct Proxy {
    memory: Memory,
    reporter: Reporter,
    boots: u32,
    number: usize,
}

impl Proxy {
    fn new(number: usize, boots: u32) -> Self {
        let boot = format!("proxy-{number}-boot-{boots}");
        Self { memory: Memory::default(), reporter: Reporter::new("n", &boot, 1_000, 1 << 40), boots, number }
    }
}

struct Running {
    proxy: usize,
    who: Who,
    held: Vec<Held>,
    estimate: u64,
    window: u64,
}

struct World {
    rules: Rules,
    proxies: Vec<Proxy>,
    running: Vec<Running>,
    fleet: Fleet,
    store: Store,
    now_s: u64,
    /// Settled in all, per unit.
    settled_tokens: u64,
    settled_requests: u64,
    /// Settled at proxies that crashed before they had reported it: at most this is lost.
    lost_tokens: u64,
    lost_requests: u64,
    /// Per window: admitted, and settled beyond the estimate.
    admitted: HashMap<(String, u64), u64>,
    excess: HashMap<(String, u64), u64>,
    largest: u64,
    crashes: u64,
}

const KEYS: [&str; 2] = ["alice", "bob"];

impl World {
    fn new() -> Self {
        let meters = [
            meter(Unit::Requests, Period::Hour, REQUESTS),
            meter(Unit::Tokens, Period::Hour, TOKENS),
            concurrency(SLOTS),
        ];
        Self {
            rules: rules(vec![
                rule("per-key", &[Dimension::Key], &meters),
                rule("team", &[Dimension::Team], &[meter(Unit::Tokens, Period::Day, 1 << 40)]),
            ]),
            proxies: (0..3).map(|number| Proxy::new(number, 0)).collect(),
            running: Vec::new(),
            fleet: Fleet::new(0),
            store: Store::default(),
            now_s: 36_000,
            settled_tokens: 0,
            settled_requests: 0,
            lost_tokens: 0,
            lost_requests: 0,
            admitted: HashMap::new(),
            excess: HashMap::new(),
            largest: 0,
            crashes: 0,
        }
    }

    fn fleet_status(&self, proxy: usize) -> FleetStatus {
        FleetStatus { reachable: true, ..self.proxies[proxy].reporter.fleet_status(self.now_s * 1_000) }
    }

    fn admit(&mut self, proxy: usize, key: usize, estimate: u64) {
        let who = Who { key: KEYS[key], team: "search", provider: "openai", tag: String::new() };
        let amounts = Amounts { requests: 1, input_tokens: estimate, ..Amounts::default() };
        let fleet_status = self.fleet_status(proxy);
        let Ok(admission) = self.rules.admit(&who, &amounts, fleet_status, self.now_s, &mut self.proxies[proxy].memory)
        else {
            return;
        };
        let window = self.now_s - self.now_s % 3_600;
        *self.admitted.entry((who.key.to_owned(), window)).or_default() += estimate;
        self.largest = self.largest.max(estimate);
        self.running.push(Running { proxy, who, held: admission.held, estimate, window });
    }

    fn settle(&mut self, which: usize, used: u64) {
        if self.running.is_empty() {
            return;
        }
        let Running { proxy, who, held, estimate, window } = self.running.swap_remove(which % self.running.len());
        let amounts = Amounts { requests: 1, input_tokens: used, ..Amounts::default() };
        let fleet_status = self.fleet_status(proxy);
        let settlement =
            self.rules.settle(held, &who, &amounts, fleet_status, self.now_s, &mut self.proxies[proxy].memory);
        assert!(settlement.left.is_empty());
        self.settled_tokens += used;
        self.settled_requests += 1;
        *self.excess.entry((who.key.to_owned(), window)).or_default() += used.saturating_sub(estimate);
        let admitted = self.admitted.entry((who.key.to_owned(), window)).or_default();
        *admitted = *admitted - estimate + used.min(estimate);
    }

    fn report(&mut self, proxy: usize, lose_report: bool, lose_answer: bool) {
        let now_ms = self.now_s * 1_000;
        let one = &mut self.proxies[proxy];
        for cell in std::mem::take(&mut one.memory.touched) {
            one.reporter.touched(cell);
        }
        one.reporter.add_evicted(std::mem::take(&mut one.memory.evicted_rows));
        one.reporter.hurry();
        let body = one.reporter.report(&self.rules, "1", true, &mut one.memory, now_ms).expect("it is due").to_vec();
        if lose_report {
            return one.reporter.failed(now_ms);
        }
        let report: Report = serde_json::from_slice(&body).expect("our own report");
        let reply = self.fleet.answer(&report, &mut self.store, now_ms).expect("memory does not fail");
        if lose_answer {
            return one.reporter.failed(now_ms);
        }
        let reply = serde_json::to_vec(&reply).expect("our own reply");
        assert!(one.reporter.answered(&reply, &self.rules, &mut one.memory, now_ms));
    }

    /// Settles requests that do not run here any more, and notes the losses of the crash.
    fn crash(&mut self, proxy: usize) {
        self.running.retain(|one| one.proxy != proxy);
        let (tokens, requests) = (self.reported("tokens/day"), self.reported("requests/hour"));
        let (boots, number) = (self.proxies[proxy].boots + 1, self.proxies[proxy].number);
        // Unreported use is lost with the process: at most the part that the collector does not have.
        self.lost_tokens = self.settled_tokens.saturating_sub(tokens).max(self.lost_tokens);
        self.lost_requests = self.settled_requests.saturating_sub(requests).max(self.lost_requests);
        self.proxies[proxy] = Proxy::new(number, boots);
        self.crashes += 1;
    }

    fn reported(&self, meter: &str) -> u64 {
        self.store.sum(meter)
    }

    fn run(&mut self, step: Step) {
        match step {
            Step::Admit { proxy, key, estimate } => self.admit(proxy, key, estimate),
            Step::Settle { which, used } => self.settle(which, used),
            Step::Abort { which } => self.settle(which, 0),
            Step::Report { proxy, lose_report, lose_answer } => self.report(proxy, lose_report, lose_answer),
            Step::CrashProxy { proxy } => self.crash(proxy),
            Step::RestartCollector => self.fleet = Fleet::new(self.now_s * 1_000),
            Step::Wait { seconds } => self.now_s += seconds,
            Step::OtherWorkers { proxy, writes } => self.proxies[proxy].memory.lose = writes,
        }
        assert!(self.reported("tokens/day") <= self.settled_tokens, "counted twice");
        assert!(self.reported("requests/hour") <= self.settled_requests, "counted twice");
    }

    fn finish(&mut self) {
        while !self.running.is_empty() {
            self.settle(0, 10);
        }
        for proxy in 0..3 {
            for _ in 0..3 {
                self.report(proxy, false, false);
            }
        }
        let lost = self.settled_tokens - self.reported("tokens/day");
        assert!(lost <= self.lost_tokens, "{lost} tokens lost, {} explained by crashes", self.lost_tokens);
        assert!(self.settled_requests - self.reported("requests/hour") <= self.lost_requests);
        if self.crashes == 0 {
            assert_eq!(lost, 0, "totals are the sum of what was settled");
        }
        self.nothing_is_reserved();
        self.bound_holds();
    }

    /// All slots and tokens are free again: nothing leaks.
    fn nothing_is_reserved(&mut self) {
        self.now_s += 3_600;
        for proxy in 0..3 {
            let alone = FleetStatus::ALONE;
            for key in KEYS {
                let who = Who { key, team: "search", provider: "openai", tag: String::new() };
                let amounts = Amounts { requests: 1, ..Amounts::default() };
                let memory = &mut self.proxies[proxy].memory;
                memory.lose = 0;
                let admitted: Vec<_> =
                    (0..SLOTS).map(|_| self.rules.admit(&who, &amounts, alone, self.now_s, memory)).collect();
                assert!(admitted.iter().all(Result::is_ok), "a slot leaked at proxy {proxy} for {key}");
            }
        }
    }

    /// limit + one request of each proxy + the use of each proxy before its first answer + use beyond
    /// the estimates. A crashed proxy starts anew, so each crash is one more that joins.
    fn bound_holds(&self) {
        let proxies = 3;
        for (name, admitted) in &self.admitted {
            let excess = self.excess.get(name).copied().unwrap_or_default();
            let bound = TOKENS + proxies * self.largest + (proxies - 1 + self.crashes) * TOKENS + excess;
            assert!(admitted + excess <= bound + excess, "{name:?}: {admitted} admitted, bound {bound}");
        }
    }
}

/// Generated inputs of a property: the larger number under `just soak`, which sets `HEADGATE_SOAK`.
fn cases(short: u32, long: u32) -> u32 {
    if std::env::var_os("HEADGATE_SOAK").is_some() { long } else { short }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(100, 400)))]
    #[test]
    fn no_schedule_breaks_the_books(steps in steps()) {
        let mut world = World::new();
        for step in steps {
            world.run(step);
        }
        world.finish();
    }
}
