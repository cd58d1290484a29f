//! The forecast of a budget: its use goes on as in the elapsed part of its window.

/// The outcome that a linear forecast names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Forecast {
    /// The maximum is reached already.
    Reached,
    /// Too little of the window is over to say.
    Early,
    /// Nothing is used.
    Unused,
    /// The maximum is reached at this second.
    At(u64),
    /// At the end of the window this is used.
    NotReached(u64),
}

/// Least elapsed part of a window, as its divisor, and least time in seconds.
const LEAST_PART: u64 = 50;
const LEAST_S: u64 = 60;

/// Returns the forecast for a window from `start` to `end` at `now`, seconds. `None` if the window has no end or is over.
pub(super) fn forecast(used: u64, max: u64, (start, end): (u64, Option<u64>), now: u64) -> Option<Forecast> {
    let end = end.filter(|end| *end > now && *end > start)?;
    if used >= max {
        return Some(Forecast::Reached);
    }
    let (elapsed, whole) = (now.saturating_sub(start), end - start);
    if elapsed < LEAST_S || elapsed < whole / LEAST_PART {
        return Some(Forecast::Early);
    }
    if used == 0 {
        return Some(Forecast::Unused);
    }
    let until = |amount: u64| u128::from(amount) * u128::from(elapsed) / u128::from(used);
    let reached = u64::try_from(until(max)).unwrap_or(u64::MAX).saturating_add(start);
    if reached < end {
        return Some(Forecast::At(reached.max(now)));
    }
    let at_end = u128::from(used) * u128::from(whole) / u128::from(elapsed.max(1));
    Some(Forecast::NotReached(u64::try_from(at_end).unwrap_or(u64::MAX)))
}

#[cfg(test)]
mod tests {
    use super::{Forecast, forecast};

    const DAY: u64 = 86_400;

    #[test]
    fn a_forecast_goes_on_as_in_the_elapsed_part() {
        let month = (100 * DAY, Some(130 * DAY));
        let cases = [
            (500, 100 * DAY + 10 * DAY, Some(Forecast::At(120 * DAY))),
            (100, 110 * DAY, Some(Forecast::NotReached(300))),
            (1_000, 110 * DAY, Some(Forecast::Reached)),
            (1_200, 110 * DAY, Some(Forecast::Reached)),
            (0, 110 * DAY, Some(Forecast::Unused)),
            (500, 100 * DAY + 3_600, Some(Forecast::Early)),
            (500, 130 * DAY, None),
        ];
        for (used, now, expected) in cases {
            assert_eq!(forecast(used, 1_000, month, now), expected, "{used} {now}");
        }
        assert_eq!(forecast(5, 10, (0, None), 50), None, "a window without an end");
        assert_eq!(forecast(u64::MAX - 1, u64::MAX, (0, Some(u64::MAX)), DAY), Some(Forecast::Early));
        let far = forecast(u64::MAX / 2, u64::MAX, (0, Some(100 * DAY)), 90 * DAY);
        assert!(matches!(far, Some(Forecast::NotReached(_))), "{far:?}");
    }
}
