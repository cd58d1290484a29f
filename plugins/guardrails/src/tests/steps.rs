//! Steps of the detectors over hostile texts: as many for each byte in a long text as in a short one, and not many.

use crate::steps::of;
use crate::*;

#[path = "../../examples/speed/hostile.rs"]
mod hostile;

#[path = "../../examples/speed/texts.rs"]
pub(super) mod natural;

pub(super) use hostile::{HOSTILE, text};

/// Most steps for a byte of a text that is there as a whole.
const WHOLE: f64 = 13.5;
/// The same where a policy has words, patterns and hosts of its own.
const OWN: f64 = 42.0;
/// The same where a policy has one kind.
const ALONE: f64 = 13.5;
/// The same where it comes byte by byte: held text is scanned again as it grows.
const STREAM: f64 = 160.0;

fn whole(guard: &Guard, text: &str) -> f64 {
    let steps = of(|| drop(guard.find(text)));
    steps as f64 / text.len() as f64
}

fn stream(guard: &Guard, text: &str) -> f64 {
    let steps = of(|| {
        let mut window = StreamScanner::new(Policies::ALL);
        text.as_bytes().chunks(1).for_each(|byte| drop(window.push(guard, byte).findings));
        window.finish(guard);
    });
    steps as f64 / text.len() as f64
}

/// All built-in kinds, and of each that policies list some that begin everywhere.
fn guard() -> Guard {
    let kinds = ["secrets", "pii", "prompt_injection", "invisible_text"].map(str::to_owned).to_vec();
    let words = ["confidential", "a b", "ａｂ", "电话"].map(str::to_owned).to_vec();
    let patterns = [r"a(.*b)?", r"\d{4,}x", r"(?i)pass.*word"].map(str::to_owned).to_vec();
    let urls = Some(UrlSpec { allow: vec!["*.good.test".into()], deny: vec![] });
    let all = DetectorSpec { kinds, threshold: Some(0.2), ..DetectorSpec::default() };
    Guard::compile(&[all, DetectorSpec { words, patterns, urls, ..DetectorSpec::default() }]).unwrap()
}

#[test]
fn hostile_texts_take_few_steps() {
    let (built_in, own) = (Guard::with_all_kinds(), guard());
    let mut dear = Vec::new();
    for row in HOSTILE {
        let [short, long] = [4_000, 16_000].map(|size| hostile::text(row, size));
        let a = [whole(&built_in, &short), whole(&own, &short), stream(&own, &short)];
        let b = [whole(&built_in, &long), whole(&own, &long), stream(&own, &long)];
        let few = b[0] <= WHOLE && b[1] <= OWN && b[2] <= STREAM;
        let linear = a.iter().zip(b).all(|(short, long)| long <= short * 1.5 + 5.0);
        if !(few && linear) {
            dear.push((row.0, a, b));
        }
    }
    assert!(dear.is_empty(), "{dear:#?}");
}

/// A policy with one kind does not pay for the others, in every text.
#[test]
fn each_kind_alone_takes_few_steps() {
    let mut dear = Vec::new();
    for row in KINDS.iter().filter(|row| row.group != Group::Custom) {
        let guard =
            Guard::compile(&[DetectorSpec { kinds: vec![row.name.into()], ..DetectorSpec::default() }]).unwrap();
        for hostile in HOSTILE {
            let steps = whole(&guard, &hostile::text(hostile, 700));
            if steps > ALONE {
                dear.push((row.name, hostile.0, steps));
            }
        }
    }
    assert!(dear.is_empty(), "{dear:#?}");
}

/// Every word of the tables and every prefix, repeated alone and with text that detectors read on.
#[test]
fn repeated_entries_take_few_steps() {
    let words = crate::words::vocabulary::VOCABULARY.iter().flat_map(|(_, words)| *words);
    let parts = crate::injection::PARTS.iter().flat_map(|(_, words)| *words);
    let prefixes = crate::secrets::rules::RULES.iter().map(|rule| std::str::from_utf8(rule.prefix).unwrap());
    let after_words = [" ", "=", ": aB3dE5gH7jK9mN1p ", " 12 34 56 78 90 ", ". "];
    let after_prefixes = ["", ".", "a-", "_", "aB3dE5gH7jK9mN1pQ2rS4tU6vW8xY0zA"];
    let of_words = words.chain(parts).flat_map(|word| after_words.map(|after| format!("{word}{after}")));
    let of_prefixes = prefixes.flat_map(|prefix| after_prefixes.map(|after| format!("{prefix}{after}")));
    let guard = Guard::with_all_kinds();
    let dear: Vec<_> = of_words
        .chain(of_prefixes)
        .filter(|unit| whole(&guard, &unit.repeat(1_000 / unit.len())) > WHOLE)
        // The end of a short text may be read more often.
        .map(|unit| (whole(&guard, &unit.repeat(16_000 / unit.len())), unit))
        .filter(|(steps, _)| *steps > WHOLE)
        .collect();
    assert!(dear.is_empty(), "{dear:#?}");
}

/// Runs of invisible characters are found to their end, so that masking leaves nothing of them.
#[test]
fn long_invisible_runs_are_found_whole() {
    let guard = Guard::with_all_kinds();
    for unit in ["\u{200b}", "\u{E0041}", "\u{2063}\u{FEFF}"] {
        let text = format!("a{}b", unit.repeat(100));
        let mut end = 1;
        for finding in guard.find(&text) {
            assert_eq!(finding.start, end, "{unit:?}");
            end = finding.end;
        }
        assert_eq!(end, text.len() - 1, "{unit:?}");
    }
}

/// Words and short numbers that no detector needs are hardly read more often than by the scan itself.
#[test]
fn plain_words_and_numbers_take_few_steps() {
    let guard = Guard::with_all_kinds();
    let units = [
        ("a.", 3.0),
        (".A", 3.0),
        ("系統提 ", 3.0),
        ("ｐａｓｓｗｏｒｄ ", 3.5),
        ("sk-", 3.0),
        ("eyJ.", 6.0),
        ("aB\u{34f}", 6.0),
        ("12 12 ", 2.0),
        ("3.4 ", 2.0),
        ("1\u{2066}", 8.0),
        (":1@1", 9.0),
        ("ip 1.2.3.4 ", 9.0),
        ("2.pwd= ا", 10.0),
        ("født 12 34 56 78 90 ", 10.0),
    ];
    for (unit, most) in units {
        let steps = whole(&guard, &unit.repeat(4_000 / unit.len()));
        assert!(steps <= most, "{unit:?} {steps}");
    }
}

/// Most places of the texts that callers send are not looked at one by one.
#[test]
fn texts_of_callers_take_less_than_a_step_for_each_byte() {
    let guard = Guard::with_all_kinds();
    let texts = [
        (natural::PROSE, 0.5),
        (natural::GERMAN, 0.8),
        (natural::CHINESE, 0.6),
        (natural::MIXED, 0.6),
        (natural::CODE, 0.6),
        (natural::JSON, 0.8),
        (natural::AGENT, 0.8),
    ];
    for (text, most) in texts {
        let steps = whole(&guard, &text.repeat(10));
        assert!(steps <= most, "{text} {steps}");
    }
}
