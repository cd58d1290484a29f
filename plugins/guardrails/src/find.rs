//! Finds everything in a whole text.

use crate::kinds::KINDS;
use crate::policies::Policies;
use crate::stream_scanner::StreamScanner;
use crate::text::{LONGEST_TOKEN, RESCAN_GROWTH};
use crate::{Finding, Guard};
use std::ops::ControlFlow;

impl Guard {
    /// Returns the findings of all policies, sorted by their start.
    #[must_use]
    pub fn find(&self, text: &str) -> Vec<Finding> {
        self.find_in(text.as_bytes(), Policies::ALL)
    }

    /// Returns the findings of some policies. Bytes that are not UTF-8 are part of no finding.
    #[must_use]
    pub fn find_in(&self, text: &[u8], policies: Policies) -> Vec<Finding> {
        let mut findings = Vec::new();
        let _ = self.look_through(text, policies, |finding| {
            findings.push(finding);
            ControlFlow::Continue(())
        });
        findings
    }

    /// Calls `found` with each finding, sorted by its start, until it breaks. A hostile text has a finding every few bytes, so
    /// a caller that stores them needs a bound.
    pub fn look_through(
        &self,
        text: &[u8],
        policies: Policies,
        found: impl FnMut(Finding) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        StreamScanner::new(policies).whole(self, text, found)
    }

    /// Returns the findings of some policies as [`StreamScanner::reference`] finds them.
    #[cfg(any(test, feature = "reference"))]
    #[must_use]
    pub fn find_by_reference(&self, text: &[u8], policies: Policies) -> Vec<Finding> {
        let mut findings = Vec::new();
        let _ = StreamScanner::reference(policies).whole(self, text, |finding| {
            findings.push(finding);
            ControlFlow::Continue(())
        });
        findings
    }

    /// Returns the most bytes that a [`StreamScanner`] for these policies holds back: the longest reach of a kind, and an
    /// eighth, because long text that is held is not scanned again for each byte.
    #[must_use]
    pub fn hold_limit(&self, policies: Policies) -> usize {
        let wanted = KINDS.iter().filter(|row| !self.wanted(row.kind).and(policies).is_empty());
        let reach = wanted.map(|row| row.reach).max().unwrap_or(0).max(LONGEST_TOKEN);
        reach + reach / RESCAN_GROWTH
    }
}
