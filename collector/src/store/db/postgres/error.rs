//! What a server's errors are here. Its messages quote data, so nothing but the code is taken from them.

use super::tls;
use crate::store::StoreError;
use std::error::Error as _;
use std::io::{self, ErrorKind};
use tokio_postgres::Error;
use tokio_postgres::error::SqlState;

/// What went wrong.
pub(super) fn fault(error: &Error) -> StoreError {
    error.code().map_or_else(|| of_connection(error), of_state)
}

/// The server has said nothing: it was not reached, or is not the one that was looked for.
fn of_connection(error: &Error) -> StoreError {
    if let Some(fault) = tls::fault(error) {
        return StoreError::Tls(fault);
    }
    // Nor does the driver want one that follows another; it says so with an error that no system call has given.
    let cause = error.source().and_then(|cause| cause.downcast_ref::<io::Error>());
    match cause {
        Some(cause) if cause.kind() == ErrorKind::PermissionDenied && cause.raw_os_error().is_none() => {
            StoreError::ReadOnly
        }
        _ => StoreError::Unreachable,
    }
}

fn of_state(state: &SqlState) -> StoreError {
    match state.code() {
        "53100" => StoreError::Full,
        "25006" => StoreError::ReadOnly,
        "55P03" | "40001" | "40P01" => StoreError::Locked,
        "57014" => StoreError::Slow,
        "58030" => StoreError::Disk,
        "XX001" | "XX002" => StoreError::Damaged,
        "42501" | "3D000" => StoreError::Refused,
        "53300" => StoreError::Crowded,
        // A statement that this session never prepared, or has: it is not the session that it was.
        "26000" | "42P05" => StoreError::Pooled,
        // The server stops, starts, or ends this session; and all that is wrong with a connection.
        "57P01" | "57P02" | "57P03" | "25P03" => StoreError::Unreachable,
        code if code.starts_with("08") => StoreError::Unreachable,
        code if code.starts_with("28") => StoreError::Refused,
        code => <[u8; 5]>::try_from(code.as_bytes()).map_or(StoreError::Other, StoreError::Postgres),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_pass_is_told_from_what_will_not() {
        let of = |code: &str| of_state(&SqlState::from_code(code));
        assert_eq!(
            [of("53100"), of("53300"), of("08006")],
            [StoreError::Full, StoreError::Crowded, StoreError::Unreachable]
        );
        assert_eq!(of("28P01"), StoreError::Refused);
        assert_eq!(of("42P01").to_string(), "PostgreSQL answers with error 42P01");
    }
}
