//! Metrics of the host. A root makes all families known while it is made, always in the same order, so that they have the same numbers in
//! every root; the labels that a name has are given with each update.

use crate::abi::{Metric, Root};
use crate::at::At;
use crate::newest;
use headgate_metrics::{Family, Kind};
use std::sync::{Mutex, OnceLock, PoisonError};

static FAMILIES: OnceLock<Vec<(&'static str, Option<Metric>)>> = OnceLock::new();

/// A series: its family at the host, and the values of all labels of the family.
struct Series {
    name: String,
    metric: Metric,
    values: Vec<String>,
}

static SERIES: Mutex<Vec<&'static Series>> = Mutex::new(Vec::new());

/// Makes the families known.
pub(crate) fn define_families(root: Root) {
    let families: Vec<_> = Family::ALL
        .into_iter()
        .map(|family| (family.name(), root.define(family.kind(), family.name(), family.labels())))
        .collect();
    let _ = FAMILIES.set(families);
}

/// Makes the counters that are there known to a root that is to take over: the host forgets those that none has.
pub(crate) fn carry_over(root: Root) {
    let all = SERIES.lock().unwrap_or_else(PoisonError::into_inner);
    for series in all.iter().filter(|series| series.metric.kind == Kind::Counter) {
        let values: Vec<&str> = series.values.iter().map(String::as_str).collect();
        root.update(series.metric, &values, 0);
    }
}

/// Returns the number of the series with this name. Their number is bounded by those who ask.
pub(crate) fn define(name: &str) -> Option<u32> {
    let mut all = SERIES.lock().unwrap_or_else(PoisonError::into_inner);
    let at = match all.iter().position(|one| one.name == name) {
        Some(at) => at,
        None => {
            all.push(Box::leak(Box::new(series(name)?)));
            all.len().checked_sub(1)?
        }
    };
    u32::try_from(at).ok()
}

fn series(name: &str) -> Option<Series> {
    let (family, labels) = name.split_once(';').unwrap_or((name, ""));
    let known = Family::ALL.into_iter().find(|one| one.name() == family)?;
    let (_, metric) = FAMILIES.get()?.iter().find(|(one, _)| *one == family)?;
    let value = |label: &&str| {
        let mut given = labels.split(';').filter_map(|one| one.split_once('='));
        given.find(|(name, _)| name == label).map_or_else(String::new, |(_, value)| value.to_owned())
    };
    Some(Series { name: name.to_owned(), metric: (*metric)?, values: known.labels().iter().map(value).collect() })
}

/// Adds to a counter or a histogram, or sets a gauge.
pub(crate) fn update(at: At, series: u32, amount: u64) -> bool {
    let series = {
        let all = SERIES.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(series as usize).copied()
    };
    let Some(series) = series else { return false };
    let values: Vec<&str> = series.values.iter().map(String::as_str).collect();
    match at {
        At::Stream(stream) => stream.update(series.metric, &values, amount),
        At::Root(root) => root.update(series.metric, &values, amount),
        At::Log(_) => newest::with_root(|root| root.update(series.metric, &values, amount)) == Some(true),
        At::Nothing => false,
    }
}
