//! What a server's errors are here. Its messages quote data, so nothing but the code is taken from them.

use crate::store::StoreError;
use tokio_postgres::Error;
use tokio_postgres::error::SqlState;

/// What went wrong.
pub(super) fn fault(error: &Error) -> StoreError {
    match error.code() {
        Some(state) => of_state(state),
        None if error.as_db_error().is_none() => StoreError::Unreachable,
        None => StoreError::Other,
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
        // Too many sessions; the server stops, starts, or ends this session; and all that is wrong with a connection.
        "53300" | "57P01" | "57P02" | "57P03" | "25P03" => StoreError::Unreachable,
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
            [StoreError::Full, StoreError::Unreachable, StoreError::Unreachable]
        );
        assert_eq!(of("28P01"), StoreError::Refused);
        assert_eq!(of("42P01").to_string(), "PostgreSQL answers with error 42P01");
    }
}
