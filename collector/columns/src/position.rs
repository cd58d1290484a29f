//! Positions and their segments.

/// Records in a segment.
pub const SEGMENT: i64 = 16_384;

/// The order of a scan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Lowest position first.
    Up,
    /// Highest position first.
    Down,
}

/// Returns the segment of a position.
#[must_use]
pub const fn segment_of(position: i64) -> i64 {
    position.saturating_sub(1).div_euclid(SEGMENT)
}

/// Returns the first position of a segment.
#[must_use]
pub const fn first_of(segment: i64) -> i64 {
    segment.saturating_mul(SEGMENT).saturating_add(1)
}

#[cfg(test)]
mod tests {
    use super::{first_of, segment_of};

    #[test]
    fn positions_begin_at_one() {
        assert_eq!([1, 16_384, 16_385].map(segment_of), [0, 0, 1]);
        assert_eq!([0, 1].map(first_of), [1, 16_385]);
    }
}
