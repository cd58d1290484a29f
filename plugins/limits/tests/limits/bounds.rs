//! Hostile input changes nothing: any cell, any answer, any rule.

use crate::memory::{Memory, Who, meter, one_request, rule, rules};
use headgate_limits::{Dimension, FleetStatus, Ledger, Period, Report, Reporter, RuleFault, Rules, Unit};
use proptest::prelude::*;

const ALICE: Who = Who { key: "alice", team: "search", provider: "openai", tag: String::new() };

proptest! {
    #[test]
    fn any_bytes_in_a_cell_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let rules = rules(vec![rule("r", &[], &[meter(Unit::Tokens, Period::Hour, 100)])]);
        let mut memory = Memory::default();
        for cell in 0..headgate_limits::CELLS {
            memory.write(cell, &bytes, 0);
        }
        if let Ok(admission) = rules.admit(&ALICE, &one_request(), FleetStatus::ALONE, 100, &mut memory) {
            rules.settle(admission.held, &ALICE, &one_request(), FleetStatus::ALONE, 100, &mut memory);
        }
    }

    #[test]
    fn any_answer_is_survived(body in prop::collection::vec(any::<u8>(), 0..200)) {
        let rules = rules(vec![rule("r", &[], &[meter(Unit::Tokens, Period::Hour, 100)])]);
        let mut memory = Memory::default();
        let mut reporter = Reporter::new("n", "b", 1_000, 5_000);
        reporter.report(&rules, "1", true, &mut memory, 1_000);
        reporter.answered(&body, &rules, &mut memory, 1_001);
    }
}

#[test]
fn absurd_answer_rejects_at_worst() {
    let rules = rules(vec![rule("r", &[Dimension::Key], &[meter(Unit::Tokens, Period::Hour, 100)])]);
    let mut memory = Memory::default();
    let mut reporter = Reporter::new("n", "b", 1_000, 5_000);
    reporter.report(&rules, "1", true, &mut memory, 1_000);
    let max = u64::MAX;
    let row = format!(
        r#"{{"rule":"r","meter":"tokens/hour","subject":["alice"],"start":0,"total":{max},"others_open":{max},"share":{max},"peers":0,"told":{max}}}"#
    );
    let body = format!(r#"{{"seq":1,"cursor":{max},"proxies":{max},"rows":[{row},{row}]}}"#);
    assert!(reporter.answered(body.as_bytes(), &rules, &mut memory, 1_001));
    assert!(rules.admit(&ALICE, &one_request(), reporter.fleet_status(1_002), 1, &mut memory).is_err());
}

#[test]
fn long_subject_is_cut_and_counted() {
    let rules = rules(vec![rule("r", &[Dimension::Tag("t".into())], &[meter(Unit::Requests, Period::Hour, 1)])]);
    let who = Who { tag: "x".repeat(4_096), ..ALICE };
    let mut memory = Memory::default();
    assert!(rules.admit(&who, &one_request(), FleetStatus::ALONE, 100, &mut memory).is_ok());
    assert!(rules.admit(&who, &one_request(), FleetStatus::ALONE, 100, &mut memory).is_err());
    assert!(memory.bytes() < 1_400);
}

#[test]
fn subject_is_cut_between_characters() {
    let rules = rules(vec![rule("r", &[Dimension::Tag("t".into())], &[meter(Unit::Requests, Period::Hour, 9)])]);
    let who = Who { tag: format!("x{}", "\u{e9}".repeat(2_000)), ..ALICE };
    let mut memory = Memory::default();
    let mut reporter = Reporter::new("n", "b", 1_000, 5_000);
    rules.admit(&who, &one_request(), FleetStatus::ALONE, 100, &mut memory).unwrap();
    memory.touched.iter().for_each(|cell| reporter.touched(*cell));
    let report: Report =
        serde_json::from_slice(reporter.report(&rules, "1", true, &mut memory, 100_000).unwrap()).unwrap();
    assert_eq!(report.rows[0].subject, [format!("x{}", "\u{e9}".repeat(511))]);
}

#[test]
fn equal_rules_are_refused() {
    let one = || rule("r", &[], &[meter(Unit::Requests, Period::Hour, 1)]);
    assert_eq!(Rules::new(vec![one(), one()]).unwrap_err(), RuleFault::SameRule("r".into()));
}
