//! The runner's side of a run: progress, phases, stop requests, and who shares the machine with whom.

use super::suspension::RunClock;
use mixlab_contract::Observer;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A request to stop that many threads can see.
#[derive(Clone, Debug, Default)]
pub struct StopFlag(Arc<AtomicBool>);

impl StopFlag {
    /// Asks everyone to stop.
    pub fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether someone asked.
    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Which runs have been on the machine together: wall times of those are not comparable.
#[derive(Debug, Default)]
pub struct Sharing(Mutex<Vec<Arc<AtomicBool>>>);

/// One run's place in [`Sharing`]; leaving happens on drop.
pub struct Seat<'a> {
    sharing: &'a Sharing,
    shared: Arc<AtomicBool>,
}

impl Sharing {
    /// A run starts.
    pub fn enter(&self) -> Seat<'_> {
        let shared = Arc::new(AtomicBool::new(false));
        let mut seats = self.0.lock().expect("no thread panics while it holds this lock");
        if !seats.is_empty() {
            shared.store(true, Ordering::Relaxed);
            seats.iter().for_each(|s| s.store(true, Ordering::Relaxed));
        }
        seats.push(Arc::clone(&shared));
        Seat { sharing: self, shared }
    }
}

impl Seat<'_> {
    /// Whether no other run has been active since this one started.
    pub fn alone(&self) -> bool {
        !self.shared.load(Ordering::Relaxed)
    }
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        if let Ok(mut seats) = self.sharing.0.lock() {
            seats.retain(|s| !Arc::ptr_eq(s, &self.shared));
        }
    }
}

/// Observes one in-process run.
pub struct RunObserver {
    progress: Arc<AtomicU64>,
    stop: StopFlag,
    clock: RunClock,
    limit: Option<Duration>,
    timed_out: AtomicBool,
    readings: Readings,
    phases: Mutex<Vec<(String, Duration)>>,
    outside_cpu_ns: AtomicU64,
    work_dir: PathBuf,
}

/// When the clock was and will be read. Engines poll at every event, some of them millions of times a second, others only wait
/// for a process and poll rarely; so the number of polls between two readings follows from the time that passed between them.
#[derive(Default)]
struct Readings {
    polls: AtomicU64,
    next_poll: AtomicU64,
    stride: AtomicU64,
    last_ns: AtomicU64,
    /// Until when a time limit that was passed in a leap is not believed; 0 = there is no doubt.
    doubt_until_ns: AtomicU64,
}

/// Most polls between two readings.
const LONGEST_STRIDE: u64 = 1024;
/// Readings that are closer than this can be rarer, and those further apart than that must be more frequent.
const CLOSE: Duration = Duration::from_micros(500);
const FAR: Duration = Duration::from_millis(10);
/// A leap: the process may have been stopped. What the clock says next, when that is known, counts.
const LEAP: Duration = Duration::from_millis(100);
const DOUBT: Duration = Duration::from_millis(200);

impl Readings {
    /// Whether to read the clock at this poll.
    fn is_due(&self) -> bool {
        self.polls.fetch_add(1, Ordering::Relaxed) >= self.next_poll.load(Ordering::Relaxed)
    }

    /// Whether `limit` is over at `now`.
    fn is_over(&self, now: Duration, limit: Duration) -> bool {
        let now_ns = now.as_nanos() as u64;
        let passed = Duration::from_nanos(now_ns.saturating_sub(self.last_ns.swap(now_ns, Ordering::Relaxed)));
        let stride = match self.stride.load(Ordering::Relaxed) {
            stride if passed < CLOSE => (2 * stride + 1).min(LONGEST_STRIDE),
            stride if passed > FAR => stride / 16,
            stride => stride,
        };
        self.stride.store(stride, Ordering::Relaxed);
        self.next_poll.store(self.polls.load(Ordering::Relaxed) + stride, Ordering::Relaxed);
        if now < limit {
            return false;
        }
        if passed > LEAP && self.doubt_until_ns.load(Ordering::Relaxed) == 0 {
            self.doubt_until_ns.store((now + DOUBT).as_nanos() as u64, Ordering::Relaxed);
        }
        now_ns >= self.doubt_until_ns.load(Ordering::Relaxed)
    }
}

