//! The host's clock beside the time that retention uses; and `POST /v1/retention/clock`, by which an owner confirms a clock
//! that has leapt.
//!
//! The owner states the time, read from another clock. A plain "yes" would be given as easily on a host with a wrong clock.

use crate::app::App;
use crate::caller::Caller;
use crate::error::{ApiError, json_response};
use crate::values::{invalid, time};
use axum::extract::{Extension, Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use headgate_collector_store::{self as store, TrustedTime};
use headgate_collector_types::clock;
use headgate_collector_types::validate::reason_of;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Maximum size of the body, bytes.
const MAX_BODY_BYTES: usize = 4 << 10;
/// Maximum difference between the stated time and the host's clock, µs; the precision of a wall clock is sufficient.
const AGREES_US: u64 = 3_600_000_000;

/// The clock of the host, and the time that retention goes by.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Clock {
    /// The time of the host's clock.
    pub(crate) host: i64,
    /// The time of retention: the host's clock, unless that has leapt.
    pub(crate) retention: i64,
    /// Whether the host's clock is more than a day away from the stored time. Ahead, it has leapt, or no
    /// collector ran for so long: then retention catches up a day a day, at once if an owner confirms the clock.
    pub(crate) leapt: bool,
}

/// The body of `POST /v1/retention/clock`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct StatedTime {
    /// The time by another clock than the host's, RFC 3339; within an hour.
    #[schemars(extend("format" = "date-time"))]
    now: String,
}

/// Handles `POST /v1/retention/clock`.
pub(crate) async fn confirm_clock(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Result<Response, ApiError> {
    let (_permit, body) = app.bodies.read(request, MAX_BODY_BYTES).await?;
    let known = confirm(&app, &caller, &body).await?;
    let body = serde_json::to_vec(&Clock::of(known)).map_err(|_| ApiError::internal())?;
    Ok(json_response(StatusCode::OK, body))
}

/// Confirms the host's clock, if the time that a body states agrees with it.
pub(crate) async fn confirm(app: &App, caller: &Caller, body: &[u8]) -> Result<TrustedTime, ApiError> {
    let stated: StatedTime = serde_json::from_slice(body)
        .map_err(|error| invalid(format!("The body is no time: {}.", reason_of(&error)), "invalid_body"))?;
    let (stated, host, actor) = (time("now", &stated.now)?, clock::host_us(), caller.actor());
    if stated.abs_diff(host) > AGREES_US {
        return Err(clocks_disagree(host));
    }
    let known =
        crate::write_timeout::commit(&app.writes, "the time", move |tx| store::confirm_clock(tx, actor, host)).await?;
    known.apply_to_clock();
    Ok(known)
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
    pub(crate) fn of(known: TrustedTime) -> Self {
        let host = clock::host_us();
        Self { host, retention: known.now(host), leapt: known.skew(host).is_some() }
    }
}
