//! The runner's side of a run: progress, phases, stop requests, and who shares the machine with whom.

use mixlab_contract::Observer;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

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
    deadline: Option<Instant>,
    timed_out: AtomicBool,
    polls: AtomicU64,
    phases: Mutex<Vec<(String, Instant)>>,
    outside_cpu_ns: AtomicU64,
    work_dir: PathBuf,
}

/// The clock is read at every so many polls only: engines poll at every event.
const POLLS_PER_CLOCK_READING: u64 = 1024;

impl RunObserver {
    /// An observer for a run that starts now.
    pub fn new(progress: Arc<AtomicU64>, stop: StopFlag, timeout: Option<Duration>, work_dir: PathBuf) -> Self {
        Self {
            progress,
            stop,
            deadline: timeout.and_then(|t| Instant::now().checked_add(t)),
            timed_out: AtomicBool::new(false),
            polls: AtomicU64::new(0),
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
        let ends = marks.iter().skip(1).map(|(_, at)| *at).chain([Instant::now()]);
        marks.iter().zip(ends).map(|((name, from), to)| (name.clone(), (to - *from).as_nanos() as u64)).collect()
    }
}

impl Observer for RunObserver {
    fn phase(&self, name: &'static str) {
        self.phases.lock().expect("no thread panics while it holds this lock").push((name.into(), Instant::now()));
    }

    fn progress(&self, done: u64) {
        self.progress.store(done, Ordering::Relaxed);
    }

    fn outside_cpu(&self, time: Duration) {
        self.outside_cpu_ns.fetch_add(time.as_nanos() as u64, Ordering::Relaxed);
    }

    fn cancelled(&self) -> bool {
        if let Some(deadline) = self.deadline
            && self.polls.fetch_add(1, Ordering::Relaxed).is_multiple_of(POLLS_PER_CLOCK_READING)
            && Instant::now() >= deadline
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
        let observer = RunObserver::new(Arc::default(), StopFlag::default(), Some(Duration::ZERO), PathBuf::new());
        assert!(observer.cancelled() && observer.timed_out());
    }
}
