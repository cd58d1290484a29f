//! One proxy: admission, rejection, charges and returns.

use crate::memory::{Memory, Who, concurrency, meter, one_request, rule, rules};
use headgate_limits::{
    Amounts, Condition, Dimension, FleetStatus, Held, Period, Quota, Rule, Rules, Settlement, Unit, WhenUnreachable,
    Why, give_back_claim,
};

const ALICE: Who = Who { key: "alice", team: "search", provider: "openai", tag: String::new() };
const BOB: Who = Who { key: "bob", team: "search", provider: "openai", tag: String::new() };

fn admit(rules: &Rules, who: &Who, now_s: u64, memory: &mut Memory) -> Result<Vec<Held>, (String, Why, Option<u64>)> {
    match rules.admit(who, &one_request(), FleetStatus::ALONE, now_s, memory) {
        Ok(admission) => Ok(admission.held),
        Err(refusal) => Err((rules.get(refusal.rule).unwrap().id.clone(), refusal.why, refusal.retry_after_s)),
    }
}

fn settle(rules: &Rules, held: Vec<Held>, who: &Who, used: Amounts, now_s: u64, memory: &mut Memory) -> Settlement {
    rules.settle(held, who, &used, FleetStatus::ALONE, now_s, memory)
}

#[test]
fn window_admits_its_amount() {
    let rules = rules(vec![rule("per-key", &[Dimension::Key], &[meter(Unit::Requests, Period::Minute, 3)])]);
    let mut memory = Memory::default();
    for _ in 0..3 {
        assert!(admit(&rules, &ALICE, 130, &mut memory).is_ok());
    }
    assert_eq!(admit(&rules, &ALICE, 131, &mut memory), Err(("per-key".into(), Why::Exhausted, Some(49))));
    assert!(admit(&rules, &BOB, 131, &mut memory).is_ok(), "each key has a count of its own");
    assert!(admit(&rules, &ALICE, 180, &mut memory).is_ok(), "what was told is true");
}

#[test]
fn rejected_request_charges_nothing() {
    let rules = rules(vec![
        rule("all", &[], &[meter(Unit::Requests, Period::Minute, 10)]),
        rule("each", &[Dimension::Tag("user".into())], &[meter(Unit::Requests, Period::Minute, 1)]),
    ]);
    let user = |number: u32| Who { tag: format!("user-{number}"), ..ALICE };
    let mut memory = Memory::default();
    assert!(admit(&rules, &user(0), 120, &mut memory).is_ok());
    for _ in 0..50 {
        assert_eq!(admit(&rules, &user(0), 120, &mut memory).unwrap_err().0, "each");
    }
    for number in 1..10 {
        assert!(admit(&rules, &user(number), 120, &mut memory).is_ok(), "{number}: `all` was not burned");
    }
    assert_eq!(admit(&rules, &user(10), 120, &mut memory).unwrap_err().0, "all");
    assert!(admit(&rules, &user(10), 180, &mut memory).is_ok(), "nor was `each`");
}

#[test]
fn lost_race_gives_charges_back() {
    let limits = rules(vec![
        rule("roomy", &[Dimension::Team], &[meter(Unit::Requests, Period::Minute, 100)]),
        rule("tight", &[Dimension::Key], &[concurrency(1)]),
    ]);
    let mut memory = Memory { lose: 3, ..Memory::default() };
    let held = admit(&limits, &ALICE, 120, &mut memory).expect("lost writes are tried again");
    assert_eq!(held.len(), 2);
    assert!(admit(&limits, &ALICE, 120, &mut memory).is_err());
    settle(&limits, held, &ALICE, one_request(), 121, &mut memory);
    let admission = limits.admit(&ALICE, &one_request(), FleetStatus::ALONE, 121, &mut memory).unwrap();
    assert_eq!(admission.quotas.requests, Some(Quota { limit: 100, remaining: 98, reset_s: 59 }));
}

#[test]
fn slot_is_free_after_its_request() {
    let rules = rules(vec![rule("slots", &[Dimension::Key], &[concurrency(2)])]);
    let mut memory = Memory::default();
    let first = admit(&rules, &ALICE, 100, &mut memory).unwrap();
    let _second = admit(&rules, &ALICE, 100, &mut memory).unwrap();
    assert_eq!(admit(&rules, &ALICE, 100, &mut memory), Err(("slots".into(), Why::Exhausted, Some(1))));
    settle(&rules, first, &ALICE, Amounts::default(), 101, &mut memory);
    assert!(admit(&rules, &ALICE, 101, &mut memory).is_ok());
}

#[test]
fn slot_of_dead_worker_frees_in_two_hours() {
    let rules = rules(vec![rule("slots", &[Dimension::Key], &[concurrency(1)])]);
    let mut memory = Memory::default();
    assert!(admit(&rules, &ALICE, 100, &mut memory).is_ok());
    assert!(admit(&rules, &ALICE, 3_600, &mut memory).is_err(), "it may still run");
    assert!(admit(&rules, &ALICE, 7_200, &mut memory).is_ok());
}

