//! Words, patterns and hosts of policies, and how policies and overlaps go together.

use crate::*;

fn spec(policy: &str) -> DetectorSpec {
    DetectorSpec { policy: policy.into(), ..DetectorSpec::default() }
}

fn texts<'t>(guard: &Guard, text: &'t str) -> Vec<(&'static str, &'t str, u8)> {
    guard.find(text).iter().map(|f| (f.kind.name(), &text[f.start..f.end], f.policy)).collect()
}

#[test]
fn words_ignore_case_and_width() {
    let words = ["Top Secret", "秘密", "café"].map(str::to_owned).to_vec();
    let guard = Guard::compile(&[DetectorSpec { words, ..spec("w") }]).unwrap();
    let text = "top  SECRET, ｔｏｐ\nsecret; topsecret top secrets 秘密文書 CAFÉ cafés";
    let found: Vec<&str> = texts(&guard, text).into_iter().map(|(_, text, _)| text).collect();
    assert_eq!(found, ["top  SECRET", "ｔｏｐ\nsecret", "秘密", "CAFÉ"]);
}

#[test]
fn patterns_match_as_expressions_do() {
    let patterns = [r"PRJ-\d{4,6}\b".to_owned(), r"(?i)codename\s+\w+".to_owned()].to_vec();
    let guard = Guard::compile(&[DetectorSpec { patterns, ..spec("p") }]).unwrap();
    let found: Vec<&str> =
        texts(&guard, "PRJ-1234, PRJ-1234567 CodeName Zephyr.").into_iter().map(|(_, text, _)| text).collect();
    assert_eq!(found, ["PRJ-1234", "CodeName Zephyr"]);
}

#[test]
fn invalid_specs_say_why() {
    let wrong = |spec: DetectorSpec| Guard::compile(&[spec]).unwrap_err().reason;
    assert!(wrong(DetectorSpec { kinds: vec!["emial".into()], ..spec("x") }).contains("no such kind"));
    assert!(wrong(DetectorSpec { patterns: vec!["a*".into()], ..spec("x") }).contains("empty"));
    assert!(!wrong(DetectorSpec { patterns: vec!["(".into()], ..spec("x") }).is_empty());
    assert!(!wrong(DetectorSpec { patterns: vec![r"(a|b)*a(a|b){40}".into()], ..spec("x") }).is_empty());
    assert!(wrong(DetectorSpec { words: vec![" ".into()], ..spec("x") }).contains("letter"));
    assert!(wrong(DetectorSpec { threshold: Some(2.0), ..spec("x") }).contains("threshold"));
}

#[test]
fn hosts_are_allowed_or_denied() {
    let deny = UrlSpec { allow: vec![], deny: vec!["evil.test".into(), "*.bad.test".into()] };
    let allow = UrlSpec { allow: vec!["*.good.test".into()], deny: vec![] };
    let specs = [DetectorSpec { urls: Some(deny), ..spec("d") }, DetectorSpec { urls: Some(allow), ..spec("a") }];
    let guard = Guard::compile(&specs).unwrap();
    let urls = |text| texts(&guard, text).into_iter().map(|(_, _, policy)| policy).collect::<Vec<_>>();
    assert_eq!(urls("https://EVIL.test/x"), [0, 1]);
    assert_eq!(urls("http://a.bad.test:8080"), [0, 1]);
    assert_eq!(urls("http://bad.test"), [1]);
    assert_eq!(urls("see http://www.good.test."), Vec::<u8>::new());
}

#[test]
fn each_policy_has_its_own_findings() {
    let email = |policy, action| DetectorSpec { kinds: vec!["email".into()], action, ..spec(policy) };
    let guard = Guard::compile(&[email("watch", Action::Monitor), email("hide", Action::Mask)]).unwrap();
    assert_eq!(texts(&guard, "a@b.org"), [("email", "a@b.org", 0), ("email", "a@b.org", 1)]);
    let one = guard.find_in(b"a@b.org", Policies::from_iter([1]));
    assert_eq!(one.len(), 1);
    assert_eq!(guard.policy(&one[0]).unwrap().id, "hide");
    assert_eq!(guard.find_in(b"a@b.org", Policies::NONE), []);
}

#[test]
fn better_proof_wins_an_overlap() {
    let guard = Guard::with_all_kinds();
    let found = texts(&guard, "card: 4111-1111-1111-1111 token=AKIAQYLPMN5HHHFPZAM2");
    assert_eq!(found, [("card", "4111-1111-1111-1111", 0), ("aws_access_key_id", "AKIAQYLPMN5HHHFPZAM2", 0)]);
}
