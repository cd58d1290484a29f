//! The one pass over the text: from word to word, stopping only where something can begin.

use crate::Guard;
use crate::kinds::Kind;
use crate::policies::Policies;
use crate::resolve::{Candidate, Resolver};
use crate::text::class::{DASH, DIGIT, DOT, LOCAL, MARK, WIDE, WORD};
use crate::text::{Text, class_of};

/// A longer run of letters and digits is looked at from its beginning only.
pub(crate) const LONGEST_TOKEN: usize = 128;
/// Longest local part of an address, RFC 5321 section 4.5.3.1.1.
pub(crate) const LONGEST_LOCAL_PART: usize = 64;

/// Where the pass is, in a few words.
#[derive(Debug, Default)]
pub(crate) struct ScanState {
    at: usize,
    /// Where the run began that could be the part before an `@`.
    local: usize,
}

/// Goes on as far as verdicts can be made. Returns up to where they are.
pub(crate) fn scan(
    guard: &Guard,
    policies: Policies,
    text: &Text<'_>,
    state: &mut ScanState,
    resolver: &mut Resolver,
) -> usize {
    let _ = (DIGIT, DOT, DASH);
    while let Some(byte) = text.arrived(state.at) {
        let class = class_of(byte);
        text.begin();
        if class & WORD != 0 {
            state.at = text.run(state.at, WORD, LONGEST_TOKEN);
            if text.is_short() {
                break;
            }
            continue;
        }
        if byte == b'@'
            && let Some((start, end)) = crate::scan::email(text, state.local, state.at)
        {
            let policies = guard.wanted(Kind::Email).and(policies);
            if !text.is_short() && !policies.is_empty() {
                resolver.add(Candidate { kind: Kind::Email, start, end, score: 1.0, policies });
            }
        }
        if text.is_short() {
            break;
        }
        state.at += text.char_len(state.at);
        if class & (LOCAL | DOT) == 0 || class & (MARK | WIDE) == MARK && byte == b'@' {
            state.local = state.at;
        }
    }
    match state.at - state.local <= LONGEST_LOCAL_PART {
        true => state.local,
        false => state.at,
    }
}

fn email(text: &Text<'_>, local: usize, at: usize) -> Option<(usize, usize)> {
    if at == local || at - local > LONGEST_LOCAL_PART {
        return None;
    }
    let end = text.run(at + 1, WORD | DOT | DASH, 255);
    (end > at + 3).then_some((local, end))
}
