//! The stops of the scan: what is done at a word, a mark or a character beyond ASCII.
//!
//! At each stop all detectors read forwards, and a few bytes back. If one of them read beyond the end of the arrived text, the
//! result is discarded and the pass stops there; it continues when there is more. So the order of events is the same for every
//! way to cut a stream.

use super::state::{Pass, ScanState};
use crate::Guard;
use crate::context::{ScanContext, Token};
use crate::kinds::Kind;
use crate::resolve::Candidate;
use crate::text::class::{DIGIT, HEX, LETTER, LOWER, UPPER, WIDE, WORD};
use crate::text::{LONGEST_TOKEN, Text, class_of};
use crate::words::starts::Starts;
use crate::{invisible, pii, secrets};

/// Letters of `basic`, the shortest scheme of authorization.
const SHORTEST_SCHEME: usize = 5;
/// A shorter word of letters alone is no credential.
pub(crate) const LONGEST_PLAIN: usize = 16;

/// Examines the word that begins here; returns where to go on, nothing if there is not enough text to tell.
#[inline(always)]
pub(super) fn word(pass: &mut Pass<'_, '_>, state: &mut ScanState) -> Option<usize> {
    let text = pass.text;
    text.begin();
    if text.before(state.at).is_some_and(|byte| class_of(byte) & WORD != 0) {
        // The rest of a run that was too long.
        let end = text.run(state.at, WORD, usize::MAX);
        return Some(end);
    }
    let start = state.at + escape(text, state.at);
    let token = token(text, start);
    if text.is_short() {
        return None;
    }
    if token.end == start {
        return Some(start.max(state.at + 1));
    }
    let begins_entry = token.any & LETTER != 0 && pass.guard.lexicon().starts().may_start(text.rest(start));
    let nothing = token.any & LETTER == 0 && pii::is_nothing(text, &state.topics, token);
    // An entry may be a scheme of authorization, but no short name with humps is one.
    let may_be_scheme = begins_entry && !(has_humps(token) && token.len() < SHORTEST_SCHEME);
    let plain = !may_be_scheme && is_plain(pass, state, token, nothing);
    if plain && !begins_entry && !has_humps(token) {
        return Some(token.end);
    }
    run_detectors(pass, state, |context, guard| {
        if token.any & LETTER != 0 {
            words(context, guard, token, begins_entry);
        }
        // The results do not count after a read beyond the end.
        if !plain && !context.text.is_short() {
            secrets::word(context, guard, token);
        }
        if !plain && !context.text.is_short() {
            pii::word(context, token, nothing);
        }
    })?;
    Some(token.end)
}

/// Notes the entry that may begin here with a word that is nothing else to any detector; returns where to go on.
pub(super) fn entry(pass: &mut Pass<'_, '_>, state: &mut ScanState, length: usize) -> Option<usize> {
    let at = state.at;
    pass.text.begin();
    run_detectors(pass, state, |context, guard| note_entry(context, guard, at))?;
    Some(at + length)
}

/// Returns whether a word is plain prose: no detector of secrets or personal data needs it.
fn is_plain(pass: &Pass<'_, '_>, state: &ScanState, token: Token, nothing: bool) -> bool {
    let rest = pass.text.rest(token.start);
    if token.any & LETTER == 0 {
        return nothing
            && pii::is_plain_number(pass.text, &state.topics, token)
            && !pass.guard.prefixes().may_begin(rest);
    }
    let small = token.any & DIGIT == 0 && token.len() < LONGEST_PLAIN;
    let Some(next) = rest.get(token.len()).copied().filter(|_| small) else { return false };
    let spaced = matches!(next, b' ' | b'\n' | 0x80..);
    let formless = match (token.any & LOWER != 0, token.rest & UPPER != 0) {
        (true, false) => spaced || ends_plain(pass.guard, token, rest, next),
        (true, true) => spaced,
        (false, _) => matches!(next, b'.' | b'-' | b'_') && ends_plain(pass.guard, token, rest, next),
    };
    formless && (!state.topics.any_near(token.start, 64) || spaced && needs_no_topic(state, token))
}

/// Returns whether no word before makes anything of a small word with a space after it: neither "is" of "the password is" nor
/// the name of a month.
fn needs_no_topic(state: &ScanState, token: Token) -> bool {
    let verb = token.len() <= 3 && state.topics.any_near(token.start, 4);
    !verb && !pii::may_be_told(&state.topics, token.start)
}

