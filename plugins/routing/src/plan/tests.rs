use super::*;
use crate::{Cooldowns, TargetKey};
use proptest::prelude::*;

#[derive(Default)]
struct Request {
    dialect: &'static str,
    stream: bool,
    prompt_bytes: u64,
    team: Option<&'static str>,
    header: Option<&'static str>,
}

impl Facts for Request {
    fn dialect(&self) -> &str {
        self.dialect
    }
    fn header(&self, name: &str) -> Option<&str> {
        self.header.filter(|_| name == "x-tier")
    }
    fn team(&self) -> Option<&str> {
        self.team
    }
    fn key_id(&self) -> &str {
        "alice-laptop"
    }
    fn stream(&self) -> bool {
        self.stream
    }
    fn prompt_bytes(&self) -> u64 {
        self.prompt_bytes
    }
}

fn target(weight: u32, tier: u32) -> Target {
    Target { weight, tier, when: Condition::default() }
}

fn dice() -> impl FnMut() -> u32 {
    let mut state = 0x9e37_79b9_u32;
    move || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state
    }
}

fn healthy(_: usize) -> TargetHealth {
    TargetHealth::Healthy
}

/// Returns all tries of a plan, with their kinds, if each one fails like this.
fn walk(mut plan: RoutePlan, failed: Retry) -> Vec<(usize, AttemptKind)> {
    let mut steps = vec![plan.begin().unwrap()];
    while let Some(step) = plan.advance(failed) {
        steps.push(step);
    }
    steps.into_iter().map(|step| (step.target, step.kind)).collect()
}

fn first(
    targets: &[Target],
    request: &Request,
    health: impl Fn(usize) -> TargetHealth,
    draw: impl FnMut() -> u32,
) -> Option<usize> {
    plan_route(targets, request, health, 1, draw).ok()?.begin().map(|step| step.target)
}

#[test]
fn weights_share_the_first_try() {
    let targets = [target(3, 1), target(1, 1)];
    let mut draw = dice();
    let hits = (0..20_000).filter(|_| first(&targets, &Request::default(), healthy, &mut draw) == Some(0)).count();
    assert!((14_500..15_500).contains(&hits), "{hits} of 20000 went to the target of weight 3 of 4");
}

#[test]
fn tiers_are_tried_in_order() {
    let targets = [target(1, 2), target(1, 1), target(9, 2)];
    let plan = plan_route(&targets, &Request::default(), healthy, 3, dice()).unwrap();
    let steps = walk(plan, Retry::SameTarget);
    assert_eq!(steps[0], (1, AttemptKind::First));
    assert!(steps[1..].iter().all(|(target, kind)| *target != 1 && *kind == AttemptKind::Failover));
}

#[test]
fn weight_zero_is_out_of_rotation() {
    let targets = [target(0, 1), target(1, 2)];
    assert_eq!(first(&targets, &Request::default(), healthy, dice()), Some(1));
    assert_eq!(
        plan_route(&[target(0, 1)], &Request::default(), healthy, 1, dice()).unwrap_err(),
        NoTarget::NoneEligible
    );
}

#[test]
fn untried_targets_come_first() {
    let targets = [target(1, 1), target(1, 2)];
    let plan = plan_route(&targets, &Request::default(), healthy, 4, dice()).unwrap();
    let kinds = walk(plan, Retry::SameTarget);
    assert_eq!(
        kinds,
        [(0, AttemptKind::First), (1, AttemptKind::Failover), (0, AttemptKind::Failover), (1, AttemptKind::Failover)]
    );
}

#[test]
fn a_lone_target_is_retried_unless_busy() {
    let plan = plan_route(&[target(1, 1)], &Request::default(), healthy, 3, dice()).unwrap();
    assert_eq!(
        walk(plan.clone(), Retry::SameTarget),
        [(0, AttemptKind::First), (0, AttemptKind::Retry), (0, AttemptKind::Retry)]
    );
    assert_eq!(walk(plan, Retry::OtherTarget), [(0, AttemptKind::First)]);
}

#[test]
fn peek_next_agrees_with_advance() {
    let targets = [target(1, 1), target(1, 1), target(1, 2)];
    let mut plan = plan_route(&targets, &Request::default(), healthy, 5, dice()).unwrap();
    plan.begin();
    for failed in [Retry::SameTarget, Retry::OtherTarget, Retry::SameTarget, Retry::SameTarget, Retry::SameTarget] {
        let peeked = plan.peek_next(failed);
        assert_eq!(plan.advance(failed), peeked);
    }
}

