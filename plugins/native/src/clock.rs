//! The time, and the one thread of this module: it wakes the roots on the main thread, and the workers on theirs.
//!
//! A root ticks as on Proxy-Wasm. A worker has no timer that a module may use; but any stream may be sent an event, so one of its open gates
//! is sent the ticks of all. The thread begins with the first root and is joined with the last.

use crate::abi::{RootScheduler, Stream, StreamScheduler};
use std::cell::Cell;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Interval of the ticks of a worker with open gates.
const WORKER_TICK: Duration = Duration::from_millis(100);

/// A wake that comes again and again.
#[derive(Debug)]
struct Alarm<S> {
    key: u64,
    scheduler: S,
    due: Instant,
    period: Duration,
}

#[derive(Debug)]
struct Clock {
    roots: Vec<Alarm<RootScheduler>>,
    workers: Vec<Alarm<StreamScheduler>>,
    /// The time between two ticks of the roots. One that is being made sets it before it is added.
    tick: Duration,
    thread: Option<JoinHandle<()>>,
    /// The number of that thread. One with another number ends: a root may be added while the last thread is still ending.
    thread_number: u64,
    /// When the thread looks next.
    next: Option<Instant>,
    last_worker: u64,
}

static CLOCK: Mutex<Clock> = Mutex::new(Clock {
    roots: Vec::new(),
    workers: Vec::new(),
    tick: WORKER_TICK,
    thread: None,
    thread_number: 0,
    next: None,
    last_worker: 0,
});
static CHANGED: Condvar = Condvar::new();

thread_local! {
    /// The number of this worker, and the stream that gets its ticks.
    static WORKER: Cell<u64> = const { Cell::new(0) };
    static WATCHED: Cell<Option<Stream>> = const { Cell::new(None) };
}

#[cfg(test)]
pub(crate) use crate::stand_in::now_us;

/// Microseconds since the Unix epoch.
#[cfg(not(test))]
#[allow(clippy::disallowed_methods, reason = "the module's clock")]
pub(crate) fn now_us() -> u64 {
    use std::time::{SystemTime, UNIX_EPOCH};

    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

#[allow(clippy::disallowed_methods, reason = "the module's clock")]
fn now() -> Instant {
    Instant::now()
}

fn lock() -> MutexGuard<'static, Clock> {
    CLOCK.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Has a root tick. `key` is its number.
pub(crate) fn add_root(key: u64, scheduler: RootScheduler) {
    let mut clock = lock();
    let period = clock.tick;
    clock.roots.push(Alarm { key, scheduler, due: now() + period, period });
    if clock.thread.is_none() {
        let number = clock.thread_number;
        clock.thread = thread::Builder::new().name("headgate-clock".to_owned()).spawn(move || run(number)).ok();
    }
    CHANGED.notify_all();
}

/// Ends the ticks of a root. The thread ends with the last one.
pub(crate) fn remove_root(key: u64) {
    let mut clock = lock();
    if let Some(at) = clock.roots.iter().position(|alarm| alarm.key == key) {
        clock.roots.remove(at).scheduler.delete();
    }
    if !clock.roots.is_empty() {
        return;
    }
    let thread = clock.thread.take();
    clock.thread_number += 1;
    drop(clock);
    CHANGED.notify_all();
    if let Some(thread) = thread {
        let _ = thread.join();
    }
}

/// Sets the time between two ticks of the roots; the next one comes after it.
pub(crate) fn set_tick(period: Duration) {
    let (mut clock, due) = (lock(), now() + period);
    clock.tick = period;
    for alarm in &mut clock.roots {
        (alarm.due, alarm.period) = (due, period);
    }
    clock.look_by(due);
}

/// Has this worker tick after this time or earlier, if it has an open gate.
pub(crate) fn tick_streams(within: Duration) {
    let (mut clock, due) = (lock(), now() + within);
    if let Some(alarm) = clock.workers.iter_mut().find(|alarm| alarm.key == WORKER.get()) {
        alarm.due = alarm.due.min(due);
    }
    clock.look_by(due);
}

/// A gate has opened: it gets this worker's ticks, if none else does.
pub(crate) fn watch(stream: Stream) {
    if WATCHED.get().is_some() {
        return;
    }
    WATCHED.set(Some(stream));
    let mut clock = lock();
    if WORKER.get() == 0 {
        clock.last_worker += 1;
        WORKER.set(clock.last_worker);
    }
    let (key, scheduler) = (WORKER.get(), stream.scheduler());
    clock.workers.push(Alarm { key, scheduler, due: now() + WORKER_TICK, period: WORKER_TICK });
}

/// A gate has closed: another one that is open gets the ticks.
pub(crate) fn unwatch(stream: Stream, another: impl FnOnce() -> Option<Stream>) {
    if WATCHED.get() != Some(stream) {
        return;
    }
    WATCHED.set(None);
    let mut clock = lock();
    if let Some(at) = clock.workers.iter().position(|alarm| alarm.key == WORKER.get()) {
        let mut alarm = clock.workers.swap_remove(at);
        alarm.scheduler.delete();
        if let Some(other) = another() {
            WATCHED.set(Some(other));
            alarm.scheduler = other.scheduler();
            clock.workers.push(alarm);
        }
    }
}

impl Clock {
    /// Has the thread look by then.
    fn look_by(&mut self, due: Instant) {
        if self.next.is_none_or(|next| due < next) {
            CHANGED.notify_all();
        }
    }

    /// Wakes all that are due, and returns when the next one is.
    fn wake(&mut self, now: Instant) -> Option<Instant> {
        let roots = self.roots.iter_mut().filter_map(|alarm| alarm.ring(now).then_some(alarm.scheduler));
        roots.for_each(RootScheduler::wake);
        let workers = self.workers.iter_mut().filter_map(|alarm| alarm.ring(now).then_some(alarm.scheduler));
        workers.for_each(StreamScheduler::wake);
        let roots = self.roots.iter().map(|alarm| alarm.due);
        roots.chain(self.workers.iter().map(|alarm| alarm.due)).min()
    }
}

impl<S> Alarm<S> {
    /// Whether it is due; it is then set for the next time.
    fn ring(&mut self, now: Instant) -> bool {
        let is_due = self.due <= now;
        if is_due {
            self.due = now + self.period;
        }
        is_due
    }
}

fn run(number: u64) {
    let mut clock = lock();
    while clock.thread_number == number {
        let now = now();
        let next = clock.wake(now).unwrap_or(now + WORKER_TICK);
        clock.next = Some(next);
        let waited = CHANGED.wait_timeout(clock, next.saturating_duration_since(now));
        clock = waited.unwrap_or_else(PoisonError::into_inner).0;
    }
}
