//! Waits until every data plane uses a policy.
//!
//! A file in place proves nothing: a proxy may refuse it, or hang. So each worker reports the policy that it uses. Reports
//! from before the files were changed do not count: the worker may have taken up another policy since.

use super::collector::{Client, Planes, Revision};
use crate::clock::timer;
use crate::exit::{BEHIND, Stop};
use crate::output::say;
use clap::Args;
use headgate_config::diagnostic::plain;
use headgate_config::scalar;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::time::Duration;

/// Pause between two checks.
const PAUSE: Duration = Duration::from_millis(500);

#[derive(Debug, Args)]
pub(super) struct Wait {
    /// Longest time to wait until the data planes use the policy; 0s does not wait.
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = duration)]
    wait: Duration,
    /// Wait for the data plane of this name, even if it is silent; may be repeated. By default for all that report.
    #[arg(long = "node", value_name = "NAME")]
    nodes: Vec<String>,
}

fn duration(text: &str) -> Result<Duration, String> {
    scalar::milliseconds(text).map(Duration::from_millis).map_err(|wrong| format!("{}; {}", wrong.message, wrong.help))
}

/// The state of a wait.
#[derive(Debug)]
struct Roll<'a> {
    config_revision: &'a str,
    /// Nodes that must use it.
    expected: BTreeSet<String>,
    /// Whether only these nodes count, or all live ones.
    only: bool,
    /// The collector's time from which reports of workers count, µs.
    since: i64,
}

impl Wait {
    /// Waits. `changed` tells whether files were changed just now.
    pub(super) fn run(&self, client: &Client, revision: &Revision, changed: bool) -> Result<String, Stop> {
        if self.wait.is_zero() {
            return Ok("did not wait for the data planes".to_owned());
        }
        let over = timer(self.wait);
        let mut roll: Option<Roll<'_>> = None;
        let mut told = String::new();
        loop {
            let state = match planes(client) {
                Ok(planes) => {
                    let roll = roll.get_or_insert_with(|| self.begin(&revision.config_revision, &planes, changed));
                    roll.look(&planes)
                }
                Err(reason) => State { ready: 0, workers: 0, missing: vec![reason] },
            };
            if state.missing.is_empty() {
                return Ok(format!("{} data plane(s) with {} worker(s) use it", state.ready, state.workers));
            }
            let lines = state.lines();
            if lines != told {
                say(&format!("waiting for the data planes, {} ready:\n{lines}", state.ready));
                told = lines;
            }
            if over() {
                return Err(self.behind(revision, &told));
            }
            std::thread::sleep(PAUSE);
        }
    }

    fn begin<'a>(&self, config_revision: &'a str, planes: &Planes, changed: bool) -> Roll<'a> {
        let named = self.nodes.iter().cloned();
        let heard =
            planes.data.iter().filter(|plane| plane.is_live() && self.nodes.is_empty()).map(|plane| plane.node.clone());
        Roll {
            config_revision,
            expected: named.chain(heard).collect(),
            only: !self.nodes.is_empty(),
            since: if changed { planes.now } else { 0 },
        }
    }

    fn behind(&self, revision: &Revision, lines: &str) -> Stop {
        let text = format!(
            "After {} s some data planes do not use revision {} yet, which is in force at the collector and in the files here:\n\
             {lines}Check the logs of these proxies. Run the same command again to continue waiting, or `headgate rollback`.\n",
            self.wait.as_secs_f64(),
            revision.number
        );
        Stop { text, code: BEHIND }
    }
}

fn planes(client: &Client) -> Result<Planes, String> {
    // The collector may be restarted meanwhile, which is not a failure.
    let answer = client.get("/v1/dataplanes").map_err(|failure| failure.trim_end().to_owned())?;
    answer.good().map_err(|stop: Stop| stop.text.trim_end().to_owned())
}

/// The progress of a wait.
#[derive(Debug, Default, PartialEq, Eq)]
struct State {
    ready: usize,
    workers: usize,
    /// A line for each data plane that is not ready.
    missing: Vec<String>,
}

impl State {
    fn lines(&self) -> String {
        let mut out = String::new();
        for line in &self.missing {
            let _ = writeln!(out, "  {line}");
        }
        out
    }
}