#[test]
fn degraded_targets_are_tried_last() {
    let targets = [target(1, 1), target(1, 2)];
    let degraded = |index| if index == 0 { TargetHealth::Degraded } else { TargetHealth::Healthy };
    assert_eq!(first(&targets, &Request::default(), degraded, dice()), Some(1));
    assert_eq!(first(&targets[..1], &Request::default(), |_| TargetHealth::Degraded, dice()), Some(0));
}

#[test]
fn unavailable_targets_are_skipped() {
    let targets = [target(1, 1), target(1, 1)];
    let one = |index| if index == 0 { TargetHealth::Unavailable(900) } else { TargetHealth::Healthy };
    assert_eq!(first(&targets, &Request::default(), one, dice()), Some(1));
    let both = |index| TargetHealth::Unavailable(900 - index as u64);
    assert_eq!(plan_route(&targets, &Request::default(), both, 1, dice()).unwrap_err(), NoTarget::AllUnavailable(899));
}

#[test]
fn conditions_select_the_targets() {
    let when = [
        Condition::default().stream(Some(true)),
        Condition::default().prompt_bytes(Some(10), Some(20)),
        Condition::default().teams(["search"]).keys(["alice-*"]),
        Condition::default().header("x-tier", "gold*"),
    ];
    let targets: Vec<Target> = when.into_iter().map(|when| Target { weight: 1, tier: 1, when }).collect();
    let pick = |request: Request| first(&targets, &request, healthy, dice());
    assert_eq!(pick(Request { stream: true, ..Request::default() }), Some(0));
    assert_eq!(pick(Request { prompt_bytes: 20, ..Request::default() }), Some(1));
    assert_eq!(pick(Request { team: Some("search"), ..Request::default() }), Some(2));
    assert_eq!(pick(Request { header: Some("golden"), ..Request::default() }), Some(3));
    assert_eq!(
        pick(Request { prompt_bytes: 21, team: Some("ads"), header: Some("silver"), ..Request::default() }),
        None
    );
}

#[test]
fn the_later_end_of_a_cooldown_wins() {
    let key = TargetKey::new("openai", "gpt-5.2");
    let mut table = Cooldowns::default();
    table.set_cooldown(key, 100, false, 0);
    table.set_cooldown(key, 50, true, 0);
    assert_eq!(table.health(key, 49), TargetHealth::Unavailable(50));
    assert_eq!(table.health(key, 99), TargetHealth::Degraded);
    assert_eq!(table.health(key, 100), TargetHealth::Healthy);
    table.set_cooldown(TargetKey::new("a", "b"), 300, false, 200);
    assert_eq!(table.to_bytes().len(), 24);
}

#[test]
fn target_keys_separate_provider_and_model() {
    assert_ne!(TargetKey::new("ab", "c"), TargetKey::new("a", "bc"));
}

proptest! {
    #[test]
    fn cooldowns_round_trip_from_any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let table = Cooldowns::from_bytes(&bytes);
        prop_assert_eq!(&Cooldowns::from_bytes(&table.to_bytes()), &table);
    }

    #[test]
    fn merging_is_commutative(a in prop::collection::vec(any::<u8>(), 0..200), b in prop::collection::vec(any::<u8>(), 0..200), key: u64, now: u64) {
        let (a, b) = (Cooldowns::from_bytes(&a), Cooldowns::from_bytes(&b));
        let (mut ab, mut ba) = (a.clone(), b.clone());
        ab.merge(&b);
        ba.merge(&a);
        prop_assert_eq!(ab.health(TargetKey(key), now), ba.health(TargetKey(key), now));
        prop_assert_eq!(ab.to_bytes().len(), ba.to_bytes().len());
    }

    #[test]
    fn a_plan_has_at_most_the_given_attempts(weights in prop::collection::vec(0u32..4, 1..6), attempts in 0u32..8, busy: bool) {
        let targets: Vec<Target> = weights.iter().map(|weight| target(*weight, 1)).collect();
        if let Ok(plan) = plan_route(&targets, &Request::default(), healthy, attempts, dice()) {
            let failed = if busy { Retry::OtherTarget } else { Retry::SameTarget };
            let steps = walk(plan, failed);
            prop_assert!(steps.len() <= attempts.max(1) as usize);
            prop_assert!(steps.iter().all(|(target, _)| weights[*target] > 0));
        }
    }
}
