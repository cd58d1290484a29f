//! The one pass over the text: from word to word, stopping only where something can begin.
//!
//! At each place all detectors look, forwards, and at a few bytes behind. If one of them looked beyond what has
//! arrived, nothing counts and the pass stops there; it comes back when there is more. So the order of events is the
//! same for every way to cut a stream.

use crate::Guard;
use crate::injection::Injection;
use crate::kinds::Kind;
use crate::look::{Draft, KindSet, Look, Token};
use crate::pattern::Search;
use crate::policies::Policies;
use crate::resolve::{Candidate, Resolver};
use crate::text::class::{DASH, DIGIT, DOT, HEX, LETTER, LOCAL, LOWER, MARK, UNDERSCORE, UPPER, WIDE, WORD};
use crate::text::{Text, class_of};
use crate::words::topic::Topics;
use crate::{invisible, pii, secrets};

/// A longer run of letters and digits is looked at from its beginning only.
pub(crate) const LONGEST_TOKEN: usize = 128;
/// Longest local part of an address, RFC 5321 section 4.5.3.1.1.
pub(crate) const LONGEST_LOCAL_PART: usize = 64;
/// What waits for more text and is longer than this is looked at again once it has grown by one part in [`LOOK_AGAIN`],
/// so that a stream of single bytes is not read over and over.
const LOOK_AGAIN_FROM: usize = 32;
/// See [`LOOK_AGAIN_FROM`].
pub(crate) const LOOK_AGAIN: usize = 8;
/// What the part before an `@` is made of.
const ADDRESS: u32 = WORD | DOT | DASH | UNDERSCORE | LOCAL;

/// Where the pass is, and what it remembers.
#[derive(Debug, Default)]
pub(crate) struct ScanState {
    at: usize,
    /// It is of no use to look before so much text has arrived.
    again: usize,
    /// Where the run began that could be the part before an `@`.
    local: usize,
    topics: Topics,
    injection: Injection,
    draft: Draft,
}

/// Where the pass, the phrases and the patterns are.
#[derive(Debug, Default)]
pub(crate) struct Places {
    pass: ScanState,
    phrases: Place,
    patterns: Vec<Search>,
}

/// Where the phrases are.
#[derive(Debug, Default)]
pub(crate) struct Place {
    pub(crate) at: usize,
    /// It is of no use to look before so much text has arrived.
    pub(crate) again: usize,
}

/// How much text has to arrive until it is worth looking again at what begins at `at` and ran into the end.
pub(crate) fn look_again(text: &Text<'_>, at: usize) -> usize {
    let pending = text.end().saturating_sub(at);
    if pending > LOOK_AGAIN_FROM { text.end() + pending / LOOK_AGAIN } else { 0 }
}

/// Looks for everything that begins before `upto`, as far as verdicts can be made. Returns up to where they are.
pub(crate) fn advance(pass: &mut Pass<'_, '_>, places: &mut Places, upto: usize) -> usize {
    let mut known = scan(pass, &mut places.pass, upto);
    let phrases = pass.guard.phrases();
    if !phrases.is_empty() && pass.kinds.contains(Kind::Words) {
        phrases.scan(pass.text, &mut places.phrases, upto, |start, end, policies| {
            let policies = policies.and(pass.policies);
            add(pass.resolver, Kind::Words, start, end, policies);
        });
        known = known.min(places.phrases.at);
    }
    let patterns = pass.guard.patterns();
    places.patterns.resize_with(patterns.len(), Search::default);
    for (pattern, place) in patterns.iter().zip(&mut places.patterns) {
        let policies = pattern.policies.and(pass.policies);
        if !policies.is_empty() {
            let found = |start, end| add(pass.resolver, Kind::Pattern, start, end, policies);
            known = known.min(pattern.scan(pass.text, place, upto, found));
        }
    }
    known
}

fn add(resolver: &mut Resolver, kind: Kind, start: usize, end: usize, policies: Policies) {
    if !policies.is_empty() {
        resolver.add(Candidate { kind, start, end, score: 1.0, policies, told: 0 });
    }
}

/// One pass, over what has arrived.
pub(crate) struct Pass<'a, 't> {
    pub(crate) guard: &'a Guard,
    pub(crate) policies: Policies,
    pub(crate) kinds: KindSet,
    pub(crate) text: &'a Text<'t>,
    pub(crate) resolver: &'a mut Resolver,
}

/// Goes on as far as verdicts can be made. Returns up to where they are.
fn scan(pass: &mut Pass<'_, '_>, state: &mut ScanState, upto: usize) -> usize {
    if !pass.kinds.has_built_in() {
        state.at = pass.text.end();
        return state.at;
    }
    let enough = pass.text.is_whole() || pass.text.end() >= state.again;
    while let Some(byte) = pass.text.arrived(state.at).filter(|_| enough && state.at < upto) {
        crate::steps::count(1);
        let class = class_of(byte);
        let next = if class & WORD != 0 {
            word(pass, state)
        } else if class & (MARK | WIDE) != 0 {
            mark(pass, state, byte)
        } else {
            Some(state.at + 1)
        };
        let Some(next) = next else {
            state.again = look_again(pass.text, state.at);
            break;
        };
        if class & ADDRESS == 0 {
            state.local = next;
        }
        state.at = next;
    }
    match state.at - state.local <= LONGEST_LOCAL_PART {
        true => state.local.min(state.at),
        false => state.at,
    }
}

