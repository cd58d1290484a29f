//! A fleet of 1, 10 and 100 proxies, step by step: loss, delay, and clocks that differ. Nothing here is random but
//! the seed, so that every run is the same run.

use crate::memory::{Memory, Who, meter, rule, rules};
use crate::schedule::Store;
use headgate_limits::{
    Amounts, Dimension, Fleet, Held, Period, Process, Report, ReportRow, Reporter, Rules, Unit, Why,
};
use std::collections::{BTreeMap, BTreeSet};

const LIMIT: u64 = 600;
/// Prints the measurements of this simulation.
const PAGE: &str = include_str!("../../../../docs/limits-and-budgets.md");
const STEP_MS: u64 = 50;
const ALICE: Who = Who { key: "alice", team: "search", provider: "openai", tag: String::new() };

#[derive(Clone, Copy)]
struct Network {
    /// Of a hundred messages, so many are lost.
    loss: u64,
    /// One way, ms, at most.
    delay_ms: u64,
    /// Clocks differ from the collector's by at most this, either way.
    skew_ms: u64,
}

const CALM: Network = Network { loss: 0, delay_ms: 0, skew_ms: 0 };
const ROUGH: Network = Network { loss: 20, delay_ms: 400, skew_ms: 3_000 };

/// SplitMix64: small, and the same everywhere.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound.max(1)
    }
}

struct Proxy {
    /// It neither serves nor talks before this.
    begins_ms: u64,
    memory: Memory,
    reporter: Reporter,
    skew_ms: i64,
    running: Vec<(u64, Vec<Held>)>,
    /// Bytes under way: when they arrive.
    to_collector: Option<(u64, Vec<u8>)>,
    to_proxy: Option<(u64, Vec<u8>)>,
    gives_up_ms: u64,
}

struct World {
    rules: Rules,
    proxies: Vec<Proxy>,
    fleet: Fleet,
    store: Store,
    network: Network,
    dice: Dice,
    admitted: BTreeMap<u64, u64>,
    /// Proxies that had no answer for so long after their start that they counted for themselves.
    alone: BTreeSet<usize>,
    /// Requests refused for want of a share.
    refused: u64,
}

impl World {
    fn new(proxies: u64, network: Network) -> Self {
        let mut dice = Dice(proxies.wrapping_mul(31) + network.loss);
        let proxy = |number| Proxy {
            begins_ms: 0,
            memory: Memory::default(),
            reporter: Reporter::new("n", &format!("proxy-{number}"), 1_000, 10_000),
            skew_ms: dice.below(2 * network.skew_ms + 1) as i64 - network.skew_ms as i64,
            running: Vec::new(),
            to_collector: None,
            to_proxy: None,
            gives_up_ms: 0,
        };
        Self {
            proxies: (0..proxies).map(proxy).collect(),
            rules: rules(vec![rule("per-key", &[Dimension::Key], &[meter(Unit::Requests, Period::Minute, LIMIT)])]),
            fleet: Fleet::new(0),
            store: Store::default(),
            network,
            dice,
            admitted: BTreeMap::new(),
            alone: BTreeSet::new(),
            refused: 0,
        }
    }

    fn step(&mut self, now_ms: u64, wanted: u64) {
        for number in 0..self.proxies.len() {
            self.talk(number, now_ms);
            self.serve(number, now_ms, wanted);
        }
    }

    fn serve(&mut self, number: usize, now_ms: u64, wanted: u64) {
        let proxy = &mut self.proxies[number];
        let local_ms = now_ms.saturating_add_signed(proxy.skew_ms);
        let one = Amounts { requests: 1, ..Amounts::default() };
        let fleet_status = proxy.reporter.fleet_status(local_ms);
        if fleet_status.proxies == 0 && !fleet_status.starting {
            self.alone.insert(number);
        }
        for (_, held) in proxy.running.extract_if(.., |(until, _)| *until <= now_ms) {
            self.rules.settle(held, &ALICE, &one, fleet_status, local_ms / 1_000, &mut proxy.memory);
        }
        for _ in 0..wanted {
            let asked = self.rules.admit(&ALICE, &one, fleet_status, local_ms / 1_000, &mut proxy.memory);
            match asked {
                Ok(admission) => {
                    *self.admitted.entry(local_ms / 60_000).or_default() += 1;
                    proxy.running.push((now_ms + 100 + self.dice.below(2_000), admission.held));
                }
                Err(refusal) => self.refused += u64::from(refusal.why == Why::Share),
            }
        }
    }

