//! Conversion of a server's errors. Its messages quote data, so only the code of an error is used.

use super::tls;
use crate::store_error::StoreError;
use std::error::Error as _;
use std::io::{self, ErrorKind};
use tokio_postgres::Error;
use tokio_postgres::error::SqlState;

/// Converts an error of the driver.
pub(super) fn store_error(error: &Error) -> StoreError {
    error.code().map_or_else(|| of_connection(error), of_state)
}

/// Converts an error without a code: the server was not reached, or is not the one that writes.
fn of_connection(error: &Error) -> StoreError {
    if let Some(fault) = tls::fault(error) {
        return StoreError::Tls(fault);
    }
    // The driver refuses a replica with an I/O error that comes from no system call.
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
        // A statement is unknown, or exists already: a pooler has switched sessions.
        "26000" | "42P05" => StoreError::Pooled,
        // The server stops, starts, or ends this session. Class 08: all errors of a connection.
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
    fn error_codes_are_classified() {
        let of = |code: &str| of_state(&SqlState::from_code(code));
        assert_eq!(
            [of("53100"), of("53300"), of("08006")],
            [StoreError::Full, StoreError::Crowded, StoreError::Unreachable]
        );
        assert_eq!(of("28P01"), StoreError::Refused);
        assert_eq!(of("42P01").to_string(), "PostgreSQL answers with error 42P01");
    }
}