/// Returns whether no format that begins with a short word in small letters continues with this byte.
pub(super) fn ends_plain(guard: &Guard, token: Token, rest: &[u8], next: u8) -> bool {
    match next {
        // A scheme.
        b':' => false,
        // Prefixes of credentials, hex digits of addresses, an old form of token.
        b'.' | b'-' | b'_' | b'$' => {
            let grouped = matches!((token.len(), next), (4, b'.') | (2, b'-'));
            let hex = grouped && rest.first().is_some_and(u8::is_ascii_hexdigit);
            !hex && token.len() != 14 && !guard.prefixes().may_begin(rest)
        }
        _ => true,
    }
}

/// Examines the punctuation mark or the character beyond ASCII that begins here; returns where to go on.
#[inline]
pub(super) fn mark(pass: &mut Pass<'_, '_>, state: &mut ScanState, byte: u8) -> Option<usize> {
    let text = pass.text;
    text.begin();
    if byte >= 0x80 {
        return wide_run(pass, state);
    }
    if text.arrived(state.at + 1).is_some_and(|next| begins_nothing(byte, next)) {
        return Some(state.at + 1);
    }
    run_mark_detectors(pass, state, byte)
}

// Most marks begin nothing; inlined here, the detectors would keep [`mark`] out of the loop of the scan.
#[inline(never)]
fn run_mark_detectors(pass: &mut Pass<'_, '_>, state: &mut ScanState, byte: u8) -> Option<usize> {
    let at = state.at;
    let local = if byte == b'@' { state.begin_of_address(pass.text) } else { at };
    run_detectors(pass, state, |context, _| match byte {
        b'@' => pii::email::address(context, local, at),
        _ => {
            secrets::mark(context, at, byte);
            pii::mark(context, at, byte);
            crate::injection::mark(context, at, byte);
        }
    })?;
    Some(at + 1)
}

/// Returns whether no detector wants a punctuation mark before this byte.
fn begins_nothing(byte: u8, next: u8) -> bool {
    match byte {
        b'<' => !b"|<s/".contains(&next),
        b'[' => !b"ISs".contains(&next),
        b'#' => next != b'#',
        b'-' => next != b'-',
        b'(' => !next.is_ascii_digit(),
        b'+' => !matches!(next, b'1'..=b'9' | b'('),
        _ => false,
    }
}

/// Examines the character here, and steps over those behind it at which nothing can begin.
pub(super) fn wide_run(pass: &mut Pass<'_, '_>, state: &mut ScanState) -> Option<usize> {
    let text = pass.text;
    let mut at = skip_plain(pass, state.at);
    while text.arrived(at).is_some_and(|byte| byte >= 0x80) {
        let length = text.char_len(at);
        if text.is_short() {
            break;
        }
        let rest = text.rest(at);
        let begins_entry = begins_word(text, at) && pass.guard.lexicon().starts().may_start_wide(rest);
        let invisible = invisible::may_be(rest);
        if begins_entry || invisible {
            if at > state.at {
                break;
            }
            run_detectors(pass, state, |context, guard| {
                if invisible {
                    invisible::character(context, at);
                }
                if begins_entry {
                    note_entry(context, guard, at);
                }
            })?;
        }
        // Nothing else begins in a run of invisible characters that was reported.
        at = (at + length).max(text.memories().invisible.get());
        if text.arrived(at).is_some_and(|byte| byte >= 0x80) {
            // Within a word no other begins.
            at += Starts::skip_letters(text.rest(at));
            at = skip_plain(pass, at);
        }
    }
    (at > state.at).then_some(at)
}

/// Steps over characters of three bytes that begin nothing.
#[inline]
fn skip_plain(pass: &Pass<'_, '_>, at: usize) -> usize {
    match pass.text.arrived(at) {
        Some(0xE0 | 0xE3..=0xED) => at + pass.guard.lexicon().starts().skip_wide(pass.text.rest(at)),
        _ => at,
    }
}

/// Returns whether a word can begin with the character here: scripts beyond the first two thousand may have no spaces.
fn begins_word(text: &Text<'_>, at: usize) -> bool {
    text.arrived(at).is_some_and(|lead| lead >= 0xE0)
        || text.before(at).is_none_or(|byte| class_of(byte) & (WIDE | WORD) == 0)
}

