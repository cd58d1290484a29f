//! Assigns processes to cores, and reads their CPU time and memory.
//!
//! Without pinning, the generator and Envoy compete for cores, and the figures measure the scheduler.

use crate::Outcome;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use std::time::Duration;

/// The cores of a run: the last one for Envoy, the others for everything else.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cores {
    envoy: CpuSet,
    rest: CpuSet,
    split: bool,
}

impl Cores {
    /// Divides the cores of this process. A single core cannot be divided.
    pub(crate) fn divide() -> Outcome<Self> {
        let all = sched_getaffinity(None)?;
        let (mut envoy, mut rest) = (CpuSet::new(), all);
        let last = (0..CpuSet::MAX_CPU).rev().find(|&cpu| all.is_set(cpu)).ok_or("no core to run on")?;
        if all.count() < 2 {
            return Ok(Self { envoy: all, rest: all, split: false });
        }
        envoy.set(last);
        rest.unset(last);
        Ok(Self { envoy, rest, split: true })
    }

    /// Keeps this thread, and processes that it starts, off Envoy's core.
    pub(crate) fn leave_envoy_alone(&self) -> Outcome {
        Ok(sched_setaffinity(None, &self.rest)?)
    }

    /// Runs `start` on Envoy's core: a child inherits the core before its first thread exists.
    pub(crate) fn on_envoys_core<T>(&self, start: impl FnOnce() -> Outcome<T>) -> Outcome<T> {
        sched_setaffinity(None, &self.envoy)?;
        let started = start();
        self.leave_envoy_alone()?;
        started
    }

    /// Returns the same assignment, but with Envoy on all cores.
    pub(crate) fn shared(&self) -> Self {
        let mut envoy = self.rest;
        (0..CpuSet::MAX_CPU).filter(|&cpu| self.envoy.is_set(cpu)).for_each(|cpu| envoy.set(cpu));
        Self { envoy, ..*self }
    }

    /// Returns the number of cores.
    pub(crate) fn count(&self) -> usize {
        self.rest.count() as usize + usize::from(self.split)
    }

    pub(crate) fn describe(&self) -> String {
        match self.split {
            true => format!("Envoy pinned to one core, everything else to the other {}", self.rest.count()),
            false => "one core for everything: the figures include the load generator's turns".into(),
        }
    }
}

/// Returns user and system time of a process with all its threads.
pub(crate) fn cpu_time(pid: u32) -> Outcome<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name in parentheses may contain anything; fields are counted from its end (proc(5): utime is 14, stime 15).
    let (_, fields) = stat.rsplit_once(')').ok_or("unreadable /proc stat")?;
    let ticks: Vec<u64> = fields.split_whitespace().skip(11).take(2).map(str::parse).collect::<Result<_, _>>()?;
    let per_second = rustix::param::clock_ticks_per_second().max(1);
    Ok(Duration::from_millis(ticks.iter().sum::<u64>() * 1000 / per_second))
}

/// Returns the resident memory of a process, bytes.
pub(crate) fn resident(pid: u32) -> Outcome<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let kibibytes = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB"));
    Ok(kibibytes.ok_or("unreadable /proc status")?.parse::<u64>()? << 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_that_was_written_to_is_seen() {
        let before = resident(std::process::id()).unwrap();
        let written = std::hint::black_box(vec![1_u8; 64 << 20]);
        assert!(resident(std::process::id()).unwrap() >= before + (32 << 20));
        drop(written);
    }

    #[test]
    fn time_spent_computing_is_seen() {
        let pid = std::process::id();
        let before = cpu_time(pid).unwrap();
        let mut n = 1_u64;
        while cpu_time(pid).unwrap() < before + Duration::from_millis(50) {
            n = std::hint::black_box(n.wrapping_mul(3));
        }
    }
}
