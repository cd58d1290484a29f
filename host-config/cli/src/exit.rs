//! The early end of a command: the text for standard error, and the exit code.

/// Exit code: the arguments are invalid; the same as clap's.
pub(crate) const ARGUMENTS: u8 = 2;
/// Exit code: a policy is in force, but not used by every data plane in time.
pub(crate) const BEHIND: u8 = 3;
/// Exit code: another revision is in force than the change was made from. Nothing was changed.
pub(crate) const CONFLICT: u8 = 4;
/// Exit code: the collector has the policy in force, but its files could not be written.
pub(crate) const FILES: u8 = 5;

/// The reason of a failure, for standard error.
pub(crate) type Failure = String;

/// An early end: the text for standard error, and the exit code.
#[derive(Debug)]
pub(crate) struct Stop {
    pub(crate) text: String,
    pub(crate) code: u8,
}

impl Stop {
    pub(crate) fn of_arguments(text: String) -> Self {
        Self { text, code: ARGUMENTS }
    }
}

impl From<Failure> for Stop {
    fn from(text: Failure) -> Self {
        Self { text, code: 1 }
    }
}
