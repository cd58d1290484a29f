//! Steps of the detectors over hostile texts: as many for each byte in a long text as in a short one, and not many.

use crate::steps::of;
use crate::*;

#[path = "../../examples/speed/hostile.rs"]
mod hostile;

use hostile::HOSTILE;

/// Most steps for a byte of a text that is there as a whole.
const WHOLE: f64 = 60.0;
/// The same where it comes byte by byte: what is held is looked at again as it grows.
const STREAM: f64 = 200.0;

fn whole(guard: &Guard, text: &str) -> f64 {
    let steps = of(|| drop(guard.find(text)));
    steps as f64 / text.len() as f64
}

fn stream(guard: &Guard, text: &str) -> f64 {
    let steps = of(|| {
        let mut window = Window::new(Policies::ALL);
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
fn hostile_texts_take_few_steps_for_each_byte() {
    let (built_in, own) = (Guard::with_all_kinds(), guard());
    let mut dear = Vec::new();
    for row in HOSTILE {
        let [short, long] = [4_000, 16_000].map(|size| hostile::text(row, size));
        let a = [whole(&built_in, &short), whole(&own, &short), stream(&own, &short)];
        let b = [whole(&built_in, &long), whole(&own, &long), stream(&own, &long)];
        let few = b[0] <= WHOLE && b[1] <= WHOLE && b[2] <= STREAM;
        let linear = a.iter().zip(b).all(|(short, long)| long <= short * 1.5 + 5.0);
        if !(few && linear) {
            dear.push((row.0, a, b));
        }
    }
    assert!(dear.is_empty(), "{dear:#?}");
}