#[test]
fn estimate_reserved_real_use_counted() {
    let rules = rules(vec![rule("tokens", &[Dimension::Key], &[meter(Unit::Tokens, Period::Hour, 100)])]);
    let mut memory = Memory::default();
    let held = admit(&rules, &ALICE, 100, &mut memory).unwrap();
    let reserved = rules.admit(&ALICE, &one_request(), FleetStatus::ALONE, 100, &mut memory).unwrap();
    assert_eq!(reserved.quotas.tokens.unwrap().remaining, 40, "two estimates of 30");
    settle(&rules, reserved.held, &ALICE, Amounts::default(), 100, &mut memory);
    settle(
        &rules,
        held,
        &ALICE,
        Amounts { input_tokens: 40, output_tokens: 35, ..Amounts::default() },
        101,
        &mut memory,
    );
    assert_eq!(admit(&rules, &ALICE, 101, &mut memory).unwrap_err().1, Why::Exhausted, "75 used, 25 left, 30 wanted");
}

#[test]
fn request_above_limit_has_no_retry_after() {
    let rules = rules(vec![rule("tokens", &[Dimension::Key], &[meter(Unit::Tokens, Period::Minute, 29)])]);
    assert_eq!(admit(&rules, &ALICE, 100, &mut Memory::default()), Err(("tokens".into(), Why::TooLarge, None)));
}

#[test]
fn late_settlement_spares_the_next_window() {
    let rules = rules(vec![rule("tokens", &[Dimension::Key], &[meter(Unit::Tokens, Period::Minute, 100)])]);
    let mut memory = Memory::default();
    let held = admit(&rules, &ALICE, 119, &mut memory).unwrap();
    settle(&rules, held, &ALICE, Amounts { input_tokens: 90, ..Amounts::default() }, 121, &mut memory);
    let next = rules.admit(&ALICE, &one_request(), FleetStatus::ALONE, 122, &mut memory).unwrap();
    assert_eq!(next.quotas.tokens.unwrap().remaining, 70);
}

#[test]
fn clock_set_back_gives_nothing_away() {
    let rules = rules(vec![rule("r", &[], &[meter(Unit::Requests, Period::Minute, 1)])]);
    let mut memory = Memory::default();
    assert!(admit(&rules, &ALICE, 180, &mut memory).is_ok());
    assert!(admit(&rules, &ALICE, 170, &mut memory).is_err());
    assert!(admit(&rules, &ALICE, 240, &mut memory).is_ok());
}

#[test]
fn only_what_matches_counts() {
    let condition = |dimension, any: &[&str]| Condition { dimension, any: any.iter().map(|&one| one.into()).collect() };
    let rules = rules(vec![Rule {
        conditions: vec![condition(Dimension::Team, &["sea*"]), condition(Dimension::Key, &["alice", "carol"])],
        ..rule("r", &[], &[meter(Unit::Requests, Period::Minute, 1)])
    }]);
    let mut memory = Memory::default();
    assert!(admit(&rules, &ALICE, 100, &mut memory).is_ok());
    assert!(admit(&rules, &ALICE, 100, &mut memory).is_err());
    assert!(admit(&rules, &BOB, 100, &mut memory).is_ok());
    assert!(admit(&rules, &Who { team: "", ..ALICE }, 100, &mut memory).is_ok());
}

#[test]
fn monitor_rule_rejects_nothing() {
    let rules = rules(vec![Rule { monitor: true, ..rule("r", &[], &[meter(Unit::Requests, Period::Minute, 1)]) }]);
    let mut memory = Memory::default();
    let first = rules.admit(&ALICE, &one_request(), FleetStatus::ALONE, 100, &mut memory).unwrap();
    assert!(first.notes.is_empty() && first.quotas.requests.is_none());
    let second = rules.admit(&ALICE, &one_request(), FleetStatus::ALONE, 100, &mut memory).unwrap();
    assert_eq!((second.notes[0].observed, second.notes[0].max, second.notes[0].crossed), (2, 1, None));
}

#[test]
fn each_threshold_is_told_once() {
    let rules = rules(vec![Rule {
        warn_only: true,
        warn_at: vec![50, 90],
        ..rule("b", &[], &[meter(Unit::NanoUsd, Period::Month, 1_000)])
    }]);
    let mut memory = Memory::default();
    let mut told = Vec::new();
    for _ in 0..5 {
        let held = admit(&rules, &ALICE, 100, &mut memory).unwrap();
        let used = Amounts { nano_usd: 300, ..Amounts::default() };
        told.push(settle(&rules, held, &ALICE, used, 100, &mut memory).notes.first().and_then(|note| note.crossed));
    }
    assert_eq!(told, [None, Some(50), Some(90), None, None]);
}

#[test]
fn each_crossed_threshold_is_noted() {
    let rules =
        rules(vec![Rule { warn_at: vec![50, 90], ..rule("b", &[], &[meter(Unit::NanoUsd, Period::Month, 1_000)]) }]);
    let mut memory = Memory::default();
    let held = admit(&rules, &ALICE, 100, &mut memory).unwrap();
    let used = Amounts { nano_usd: 950, ..Amounts::default() };
    let notes = settle(&rules, held, &ALICE, used, 100, &mut memory).notes;
    assert_eq!(notes.iter().map(|note| note.crossed).collect::<Vec<_>>(), [Some(50), Some(90)]);
}

