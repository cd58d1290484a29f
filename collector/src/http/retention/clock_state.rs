//! The host's clock beside the time that retention goes by; and `POST /v1/retention/clock`, by which an owner says that a clock
//! that has leapt is right.
//!
//! The owner states the time, read off another clock: who only said "yes" would say so on the host whose clock is wrong too.

use crate::clock;
use crate::http::App;
use crate::http::auth::Caller;
use crate::http::error::{ApiError, json_response};
use crate::http::values::{invalid, time};
use crate::store::{self, KnownTime};
use crate::validate::reason_of;
use axum::extract::{Extension, Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Largest body, bytes.
const MAX_BODY_BYTES: usize = 4 << 10;
/// How far the time that is stated may be from the host's clock, µs: a clock on a wall is good enough.
const AGREES_US: u64 = 3_600_000_000;

/// The clock of the host, and the time that retention goes by.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::http) struct Clock {
    /// What the host's clock says.
    host: i64,
    /// What retention goes by: the host's clock, unless that has leapt.
    pub(super) retention: i64,
    /// Whether the host's clock is more than a day away from what the store knows of the time. Ahead, it has leapt, or no
    /// collector ran for so long: then retention catches up a day a day, at once if an owner confirms the clock.
    leapt: bool,
}

/// The body of `POST /v1/retention/clock`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct StatedTime {
    /// What time it is, by another clock than the host's, RFC 3339; within an hour.
    #[schemars(extend("format" = "date-time"))]
    now: String,
}

/// `POST /v1/retention/clock`.
pub(in crate::http) async fn confirm_clock(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Result<Response, ApiError> {
    let (_held, body) = super::super::ingest::body(&app, request, MAX_BODY_BYTES).await?;
    let stated: StatedTime = serde_json::from_slice(&body)
        .map_err(|error| invalid(format!("The body is no time: {}.", reason_of(&error)), "invalid_body"))?;
    let (stated, host, actor) = (time("now", &stated.now)?, clock::host_us(), caller.actor());
    if stated.abs_diff(host) > AGREES_US {
        return Err(clocks_disagree(host));
    }
    let known = app.commit("the time", move |tx| store::confirm_time(tx, actor, host)).await?;
    known.bound_the_clock();
    let body = serde_json::to_vec(&Clock::of(known)).map_err(|_| ApiError::internal())?;
    Ok(json_response(StatusCode::OK, body))
}

fn clocks_disagree(host: i64) -> ApiError {
    let says = jiff::Timestamp::from_microsecond(host).map_or(String::new(), |at| at.to_string());
    ApiError::invalid(
        StatusCode::CONFLICT,
        "clocks_disagree",
        format!("This collector's host says {says}, more than an hour from `now`. Mend the clock that is wrong, then try again."),
    )
    .param("now")
}

impl Clock {
    pub(super) fn of(known: KnownTime) -> Self {
        let host = clock::host_us();
        Self { host, retention: known.now(host), leapt: known.leap(host).is_some() }
    }
}