    fn talk(&mut self, number: usize, now_ms: u64) {
        let lost = |dice: &mut Dice, network: Network| dice.below(100) < network.loss;
        let proxy = &mut self.proxies[number];
        let local_ms = now_ms.saturating_add_signed(proxy.skew_ms);
        if let Some((_, body)) = proxy.to_proxy.take_if(|(at, _)| *at <= now_ms) {
            assert!(proxy.reporter.answered(&body, &self.rules, &mut proxy.memory, local_ms));
            proxy.gives_up_ms = 0;
        }
        if let Some((_, body)) = proxy.to_collector.take_if(|(at, _)| *at <= now_ms) {
            let report: Report = serde_json::from_slice(&body).unwrap();
            let reply = self.fleet.answer(&report, &mut self.store, now_ms).unwrap();
            if !lost(&mut self.dice, self.network) {
                let at = now_ms + self.dice.below(self.network.delay_ms + 1);
                proxy.to_proxy = Some((at, serde_json::to_vec(&reply).unwrap()));
            }
        }
        if proxy.gives_up_ms > now_ms {
            return;
        }
        if proxy.gives_up_ms > 0 {
            (proxy.to_collector, proxy.to_proxy, proxy.gives_up_ms) = (None, None, 0);
            proxy.reporter.failed(local_ms);
        }
        std::mem::take(&mut proxy.memory.touched).into_iter().for_each(|cell| proxy.reporter.touched(cell));
        if let Some(body) = proxy.reporter.report(&self.rules, "1", true, &mut proxy.memory, local_ms) {
            proxy.gives_up_ms = now_ms + 2_000;
            if !lost(&mut self.dice, self.network) {
                proxy.to_collector = Some((now_ms + self.dice.below(self.network.delay_ms + 1), body.to_vec()));
            }
        }
    }

    /// Runs minutes of far more demand than there is room for; returns the admitted amount of each full minute.
    fn run(&mut self, minutes: u64) -> Vec<u64> {
        let start_ms = 600_000_000;
        self.fleet = Fleet::new(start_ms - 60_000);
        for at in (0..minutes * 60_000).step_by(STEP_MS as usize) {
            // A fleet gets forty times the limit in all, spread over its proxies and the minute.
            let per_step = LIMIT * 40 * STEP_MS / 60_000;
            let each = per_step / self.proxies.len() as u64;
            let rest = self.dice.below(self.proxies.len() as u64) < per_step % self.proxies.len() as u64;
            self.step(start_ms + at, each + u64::from(rest));
        }
        let first = start_ms / 60_000;
        (first..first + minutes).map(|minute| self.admitted.get(&minute).copied().unwrap_or_default()).collect()
    }
}

#[test]
fn a_fleet_keeps_one_limit() {
    println!("limit {LIMIT} a minute; admitted in each of five minutes");
    for (name, network) in [("calm", CALM), ("rough", ROUGH)] {
        for proxies in [1, 10, 100] {
            let mut world = World::new(proxies, network);
            let minutes = world.run(5);
            println!("{name:>6} network, {proxies:>3} proxies: {minutes:?}");
            let row: Vec<String> = minutes.iter().map(u64::to_string).collect();
            assert!(PAGE.contains(&row.join(", ")), "docs/limits-and-budgets.md shows other figures than {minutes:?}");
            for (minute, admitted) in minutes.iter().enumerate() {
                // One request is the largest request; see docs/limits-and-budgets.md for the formula.
                let alone = if minute == 0 { world.alone.len() as u64 * LIMIT } else { 0 };
                let bound = LIMIT + joining(minute, proxies, network) + alone;
                assert!(*admitted <= bound, "{name}, {proxies} proxies, minute {minute}: {admitted} > {bound}");
                assert!(*admitted * 10 >= LIMIT * 8, "{name}, {proxies} proxies, minute {minute}: only {admitted}");
            }
        }
    }
}

