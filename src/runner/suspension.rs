//! Time during which this process was stopped, which is no time of a run.
//!
//! ```text
//! Ctrl-Z (SIGTSTP)  outside programs are stopped, clocks stand still, then the process stops itself; SIGCONT reverses it: exact
//! SIGSTOP           can't be noticed in advance: at SIGCONT, the gap in a beat of 50 ms is the time stopped (± one beat); not
//!                   counted off if an outside program was running, which nobody stopped
//! laptop asleep     the monotonic clock stands still by itself (Linux, macOS)
//! ```
//!
//! CPU times need none of this. Left out: a run that ends within the moment between SIGCONT and its handling after a SIGSTOP.

use mixlab_ns3::process;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Time between beats.
const BEAT: Duration = Duration::from_millis(50);
/// A longer gap between beats means that the process was stopped, if a SIGCONT says so too.
const GAP: Duration = Duration::from_millis(200);
/// A gap that ended longer ago has nothing to do with a SIGCONT.
const RECENT: Duration = Duration::from_secs(1);

/// All stops of this process so far; shared by everyone who measures.
#[derive(Clone, Debug, Default)]
pub struct Suspensions(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    total: Duration,
    /// Since when clocks stand still.
    since: Option<Instant>,
}

impl Suspensions {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Clocks stand still from now on.
    fn begin(&self) {
        self.state().since = Some(Instant::now());
    }

    /// Clocks go on; returns how long they stood still.
    fn end(&self) -> Duration {
        let mut state = self.state();
        let stood = state.since.take().map_or(Duration::ZERO, |since| since.elapsed());
        state.total += stood;
        stood
    }

    fn add(&self, stopped: Duration) {
        self.state().total += stopped;
    }
}

/// A stopwatch that stands still while the process is stopped.
#[derive(Clone, Debug)]
pub struct RunClock {
    started: Instant,
    before: Duration,
    suspensions: Suspensions,
}

impl RunClock {
    /// A clock that starts now.
    pub fn start(suspensions: &Suspensions) -> Self {
        let before = suspensions.state().total;
        Self { started: Instant::now(), before, suspensions: suspensions.clone() }
    }

    /// Time since its start, less the time stopped.
    pub fn elapsed(&self) -> Duration {
        let state = self.suspensions.state();
        let now = state.since.unwrap_or_else(Instant::now);
        now.saturating_duration_since(self.started).saturating_sub(state.total.saturating_sub(self.before))
    }
}

/// Notices stops for as long as it is polled. Ends at once where the signals can't be watched.
#[cfg(unix)]
pub async fn watch(suspensions: Suspensions) {
    use rustix::process::{Signal, getpid, kill_process};
    use tokio::signal::unix::{SignalKind, signal};
    let stop = signal(SignalKind::from_raw(Signal::TSTP.as_raw()));
    let (Ok(mut stop), Ok(mut go_on)) = (stop, signal(SignalKind::from_raw(Signal::CONT.as_raw()))) else { return };
    let mut beat = tokio::time::interval(BEAT);
    beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut beats = Beats::new();
    loop {
        tokio::select! {
            Some(()) = stop.recv() => {
                process::suspend_all();
                suspensions.begin();
                // If it is refused nothing stops, and nobody will say go on.
                if kill_process(getpid(), Signal::STOP).is_ok() {
                    go_on.recv().await;
                }
                process::resume_all(suspensions.end());
                beats = Beats::new();
            }
            Some(()) = go_on.recv() => {
                let stopped = beats.gap();
                if !process::any_running() {
                    suspensions.add(stopped);
                }
                beats = Beats::new();
            }
            _ = beat.tick() => beats.beat(),
        }
    }
}

/// Nothing to notice where there are no such signals.
#[cfg(not(unix))]
pub async fn watch(_: Suspensions) {}

/// When the last beats were.
struct Beats {
    last: Instant,
    /// The last long gap, and its end.
    gap: Option<(Duration, Instant)>,
}

impl Beats {
    fn new() -> Self {
        Self { last: Instant::now(), gap: None }
    }

    fn beat(&mut self) {
        let now = Instant::now();
        let length = now - self.last;
        if length > GAP {
            self.gap = Some((length, now));
        }
        self.last = now;
    }

    /// The gap that has just ended or ends now; zero if there is none. A beat may come before the signal is handled.
    fn gap(&self) -> Duration {
        let ended = self.gap.filter(|(_, end)| end.elapsed() < RECENT).map_or(Duration::ZERO, |(length, _)| length);
        let pending = self.last.elapsed();
        ended.max(if pending > GAP { pending } else { Duration::ZERO })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_stands_still_between_stop_and_go_on() {
        let suspensions = Suspensions::default();
        let clock = RunClock::start(&suspensions);
        suspensions.begin();
        let stood_at = clock.elapsed();
        std::thread::sleep(Duration::from_millis(20));
        assert_eq!(clock.elapsed(), stood_at);
        let stood = suspensions.end();
        assert!(stood >= Duration::from_millis(20));
        let whole = clock.started.elapsed();
        assert!(clock.elapsed() <= whole, "{:?} of {whole:?}", clock.elapsed());
        assert!(clock.elapsed() >= stood_at);
    }

    #[test]
    fn earlier_stops_do_not_count_for_later_clocks() {
        let suspensions = Suspensions::default();
        suspensions.add(Duration::from_secs(1000));
        let clock = RunClock::start(&suspensions);
        std::thread::sleep(Duration::from_millis(2));
        assert!(clock.elapsed() >= Duration::from_millis(2));
        suspensions.add(Duration::from_secs(1000));
        assert_eq!(clock.elapsed(), Duration::ZERO);
    }

    #[test]
    fn only_a_long_recent_gap_is_a_stop() {
        let mut beats = Beats::new();
        beats.beat();
        assert_eq!(beats.gap(), Duration::ZERO);
        beats.last = Instant::now() - Duration::from_millis(700);
        assert!(beats.gap() >= Duration::from_millis(700));
        beats.beat();
        assert!(beats.gap() >= Duration::from_millis(700), "the beat came before the signal");
    }
}
