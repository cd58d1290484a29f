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

fn ready(_: usize) -> Rest {
    Rest::Ready
}

/// Every target a course tries, with its kinds, if each try fails like this.
fn walk(mut course: Course, failed: Retriable) -> Vec<(usize, StepKind)> {
    let mut steps = vec![course.begin().unwrap()];
    while let Some(step) = course.advance(failed) {
        steps.push(step);
    }
    steps.into_iter().map(|step| (step.target, step.kind)).collect()
}

fn first(
    targets: &[Target],
    request: &Request,
    rest: impl Fn(usize) -> Rest,
    draw: impl FnMut() -> u32,
) -> Option<usize> {
    draw_course(targets, request, rest, 1, draw).ok()?.begin().map(|step| step.target)
}

#[test]
fn weights_share_the_first_try() {
    let targets = [target(3, 1), target(1, 1)];
    let mut draw = dice();
    let hits = (0..20_000).filter(|_| first(&targets, &Request::default(), ready, &mut draw) == Some(0)).count();
    assert!((14_500..15_500).contains(&hits), "{hits} of 20000 went to the target of weight 3 of 4");
}

#[test]
fn a_lower_tier_goes_first_and_the_next_tier_when_it_is_spent() {
    let targets = [target(1, 2), target(1, 1), target(9, 2)];
    let course = draw_course(&targets, &Request::default(), ready, 3, dice()).unwrap();
    let steps = walk(course, Retriable::Again);
    assert_eq!(steps[0], (1, StepKind::First));
    assert!(steps[1..].iter().all(|(target, kind)| *target != 1 && *kind == StepKind::Failover));
}

#[test]
fn weight_zero_is_out_of_rotation() {
    let targets = [target(0, 1), target(1, 2)];
    assert_eq!(first(&targets, &Request::default(), ready, dice()), Some(1));
    assert_eq!(
        draw_course(&[target(0, 1)], &Request::default(), ready, 1, dice()).unwrap_err(),
        NoTarget::NoneEligible
    );
}

#[test]
fn untried_targets_come_before_the_same_one_again() {
    let targets = [target(1, 1), target(1, 2)];
    let course = draw_course(&targets, &Request::default(), ready, 4, dice()).unwrap();
    let kinds = walk(course, Retriable::Again);
    assert_eq!(
        kinds,
        [(0, StepKind::First), (1, StepKind::Failover), (0, StepKind::Failover), (1, StepKind::Failover)]
    );
}

#[test]
fn a_lone_target_is_asked_again_after_a_broken_connection_but_not_when_it_is_busy() {
    let course = draw_course(&[target(1, 1)], &Request::default(), ready, 3, dice()).unwrap();
    assert_eq!(
        walk(course.clone(), Retriable::Again),
        [(0, StepKind::First), (0, StepKind::Retry), (0, StepKind::Retry)]
    );
    assert_eq!(walk(course, Retriable::NotThisTarget), [(0, StepKind::First)]);
}

#[test]
fn what_is_peeked_is_what_comes() {
    let targets = [target(1, 1), target(1, 1), target(1, 2)];
    let mut course = draw_course(&targets, &Request::default(), ready, 5, dice()).unwrap();
    course.begin();
    for failed in [Retriable::Again, Retriable::NotThisTarget, Retriable::Again, Retriable::Again, Retriable::Again] {
        let peeked = course.peek_next(failed);
        assert_eq!(course.advance(failed), peeked);
    }
}

#[test]
fn tired_targets_go_last_but_still_serve() {
    let targets = [target(1, 1), target(1, 2)];
    let tired = |index| if index == 0 { Rest::Tired } else { Rest::Ready };
    assert_eq!(first(&targets, &Request::default(), tired, dice()), Some(1));
    assert_eq!(first(&targets[..1], &Request::default(), |_| Rest::Tired, dice()), Some(0));
}

#[test]
fn barred_targets_are_left_alone_and_tell_when_they_are_back() {
    let targets = [target(1, 1), target(1, 1)];
    let one = |index| if index == 0 { Rest::Barred(900) } else { Rest::Ready };
    assert_eq!(first(&targets, &Request::default(), one, dice()), Some(1));
    let both = |index| Rest::Barred(900 - index as u64);
    assert_eq!(draw_course(&targets, &Request::default(), both, 1, dice()).unwrap_err(), NoTarget::AllBarred(899));
}

#[test]
fn conditions_choose_who_is_eligible() {
    let when = [
        Condition::default().stream(Some(true)),
        Condition::default().prompt_bytes(Some(10), Some(20)),
        Condition::default().teams(["search"]).keys(["alice-*"]),
        Condition::default().header("x-tier", "gold*"),
    ];
    let targets: Vec<Target> = when.into_iter().map(|when| Target { weight: 1, tier: 1, when }).collect();
    let pick = |request: Request| first(&targets, &request, ready, dice());
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
fn cooldowns_end_and_the_later_end_wins() {
    let key = TargetKey::new("openai", "gpt-5.2");
    let mut table = Cooldowns::default();
    table.rest_until(key, 100, false, 0);
    table.rest_until(key, 50, true, 0);
    assert_eq!(table.rest(key, 49), Rest::Barred(50));
    assert_eq!(table.rest(key, 99), Rest::Tired);
    assert_eq!(table.rest(key, 100), Rest::Ready);
    table.rest_until(TargetKey::new("a", "b"), 300, false, 200);
    assert_eq!(table.to_bytes().len(), 24);
}

#[test]
fn a_target_s_name_is_not_made_of_its_neighbour_s() {
    assert_ne!(TargetKey::new("ab", "c"), TargetKey::new("a", "bc"));
}

proptest! {
    #[test]
    fn any_bytes_are_a_table_and_a_table_survives_its_bytes(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let table = Cooldowns::from_bytes(&bytes);
        prop_assert_eq!(&Cooldowns::from_bytes(&table.to_bytes()), &table);
    }

    #[test]
    fn merging_is_commutative(a in prop::collection::vec(any::<u8>(), 0..200), b in prop::collection::vec(any::<u8>(), 0..200), key: u64, now: u64) {
        let (a, b) = (Cooldowns::from_bytes(&a), Cooldowns::from_bytes(&b));
        let (mut ab, mut ba) = (a.clone(), b.clone());
        ab.merge(&b);
        ba.merge(&a);
        prop_assert_eq!(ab.rest(TargetKey(key), now), ba.rest(TargetKey(key), now));
        prop_assert_eq!(ab.to_bytes().len(), ba.to_bytes().len());
    }

    #[test]
    fn a_course_makes_at_most_the_attempts_it_was_given(weights in prop::collection::vec(0u32..4, 1..6), attempts in 0u32..8, busy: bool) {
        let targets: Vec<Target> = weights.iter().map(|weight| target(*weight, 1)).collect();
        if let Ok(course) = draw_course(&targets, &Request::default(), ready, attempts, dice()) {
            let failed = if busy { Retriable::NotThisTarget } else { Retriable::Again };
            let steps = walk(course, failed);
            prop_assert!(steps.len() <= attempts.max(1) as usize);
            prop_assert!(steps.iter().all(|(target, _)| weights[*target] > 0));
        }
    }
}