/// Notes the words of context in a word: at its beginning and at each capital of camelCase.
fn words(context: &mut ScanContext<'_, '_>, guard: &Guard, token: Token, begins_entry: bool) {
    if begins_entry && (token.any & LOWER != 0 || token.len() < 24) {
        note_entry(context, guard, token.start);
    }
    if !has_humps(token) {
        return;
    }
    let mut before = 0;
    for (at, &byte) in (token.start..).zip(context.text.slice(token.start, token.end)) {
        let class = class_of(byte);
        if before & LOWER != 0 && class & UPPER != 0 {
            note(context, guard, at);
            // An identifier is no sentence.
            context.draft.roles.clear();
        }
        before = class;
    }
}

/// Returns whether capitals may stand behind small letters in it.
fn has_humps(token: Token) -> bool {
    token.rest & UPPER != 0 && token.any & LOWER != 0
}

fn note(context: &mut ScanContext<'_, '_>, guard: &Guard, at: usize) {
    let rest = context.text.rest(at);
    if rest.first().is_some_and(u8::is_ascii) && !guard.lexicon().starts().may_start(rest) {
        return;
    }
    note_entry(context, guard, at);
}

fn note_entry(context: &mut ScanContext<'_, '_>, guard: &Guard, at: usize) {
    if let Some((meaning, end)) = guard.lexicon().walk(context.text, at) {
        if meaning.topics != 0 {
            context.draft.topics.push((meaning.topics, end));
        }
        if meaning.roles != 0 {
            context.draft.roles.push((meaning.roles, at, end));
        }
    }
}

/// Runs detectors; their results count if the text was long enough for them.
fn run_detectors<'g>(
    pass: &mut Pass<'g, '_>,
    state: &mut ScanState,
    detect: impl FnOnce(&mut ScanContext<'_, '_>, &'g Guard),
) -> Option<()> {
    let ScanState { topics, draft, injection, last_number, .. } = state;
    draft.clear();
    let mut context = ScanContext { text: pass.text, kinds: pass.kinds, topics, last_number, draft };
    detect(&mut context, pass.guard);
    if pass.text.is_short() {
        return None;
    }
    for &(kind, start, end, told) in &draft.found {
        report(pass, kind, start, end, 1.0, told);
    }
    for &(start, end, policies) in &draft.urls {
        let policies = policies.and(pass.policies);
        pass.resolver.add(Candidate { kind: Kind::Url, start, end, score: 1.0, policies, told: 0 });
    }
    for &(noted, end) in &draft.topics {
        topics.note(noted, end);
    }
    for &(roles, start, end) in &draft.roles {
        if let Some(score) = injection.note(pass.text, roles, start, end) {
            report(pass, Kind::PromptInjection, start, end, score, 0);
        }
    }
    Some(())
}

fn report(pass: &mut Pass<'_, '_>, kind: Kind, start: usize, end: usize, score: f32, told: usize) {
    let mut policies = pass.guard.wanted(kind).and(pass.policies);
    if kind == Kind::PromptInjection {
        policies = pass.guard.reached(policies, score);
    }
    if !policies.is_empty() {
        pass.resolver.add(Candidate { kind, start, end, score, policies, told });
    }
}

fn token(text: &Text<'_>, start: usize) -> Token {
    let (mut first, mut rest, mut length) = (0, 0, 0);
    for &byte in text.rest(start).iter().take(LONGEST_TOKEN) {
        crate::steps::count(1);
        let class = class_of(byte);
        if class & WORD == 0 {
            break;
        }
        rest |= if length == 0 { 0 } else { class };
        first |= if length == 0 { class } else { 0 };
        length += 1;
    }
    if length < LONGEST_TOKEN {
        // Where it ends has to be known.
        text.get(start + length);
    }
    Token { start, end: start + length, any: first | rest, rest }
}

/// Returns how many of the letters and digits here belong to an escape that stands before a word: `\n`, `\u0022`, `%3D`.
fn escape(text: &Text<'_>, at: usize) -> usize {
    let hex = |from: usize, count: usize| (from..from + count).all(|at| text.class(at) & HEX != 0);
    match text.before(at) {
        Some(b'\\') => match text.arrived(at) {
            Some(b'n' | b'r' | b't') => 1,
            Some(b'u') if hex(at + 1, 4) => 5,
            _ => 0,
        },
        Some(b'%') if text.arrived(at).is_some_and(|byte| matches!(byte, b'2' | b'3' | b'0')) => {
            match text.get(at + 1).is_some_and(|byte| byte.is_ascii_hexdigit()) {
                true => 2,
                false => 0,
            }
        }
        _ => 0,
    }
}
