//! The result of a verification: one line for each check. A packet, a database and a running collector are judged in the same words.

use serde::Serialize;

/// The most lines of one kind.
const MAX_CHECKS: usize = 10_000;

/// The result of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Judgement {
    /// It holds.
    Holds,
    /// It cannot be judged: something is lost, or cannot be reached.
    Unknown,
    /// It is contradicted.
    Contradicted,
}

/// One check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// The subject: `requests 17`, `audit checkpoints`.
    pub of: String,
    /// The result.
    pub judgement: Judgement,
    /// The result in words.
    pub text: String,
}

impl Check {
    fn new(of: impl Into<String>, judgement: Judgement, text: impl Into<String>) -> Self {
        Self { of: of.into(), judgement, text: text.into() }
    }

    /// A check that holds.
    pub fn holds(of: impl Into<String>, text: impl Into<String>) -> Self {
        Self::new(of, Judgement::Holds, text)
    }

    /// A check that cannot be judged.
    pub fn unknown(of: impl Into<String>, text: impl Into<String>) -> Self {
        Self::new(of, Judgement::Unknown, text)
    }

    /// A check that is contradicted.
    pub fn contradicted(of: impl Into<String>, text: impl Into<String>) -> Self {
        Self::new(of, Judgement::Contradicted, text)
    }
}

/// All checks.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// The checks, in their order.
    pub checks: Vec<Check>,
    /// The number of further checks that do not hold.
    pub more: u64,
    #[serde(skip)]
    worst: Option<Judgement>,
}

impl Verdict {
    /// Adds a check.
    pub fn add(&mut self, check: Check) {
        self.worst = self.worst.max(Some(check.judgement));
        if self.checks.len() < MAX_CHECKS {
            self.checks.push(check);
        } else {
            self.more = self.more.saturating_add(1);
        }
    }

    /// Returns the worst judgement.
    #[must_use]
    pub fn judgement(&self) -> Judgement {
        self.worst.unwrap_or(Judgement::Holds)
    }
}
