//! The passes over the text: for the built-in kinds, for phrases, and one for each pattern. Each examines only places where
//! something can begin.

mod calm;
mod candidates;
mod every_stop;
mod state;
mod stops;
mod stops_of_block;

#[cfg(test)]
pub(crate) use stops::LONGEST_PLAIN;

pub(crate) use state::Pass;

use crate::kinds::Kind;
use crate::pattern::Search;
use crate::phrases::PhrasePosition;
use crate::policies::Policies;
use crate::resolve::{Candidate, Resolver};
use crate::text::LONGEST_LOCAL_PART;
use state::ScanState;

/// The positions of the pass, the phrases and the patterns.
#[derive(Debug, Default)]
pub(crate) struct ScanPositions {
    pass: ScanState,
    phrases: PhrasePosition,
    patterns: Vec<Search>,
}

/// Searches for findings that begin before `upto`, as far as verdicts can be made. Returns the end of that part.
pub(crate) fn advance(pass: &mut Pass<'_, '_>, positions: &mut ScanPositions, upto: usize) -> usize {
    let mut known = scan(pass, &mut positions.pass, upto);
    let phrases = pass.guard.phrases();
    if !phrases.is_empty() && pass.kinds.contains(Kind::Words) {
        let everywhere = pass.is_reference();
        phrases.scan(pass.text, &mut positions.phrases, upto, everywhere, |start, end, policies| {
            let policies = policies.and(pass.policies);
            add(pass.resolver, Kind::Words, start, end, policies);
        });
        known = known.min(positions.phrases.at);
    }
    let patterns = pass.guard.patterns();
    positions.patterns.resize_with(patterns.len(), Search::default);
    for (pattern, place) in patterns.iter().zip(&mut positions.patterns) {
        let policies = pattern.policies.and(pass.policies);
        if !policies.is_empty() {
            let everywhere = pass.is_reference();
            let found = |start, end| add(pass.resolver, Kind::Pattern, start, end, policies);
            known = known.min(pattern.scan(pass.text, place, upto, everywhere, found));
        }
    }
    known
}

fn add(resolver: &mut Resolver, kind: Kind, start: usize, end: usize, policies: Policies) {
    if !policies.is_empty() {
        resolver.add(Candidate { kind, start, end, score: 1.0, policies, told: 0 });
    }
}

/// Continues as far as verdicts can be made. Returns the end of that part.
fn scan(pass: &mut Pass<'_, '_>, state: &mut ScanState, upto: usize) -> usize {
    if !pass.kinds.has_built_in() {
        state.at = pass.text.end();
        return state.at;
    }
    let enough = pass.text.is_whole() || pass.text.end() >= state.rescan_at;
    let scan = if pass.is_reference() { every_stop::scan } else { candidates::scan };
    if enough && scan(pass, state, upto).is_none() {
        state.rescan_at = pass.text.rescan_at(state.at);
    }
    let local = state.begin_of_address(pass.text);
    if state.at - local <= LONGEST_LOCAL_PART { local.min(state.at) } else { state.at }
}
