//! The scan that examines every word, mark and character: for texts that are too short or too dense for masks. The one over candidates
//! must come to the same findings.

use super::state::{ADDRESS, Pass, ScanState};
use super::stops::{mark, word};
use crate::text::class::{MARK, WIDE, WORD};
use crate::text::class_of;

/// Goes on to `upto`; none if there is not enough text for the stop at the state's position.
pub(super) fn scan(pass: &mut Pass<'_, '_>, state: &mut ScanState, upto: usize) -> Option<()> {
    while let Some(byte) = pass.text.arrived(state.at).filter(|_| state.at < upto) {
        crate::steps::count(1);
        let class = class_of(byte);
        let next = if class & WORD != 0 {
            word(pass, state)
        } else if class & (MARK | WIDE) != 0 {
            mark(pass, state, byte)
        } else {
            Some(state.at + 1)
        }?;
        state.go_on(next, class & ADDRESS != 0);
    }
    Some(())
}