#[test]
fn a_corrected_total_lets_requests_in_again() {
    for proxies in [1, 2, 5] {
        let mut world = World::new(proxies, CALM);
        let start_ms = 600_000_000;
        world.fleet = Fleet::new(start_ms - 60_000);
        let steps = |world: &mut World, from_ms: u64, seconds: u64| {
            (0..seconds * 1_000).step_by(STEP_MS as usize).for_each(|at| world.step(start_ms + from_ms + at, 5));
        };
        steps(&mut world, 0, 25);
        let used_up = world.admitted[&(start_ms / 60_000)];
        assert!((LIMIT..LIMIT + 300).contains(&used_up), "{proxies} proxies: {used_up}");
        world.store.totals.values_mut().for_each(|total| *total -= 300);
        steps(&mut world, 25_000, 25);
        let after = world.admitted[&(start_ms / 60_000)];
        assert!((LIMIT + 300..=LIMIT + 310).contains(&after), "{proxies} proxies: {after}");
    }
}

fn report(boot: &str, seq: u64, rows: &[ReportRow]) -> Report {
    Report { boot: boot.to_owned(), seq, whole: true, rows: rows.to_vec(), ..Report::default() }
}

#[test]
fn report_under_way_hides_later_requests() {
    let (mut fleet, mut store) = (Fleet::new(0), Store::default());
    let used = ReportRow {
        rule: "one".to_owned(),
        meter: "requests/day".to_owned(),
        used: 8,
        max: 40,
        ..ReportRow::default()
    };
    let mut share =
        |report: Report, now_ms| fleet.answer(&report, &mut store, now_ms).unwrap().rows.first().map(|row| row.share);
    share(report("b", 1, &[]), 100_000);
    share(report("a", 1, &[]), 100_100);
    assert_eq!(share(report("a", 2, std::slice::from_ref(&used)), 100_400), Some(Some(14)), "half of 32 is b's");
    // Made before b met the count, and heard after a has told of it; then once more.
    share(report("b", 2, &[]), 100_410);
    assert_eq!(share(report("a", 3, std::slice::from_ref(&used)), 100_700), Some(Some(11)), "half of 24 still is");
    share(report("b", 2, &[]), 100_710);
    assert_eq!(
        share(report("a", 4, std::slice::from_ref(&used)), 101_000),
        Some(Some(7)),
        "the same report tells nothing new"
    );
    share(report("b", 3, &[]), 101_010);
    assert_eq!(share(report("a", 5, &[used]), 101_300), Some(Some(8)), "this one was made since: b takes no part");
}

/// The amount that proxies may take without a share: when they start, and where a share ran out because answers were lost.
fn joining(minute: usize, proxies: u64, network: Network) -> u64 {
    if minute == 0 || network.loss > 0 { LIMIT * (proxies - 1) / proxies } else { 0 }
}

/// The end of a proxy.
#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    /// It gives its shares back.
    Told,
    /// It is killed.
    Killed,
}

impl World {
    /// Proxies with names and processes of their own.
    fn named(proxies: u64, start_ms: u64) -> Self {
        let mut world = Self::new(proxies, CALM);
        for number in 0..world.proxies.len() {
            world.proxies[number] = named_proxy(number, start_ms);
        }
        world
    }

    /// Ends a proxy; the next process under its name begins a second later.
    fn restart(&mut self, number: usize, end: End, now_ms: u64) {
        let proxy = &mut self.proxies[number];
        if end == End::Told {
            proxy.reporter.set_ending(true);
            std::mem::take(&mut proxy.memory.touched).into_iter().for_each(|cell| proxy.reporter.touched(cell));
            if let Some(body) = proxy.reporter.report(&self.rules, "1", true, &mut proxy.memory, now_ms) {
                let report: Report = serde_json::from_slice(body).unwrap();
                assert!(report.ending);
                self.fleet.answer(&report, &mut self.store, now_ms).unwrap();
            }
        }
        self.proxies[number] = named_proxy(number, now_ms + 1_000);
    }

