//! Windows against a real time zone library, and at the edges that calendars have.

use headgate_limits::{Period, Window, Zone};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use proptest::prelude::*;

const ZONES: [&str; 8] = [
    "Europe/Berlin",
    "America/New_York",
    "Asia/Kolkata",
    "Pacific/Auckland",
    "America/Sao_Paulo",
    // Its clocks jump over midnight in spring, and come back to the day before in autumn.
    "Asia/Beirut",
    "America/Havana",
    "Pacific/Apia",
];

fn zone(name: &str) -> (Zone, TimeZone) {
    let real = TimeZone::get(name).unwrap();
    let from = Timestamp::from_second(1_000_000_000).unwrap();
    let until = Timestamp::from_second(2_200_000_000).unwrap();
    let first = (0, real.to_offset(from).seconds());
    let later = real
        .following(from)
        .take_while(|transition| transition.timestamp() < until)
        .map(|transition| (transition.timestamp().as_second(), transition.offset().seconds()));
    (Zone { name: name.to_owned(), offsets: std::iter::once(first).chain(later).collect() }, real)
}

/// The first moment of a day, as the library sees it.
fn begins(day: Date, real: &TimeZone) -> u64 {
    u64::try_from(real.to_zoned(day.at(0, 0, 0, 0)).unwrap().start_of_day().unwrap().timestamp().as_second()).unwrap()
}

fn first_day(period: Period, day: Date) -> Date {
    match period {
        Period::Week => day.checked_sub(i64::from(day.weekday().to_monday_zero_offset()).days()).unwrap(),
        Period::Month => day.first_of_month(),
        _ => day,
    }
}

fn next(period: Period, first: Date) -> Date {
    match period {
        Period::Week => first.checked_add(7.days()).unwrap(),
        Period::Month => first.checked_add(1.month()).unwrap(),
        _ => first.checked_add(1.day()).unwrap(),
    }
}

fn check(name: &str, period: Period, at: u64) {
    let (ours, real) = zone(name);
    let day = Timestamp::from_second(at as i64).unwrap().to_zoned(real.clone()).date();
    let first = first_day(period, day);
    let expected = Window { start: begins(first, &real), end: begins(next(period, first), &real) };
    let got = ours.window(period, at);
    // Where clocks come back to the day before, that day has been left already.
    if expected.contains(at) {
        assert_eq!(got, expected, "{name} {period:?} {at}");
    }
    assert!(got.contains(at), "{name} {period:?} {at}: {got:?}");
}

#[test]
fn window_edges_match_the_library() {
    for name in ZONES {
        let (ours, _) = zone(name);
        for (from, _) in ours.offsets.iter().skip(1) {
            for nearby in [-86_400, -3_601, -1, 0, 1, 3_599, 3_601, 86_400] {
                for period in [Period::Day, Period::Week, Period::Month] {
                    check(name, period, (from + nearby) as u64);
                }
            }
        }
    }
}

#[test]
fn without_offsets_it_is_utc() {
    let utc = Zone::default();
    assert_eq!(utc.window(Period::Minute, 125), Window { start: 120, end: 180 });
    assert_eq!(utc.window(Period::Second, 125), Window { start: 125, end: 126 });
    assert_eq!(utc.window(Period::Hour, 7_300), Window { start: 7_200, end: 10_800 });
    assert_eq!(utc.window(Period::Total, 7_300), Window { start: 0, end: u64::MAX });
    // 29 February 2028.
    assert_eq!(utc.window(Period::Month, 1_835_395_200), Window { start: 1_832_976_000, end: 1_835_481_600 });
}

proptest! {
    #[test]
    fn any_moment_lies_in_its_window(
        zone in prop::sample::select(&ZONES[..]),
        period in prop::sample::select(&[Period::Day, Period::Week, Period::Month][..]),
        at in 1_000_100_000_u64..2_100_000_000,
    ) {
        check(zone, period, at);
    }

    #[test]
    fn windows_have_no_gap_or_overlap(
        zone_name in prop::sample::select(&ZONES[..]),
        period in prop::sample::select(&[Period::Day, Period::Week, Period::Month][..]),
        at in 1_000_100_000_u64..2_100_000_000,
    ) {
        let (ours, _) = zone(zone_name);
        let window = ours.window(period, at);
        prop_assert_eq!(ours.window(period, window.end).start, window.end);
        prop_assert_eq!(ours.window(period, window.end - 1), window);
    }

    #[test]
    fn any_time_and_offset_give_a_window(
        offsets in prop::collection::vec((any::<i64>(), any::<i32>()), 0..6),
        at in any::<u64>(),
        period in prop::sample::select(&[Period::Second, Period::Day, Period::Week, Period::Month][..]),
    ) {
        let window = Zone { name: String::new(), offsets }.window(period, at);
        prop_assert!(window.start <= window.end);
    }
}