impl RunObserver {
    /// An observer for the run that `clock` measures.
    pub fn new(
        progress: Arc<AtomicU64>,
        stop: StopFlag,
        clock: RunClock,
        limit: Option<Duration>,
        work_dir: PathBuf,
    ) -> Self {
        Self {
            progress,
            stop,
            clock,
            limit,
            timed_out: AtomicBool::new(false),
            readings: Readings::default(),
            phases: Mutex::new(Vec::new()),
            outside_cpu_ns: AtomicU64::new(0),
            work_dir,
        }
    }

    /// Whether the time limit stopped the run.
    pub fn timed_out(&self) -> bool {
        self.timed_out.load(Ordering::Relaxed)
    }

    /// CPU time of processes the backend started.
    pub fn outside_cpu_ns(&self) -> u64 {
        self.outside_cpu_ns.load(Ordering::Relaxed)
    }

    /// Phases and how long each took (ns), the last one until now.
    pub fn phases(&self) -> Vec<(String, u64)> {
        let marks = self.phases.lock().expect("no thread panics while it holds this lock");
        let ends = marks.iter().skip(1).map(|(_, at)| *at).chain([self.clock.elapsed()]);
        marks
            .iter()
            .zip(ends)
            .map(|((name, from), to)| (name.clone(), to.saturating_sub(*from).as_nanos() as u64))
            .collect()
    }
}

impl Observer for RunObserver {
    fn phase(&self, name: &'static str) {
        self.phases
            .lock()
            .expect("no thread panics while it holds this lock")
            .push((name.into(), self.clock.elapsed()));
    }

    fn progress(&self, done: u64) {
        self.progress.store(done, Ordering::Relaxed);
    }

    fn outside_cpu(&self, time: Duration) {
        self.outside_cpu_ns.fetch_add(time.as_nanos() as u64, Ordering::Relaxed);
    }

    fn cancelled(&self) -> bool {
        if let Some(limit) = self.limit
            && self.readings.is_due()
            && self.readings.is_over(self.clock.elapsed(), limit)
        {
            self.timed_out.store(true, Ordering::Relaxed);
        }
        self.stop.is_set() || self.timed_out()
    }

    fn work_dir(&self) -> &Path {
        &self.work_dir
    }
}

#[cfg(test)]
mod tests {
    use super::super::suspension::Suspensions;
    use super::*;

    #[test]
    fn runs_that_overlap_are_both_marked_and_later_ones_are_not() {
        let sharing = Sharing::default();
        let first = sharing.enter();
        assert!(first.alone());
        let second = sharing.enter();
        assert!(!first.alone() && !second.alone());
        drop((first, second));
        assert!(sharing.enter().alone());
    }

    #[test]
    fn a_time_limit_stops_and_says_so() {
        let clock = RunClock::start(&Suspensions::default());
        let observer =
            RunObserver::new(Arc::default(), StopFlag::default(), clock, Some(Duration::ZERO), PathBuf::new());
        assert!(observer.cancelled() && observer.timed_out());
    }

    #[test]
    fn frequent_polls_read_the_clock_rarely_and_rare_polls_always() {
        let (readings, limit, ms) = (Readings::default(), Duration::MAX, Duration::from_millis);
        let reads = |step: Duration, polls: u32, from: Duration| {
            let due = |i: &u32| readings.is_due() && !readings.is_over(from + step * *i, limit);
            (0..polls).filter(due).count()
        };
        let fast = reads(Duration::from_nanos(100), 100_000, Duration::ZERO);
        assert!((50..1000).contains(&fast), "{fast} readings");
        assert!(reads(ms(20), 2_000, ms(11)) > 900, "after some polls of the old stride");
    }

    #[test]
    fn a_limit_passed_in_a_leap_is_doubted_for_a_moment() {
        let (readings, limit, ms) = (Readings::default(), Duration::from_secs(1), Duration::from_millis);
        assert!(!readings.is_over(ms(10), limit));
        assert!(!readings.is_over(ms(5_000), limit), "stopped for 4.99 s, perhaps");
        assert!(!readings.is_over(ms(12), limit), "it was");
        let readings = Readings::default();
        assert!(!readings.is_over(ms(5_000), limit));
        assert!(readings.is_over(ms(5_201), limit), "it was not");
        let readings = Readings::default();
        assert!((0..100).any(|i| readings.is_over(ms(20 * i), limit)), "without a leap there is no doubt");
    }
}