    /// Asks for half of the limit, evenly, while each proxy is restarted in turn; returns how many were refused
    /// for want of a share.
    fn rolling_restart(&mut self, end: End) -> u64 {
        let start_ms = 600_000_000;
        self.fleet = Fleet::new(start_ms - 60_000);
        let mut turn = 0;
        for at in (0..120_000).step_by(STEP_MS as usize) {
            let now_ms = start_ms + at;
            if at >= 10_000 && at % 5_000 == 0 {
                self.restart(turn % self.proxies.len(), end, now_ms);
                turn += 1;
            }
            let serving: Vec<usize> =
                (0..self.proxies.len()).filter(|number| self.proxies[*number].begins_ms <= now_ms).collect();
            for number in &serving {
                self.talk(*number, now_ms);
            }
            // Five a second. Whoever has just started lets them wait for its first answer.
            let ready: Vec<usize> = serving
                .into_iter()
                .filter(|number| !self.proxies[*number].reporter.fleet_status(now_ms).starting)
                .collect();
            if at % 200 == 0 && !ready.is_empty() {
                let chosen = ready[self.dice.below(ready.len() as u64) as usize];
                self.serve(chosen, now_ms, 1);
            }
        }
        self.refused
    }
}

fn named_proxy(number: usize, begins_ms: u64) -> Proxy {
    let id = format!("process-{number}-{begins_ms}");
    let mut reporter = Reporter::new(&format!("node-{number}"), &format!("boot-{number}-{begins_ms}"), 1_000, 10_000);
    reporter.set_process(Process { id, began_ms: begins_ms });
    Proxy {
        begins_ms,
        memory: Memory::default(),
        reporter,
        skew_ms: 0,
        running: Vec::new(),
        to_collector: None,
        to_proxy: None,
        gives_up_ms: 0,
    }
}

#[test]
fn rolling_restarts_refuse_nothing() {
    for proxies in [1, 2, 5] {
        for end in [End::Told, End::Killed] {
            let mut world = World::named(proxies, 600_000_000);
            let refused = world.rolling_restart(end);
            let admitted: Vec<u64> = world.admitted.values().copied().collect();
            println!("{proxies} proxies, {end:?}: {refused} refused, {admitted:?} admitted");
            assert_eq!(refused, 0, "{proxies} proxies, {end:?}");
            assert!(admitted.iter().all(|one| *one <= LIMIT), "{admitted:?}");
        }
    }
}

fn named_report(node: &str, process: &str, uptime_ms: u64, rows: &[ReportRow]) -> Report {
    let text = str::to_owned;
    Report { node: text(node), process: text(process), uptime_ms, interval_ms: 1_000, ..report(process, 1, rows) }
}

#[test]
fn process_replaces_its_dead_predecessor() {
    let row = ReportRow {
        rule: "one".to_owned(),
        meter: "requests/day".to_owned(),
        used: 8,
        max: 40,
        ..ReportRow::default()
    };
    let rows = std::slice::from_ref(&row);
    // The forerunner is heard at 100 s; the next process has begun before that, or after.
    for (uptime_ms, now_ms, replaced) in [(4_500, 104_000, false), (3_500, 104_000, true), (1_000, 102_000, false)] {
        let (mut fleet, mut store) = (Fleet::new(0), Store::default());
        fleet.answer(&named_report("n", "dead", 60_000, rows), &mut store, 100_000).unwrap();
        let reply = fleet.answer(&named_report("n", "next", uptime_ms, rows), &mut store, now_ms).unwrap();
        assert_eq!(reply.proxies, if replaced { 1 } else { 2 }, "{uptime_ms} {now_ms}");
        assert_eq!(reply.rows[0].peers, if replaced { 1 } else { 2 });
    }
}

#[test]
fn namesakes_take_nothing_from_each_other() {
    let (mut fleet, mut store) = (Fleet::new(0), Store::default());
    let mut share = |process: &str, seq, uptime_ms, now_ms| {
        let row = ReportRow {
            rule: "one".to_owned(),
            meter: "requests/day".to_owned(),
            used: 1,
            max: 40,
            ..ReportRow::default()
        };
        let report = Report { seq, ..named_report("headgate", process, uptime_ms, &[row]) };
        fleet.answer(&report, &mut store, now_ms).unwrap().proxies
    };
    share("a", 1, 50_000, 100_000);
    share("b", 1, 1_000, 100_500);
    // b is cut off for a while, and a goes on: it began before b was heard, so it is no follower of it.
    for (seq, now_ms) in [(2, 101_000), (3, 103_000), (4, 106_000)] {
        assert_eq!(share("a", seq, now_ms - 50_000, now_ms), 2, "b keeps its share for ten seconds");
    }
}