impl Roll<'_> {
    fn look(&mut self, planes: &Planes) -> State {
        if !self.only {
            self.expected.extend(planes.data.iter().filter(|plane| plane.is_live()).map(|plane| plane.node.clone()));
            // A data plane that ends meanwhile need not follow; proxies of several tokens may share a name.
            self.expected.retain(|node| {
                let mut named = planes.data.iter().filter(|plane| plane.node == *node).peekable();
                named.peek().is_none() || !named.all(|plane| plane.has_ended())
            });
        }
        let mut state = State::default();
        for node in &self.expected {
            match self.node(node, planes) {
                Ok(workers) => {
                    state.ready = state.ready.saturating_add(1);
                    state.workers = state.workers.saturating_add(workers);
                }
                Err(reason) => state.missing.push(format!("{}: {reason}", plain(node))),
            }
        }
        if self.expected.is_empty() {
            state.missing.push(
                "absent: no data plane reports; check that `collector` is set in the policy and that the proxy runs"
                    .to_owned(),
            );
        }
        state
    }

    /// Returns the number of a node's workers if all of them use the policy, else the reason.
    fn node(&self, node: &str, planes: &Planes) -> Result<usize, String> {
        let named: Vec<_> = planes.data.iter().filter(|plane| plane.node == node).collect();
        let Some(plane) = named.iter().find(|plane| !plane.has_ended()).or_else(|| named.first()) else {
            return Err("absent: it has never reported".to_owned());
        };
        let seconds = |since: i64| planes.now.saturating_sub(since).max(0) / 1_000_000;
        if named.iter().all(|plane| plane.has_ended()) {
            return Err(format!("ended: {} s ago", seconds(plane.last_seen)));
        }
        if !named.iter().any(|plane| plane.is_live()) {
            return Err(format!("stale: silent for {} s", seconds(plane.last_seen)));
        }
        let workers = named.iter().filter(|plane| plane.is_live()).flat_map(|plane| &plane.workers);
        let live: Vec<_> = workers.filter(|worker| !worker.stale).collect();
        let other: Vec<_> = live
            .iter()
            .filter(|worker| worker.config_revision != self.config_revision || worker.last_seen < self.since)
            .collect();
        let Some(one) = other.first() else { return Ok(live.len()) };
        let state = if one.config_revision == self.config_revision {
            "have not confirmed it yet".to_owned()
        } else {
            format!("still use {}", plain(&one.config_revision))
        };
        Err(format!(
            "behind: {} of {} workers {state}, last report {} s ago",
            other.len(),
            live.len(),
            seconds(one.last_seen)
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::{Planes, Roll};
    use serde_json::json;

    const SECOND: i64 = 1_000_000;

    fn look(expected: &[&str], only: bool) -> (usize, Vec<String>) {
        let worker = |revision: &str, last_seen: i64, stale: bool| json!({"config_revision": revision, "last_seen": last_seen * SECOND, "stale": stale});
        let plane = |node: &str, stale: bool, workers: &[serde_json::Value]| json!({"node": node, "stale": stale, "last_seen": workers[0]["last_seen"], "workers": workers});
        let planes: Planes = serde_json::from_value(json!({"now": 100 * SECOND, "data": [
            plane("good", false, &[worker("new", 95, false), worker("old", 20, true)]),
            plane("behind", false, &[worker("new", 96, false), worker("old", 98, false)]),
            plane("early", false, &[worker("new", 89, false)]),
            plane("gone", true, &[worker("old", 30, true)]),
        ]}))
        .unwrap();
        let expected = expected.iter().map(|node| (*node).to_owned()).collect();
        let state = Roll { config_revision: "new", expected, only, since: 90 * SECOND }.look(&planes);
        (state.ready, state.missing)
    }

    #[test]
    fn missing_data_planes_are_named() {
        let (ready, missing) = look(&["good", "behind", "early", "gone", "nobody"], true);
        assert_eq!(ready, 1);
        assert_eq!(
            missing,
            [
                "behind: behind: 1 of 2 workers still use old, last report 2 s ago",
                "early: behind: 1 of 1 workers have not confirmed it yet, last report 11 s ago",
                "gone: stale: silent for 70 s",
                "nobody: absent: it has never reported",
            ]
        );
    }

    #[test]
    fn ended_data_planes_are_not_waited_for() {
        let worker = |revision: &str, last_seen: i64, state: &str| json!({"config_revision": revision, "last_seen": last_seen * SECOND, "stale": state != "live", "state": state});
        let planes: Planes = serde_json::from_value(json!({"now": 100 * SECOND, "data": [
            {"node": "restarted", "stale": false, "state": "live", "last_seen": 99 * SECOND,
             "workers": [worker("new", 99, "live"), worker("old", 98, "replaced"), worker("old", 97, "ended")]},
            {"node": "ended", "stale": false, "state": "ended", "last_seen": 95 * SECOND, "workers": [worker("old", 95, "ended")]},
            {"node": "gone", "stale": false, "state": "gone", "last_seen": 1, "workers": [worker("old", 0, "silent")]},
        ]}))
        .unwrap();
        let look = |expected: &[&str], only: bool| {
            let expected = expected.iter().map(|node| (*node).to_owned()).collect();
            let state = Roll { config_revision: "new", expected, only, since: 90 * SECOND }.look(&planes);
            (state.ready, state.workers, state.missing)
        };
        assert_eq!(look(&["restarted", "ended"], false), (1, 1, Vec::new()), "a node that ended meanwhile is let go");
        let named = look(&["ended", "gone"], true).2;
        assert_eq!(named, ["ended: ended: 5 s ago", "gone: stale: silent for 99 s"]);
    }

    #[test]
    fn planes_of_one_name_must_all_be_ready() {
        let plane = |revision: &str, state: &str| {
            let worker = json!({"config_revision": revision, "last_seen": 99 * SECOND, "stale": state != "live"});
            json!({"node": "edge", "stale": state == "stale", "state": state, "last_seen": 99 * SECOND, "workers": [worker]})
        };
        let look = |planes: &[serde_json::Value]| {
            let planes: Planes = serde_json::from_value(json!({"now": 100 * SECOND, "data": planes})).unwrap();
            let expected = ["edge".to_owned()].into_iter().collect();
            let state = Roll { config_revision: "new", expected, only: false, since: 0 }.look(&planes);
            (state.workers, state.missing.len())
        };
        for ended_or_ready in [plane("new", "ended"), plane("new", "live")] {
            assert_eq!(look(&[ended_or_ready, plane("old", "live")]), (0, 1), "the other one still uses old");
        }
        assert_eq!(look(&[plane("old", "ended"), plane("new", "live")]), (1, 0));
    }

    #[test]
    fn silent_data_planes_count_only_if_named() {
        assert_eq!(look(&["good"], true), (1, Vec::new()));
        let (ready, missing) = look(&[], false);
        assert_eq!((ready, missing.len()), (1, 2), "{missing:?}");
        assert!(look(&[], true).1[0].starts_with("absent"));
    }
}