#[test]
fn failover_counts_once_where_it_ends() {
    let condition = Condition { dimension: Dimension::Provider, any: vec!["openai".into()] };
    let rules = rules(vec![
        Rule { conditions: vec![condition], ..rule("openai-only", &[], &[meter(Unit::Tokens, Period::Hour, 1_000)]) },
        rule("each", &[Dimension::Provider], &[meter(Unit::Tokens, Period::Hour, 1_000)]),
    ]);
    let mut memory = Memory::default();
    let held = admit(&rules, &ALICE, 100, &mut memory).unwrap();
    let used = Amounts { input_tokens: 500, ..Amounts::default() };
    settle(&rules, held, &Who { provider: "anthropic", ..ALICE }, used, 100, &mut memory);
    let remaining = |who: &Who, memory: &mut Memory| {
        let admission = rules.admit(who, &one_request(), FleetStatus::ALONE, 100, memory).unwrap();
        settle(&rules, admission.held, who, Amounts::default(), 100, memory);
        admission.quotas.tokens.unwrap().remaining
    };
    assert_eq!(remaining(&ALICE, &mut memory), 970, "nothing was used at the first provider");
    assert_eq!(remaining(&Who { provider: "anthropic", ..ALICE }, &mut memory), 470);
}

#[test]
fn unreachable_collector_per_rule() {
    let down =
        FleetStatus { shared: true, reachable: false, proxies: 2, starting: false, sync_s: 1, asks_first: false };
    for (when, admits) in [(WhenUnreachable::Allow, 6), (WhenUnreachable::Deny, 0), (WhenUnreachable::LastKnown, 2)] {
        let rules =
            rules(vec![Rule { when_unreachable: when, ..rule("r", &[], &[meter(Unit::Requests, Period::Hour, 4)]) }]);
        let mut memory = Memory::default();
        let admitted = (0..6).filter(|_| rules.admit(&ALICE, &one_request(), down, 100, &mut memory).is_ok()).count();
        assert_eq!(admitted, admits, "{when:?}: two proxies share four");
    }
}

#[test]
fn million_subjects_in_bounded_memory() {
    let rules = rules(vec![rule("r", &[Dimension::Tag("t".into())], &[meter(Unit::Requests, Period::Hour, 1_000)])]);
    let shared =
        FleetStatus { shared: true, reachable: true, proxies: 1, starting: false, sync_s: 1, asks_first: false };
    let mut memory = Memory::default();
    for number in 0..1_000_000_u64 {
        let who = Who { tag: format!("subject-{number}"), ..ALICE };
        let admission = rules.admit(&who, &one_request(), shared, 100 + number / 1_000, &mut memory).unwrap();
        rules.settle(admission.held, &who, &one_request(), shared, 100 + number / 1_000, &mut memory);
    }
    let handed_over: u64 = memory.evicted_rows.iter().map(|row| row.used).sum();
    let kept = 1_000_000 - handed_over;
    assert!(memory.bytes() < 200 << 20, "{} bytes", memory.bytes());
    assert!(kept <= 4_096 * 256 && handed_over > 0, "{handed_over} were handed over");
    println!("a million subjects: {} MiB, {kept} kept, {handed_over} handed over", memory.bytes() >> 20);
}

#[test]
fn longest_wait_is_told() {
    // Whichever of the two cells is read first.
    for (slow, fast) in
        [(&[][..], &[Dimension::Key][..]), (&[Dimension::Key], &[]), (&[Dimension::Team], &[Dimension::Key])]
    {
        let rules = rules(vec![
            rule("month", slow, &[meter(Unit::Requests, Period::Month, 1)]),
            rule("second", fast, &[meter(Unit::Requests, Period::Second, 1)]),
        ]);
        let mut memory = Memory::default();
        assert!(admit(&rules, &ALICE, 100, &mut memory).is_ok());
        let month_s = 31 * 86_400;
        assert_eq!(admit(&rules, &ALICE, 100, &mut memory), Err(("month".into(), Why::Exhausted, Some(month_s - 100))));
    }
}

#[test]
fn claim_returns_reservations_of_the_dead() {
    let rules = rules(vec![rule("slots", &[Dimension::Key], &[concurrency(2)])]);
    let (who, mut memory) = (Who { key: "alice", ..Who::default() }, Memory::default());
    let one = Amounts { requests: 1, ..Amounts::default() };
    let admit = |memory: &mut Memory| rules.admit(&who, &one, FleetStatus::ALONE, 7_200, memory);
    let claims: Vec<Vec<u8>> = (0..2).map(|_| rules.claim(&admit(&mut memory).unwrap().held)).collect();
    assert!(admit(&mut memory).is_err());
    memory.lose = 3;
    give_back_claim(&claims[0], &mut memory);
    assert!(admit(&mut memory).is_ok() && admit(&mut memory).is_err(), "one slot is free again");
}