/// Looks at the word that begins here; returns where to go on, nothing if there is not enough text to tell.
fn word(pass: &mut Pass<'_, '_>, state: &mut ScanState) -> Option<usize> {
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
    if is_plain(pass, state, token) {
        return Some(token.end);
    }
    look(pass, state, |look, guard| {
        if token.any & LETTER != 0 {
            words(look, guard, token);
        }
        // What was seen does not count once somebody has looked too far.
        if !look.text.is_short() {
            secrets::word(look, guard, token);
        }
        if !look.text.is_short() {
            pii::word(look, token);
        }
    })?;
    Some(token.end)
}

/// Whether a word is one of prose that tells nothing, with nothing near that told something.
fn is_plain(pass: &Pass<'_, '_>, state: &ScanState, token: Token) -> bool {
    let small = token.any & DIGIT == 0 && token.rest & UPPER == 0 && token.any & LOWER != 0 && token.len() < 16;
    let rest = pass.text.rest(token.start);
    let ends = rest.get(token.len()).is_some_and(|byte| b" \n,;)\"!?".contains(byte));
    small && ends && !state.topics.any_near(token.start, 64) && !pass.guard.lexicon().may_start(rest)
}

fn mark(pass: &mut Pass<'_, '_>, state: &mut ScanState, byte: u8) -> Option<usize> {
    let text = pass.text;
    text.begin();
    let (at, local) = (state.at, state.local);
    if byte >= 0x80 {
        return wide_run(pass, state);
    }
    look(pass, state, |look, _| match byte {
        b'@' => pii::email::address(look, local, at),
        _ => {
            secrets::mark(look, at, byte);
            pii::mark(look, at, byte);
            crate::injection::mark(look, at, byte);
        }
    })?;
    Some(at + 1)
}

/// Looks at the character here, and steps over those behind it at which nothing can begin.
fn wide_run(pass: &mut Pass<'_, '_>, state: &mut ScanState) -> Option<usize> {
    let text = pass.text;
    let mut at = state.at;
    while text.arrived(at).is_some_and(|byte| byte >= 0x80) {
        let length = text.char_len(at);
        if text.is_short() {
            break;
        }
        let rest = text.rest(at);
        let begins = begins_word(text, at);
        if invisible::may_be(rest) || begins && pass.guard.lexicon().may_start_wide(rest) {
            if at > state.at {
                break;
            }
            look(pass, state, |look, guard| wide(look, guard, at))?;
        }
        at += length;
    }
    (at > state.at).then_some(at)
}

fn wide(look: &mut Look<'_, '_>, guard: &Guard, at: usize) {
    invisible::character(look, at);
    if begins_word(look.text, at) {
        note(look, guard, at);
    }
}

/// Whether a word can begin with the character here: scripts beyond the first two thousand may have no spaces.
fn begins_word(text: &Text<'_>, at: usize) -> bool {
    text.arrived(at).is_some_and(|lead| lead >= 0xE0)
        || text.before(at).is_none_or(|byte| class_of(byte) & (WIDE | WORD) == 0)
}

/// The words of context in a word: at its beginning and at each hump of a camel.
fn words(look: &mut Look<'_, '_>, guard: &Guard, token: Token) {
    if token.any & LOWER != 0 || token.len() < 24 {
        note(look, guard, token.start);
    }
    if token.rest & UPPER == 0 || token.any & LOWER == 0 {
        return;
    }
    let mut before = 0;
    for (at, &byte) in (token.start..).zip(look.text.slice(token.start, token.end)) {
        let class = class_of(byte);
        if before & LOWER != 0 && class & UPPER != 0 {
            note(look, guard, at);
            // An identifier is no sentence.
            look.draft.roles.clear();
        }
        before = class;
    }
}

fn note(look: &mut Look<'_, '_>, guard: &Guard, at: usize) {
    let rest = look.text.rest(at);
    if rest.first().is_some_and(u8::is_ascii) && !guard.lexicon().may_start(rest) {
        return;
    }
    if let Some((meaning, end)) = guard.lexicon().walk(look.text, at) {
        if meaning.topics != 0 {
            look.draft.topics.push((meaning.topics, end));
        }
        if meaning.roles != 0 {
            look.draft.roles.push((meaning.roles, at, end));
        }
    }
}

/// Lets detectors look; what they saw counts if the text was long enough for it.
fn look<'g>(
    pass: &mut Pass<'g, '_>,
    state: &mut ScanState,
    detect: impl FnOnce(&mut Look<'_, '_>, &'g Guard),
) -> Option<()> {
    let ScanState { topics, draft, injection, .. } = state;
    draft.clear();
    let mut look = Look { text: pass.text, kinds: pass.kinds, topics, draft };
    detect(&mut look, pass.guard);
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

fn report(pass: &mut Pass<'_, '_>, kind: Kind, start: usize, end: usize, score: f32, told: u16) {
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

/// How many of the letters and digits here belong to an escape that stands before a word: `\n`, `\u0022`, `%3D`.
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
