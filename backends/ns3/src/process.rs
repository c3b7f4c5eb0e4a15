//! Outside programs, not trusted: own process group, no shell, a clean environment, a time limit, bounded output.
//!
//! - *Lifeline*: the program's standard input stays open as long as its caller lives. Our programs end when it closes, so a
//!   killed runner leaves no orphan; the caller itself kills the whole group on every way out ([`Running`]'s `Drop`).
//! - *Exit before reaping*: the exit is observed without freeing the process id, then the group is killed (whatever the
//!   program left behind), then the id is given back. No signal can hit a stranger.
//! - Standard output comes line by line through a bounded channel; of standard error the last 16 KiB are kept. A program that
//!   writes more than is read has to wait; it never costs its caller more than `WAITING_LINES` × `LONGEST_LINE` bytes.
//! - *Ctrl-Z*: a terminal stops only the group in the foreground, so whoever stops the caller stops the programs with
//!   [`suspend_all`] first; the time until [`resume_all`] counts against no time limit.

use mixlab_contract::{Observer, RunError};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use std::ffi::OsString;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Longest line a program may write.
const LONGEST_LINE: usize = 64 * 1024;
/// Bytes of standard error that are kept.
const LOG_BYTES: usize = 16 * 1024;
/// Lines that wait to be read before the program has to wait: 16 MiB at most.
const WAITING_LINES: usize = 256;
/// The problem of a last line without an end.
const CUT_OFF: &str = "cut off";
/// How long the end of standard error is waited for once the program is dead.
const LOG_GRACE: Duration = Duration::from_secs(1);
/// How often a start is tried while the executable is busy.
const BUSY_TRIES: u32 = 20;
/// How often cancellation and the time limit are looked at while nothing happens.
const TICK: Duration = Duration::from_millis(20);

/// Process groups of all programs that are not reaped yet.
static GROUPS: Mutex<Vec<Pid>> = Mutex::new(Vec::new());
/// How long programs have been stopped by [`suspend_all`] so far, in ns.
static SUSPENDED_NS: AtomicU64 = AtomicU64::new(0);

/// Stops all programs, until [`resume_all`].
pub fn suspend_all() {
    signal_all(Signal::STOP);
}

/// Lets all programs go on, which were stopped for `suspended`.
pub fn resume_all(suspended: Duration) {
    SUSPENDED_NS.fetch_add(suspended.as_nanos() as u64, Ordering::Relaxed);
    signal_all(Signal::CONT);
}

/// Whether any program runs now.
pub fn any_running() -> bool {
    !GROUPS.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
}

/// While the list is locked nobody reaps, so every group in it is ours.
fn signal_all(signal: Signal) {
    for group in GROUPS.lock().unwrap_or_else(PoisonError::into_inner).iter() {
        kill_process_group(*group, signal).ok(); // fails only for an empty group
    }
}

fn suspended() -> Duration {
    Duration::from_nanos(SUSPENDED_NS.load(Ordering::Relaxed))
}

/// What to start.
#[derive(Clone, Debug)]
pub struct Launch {
    /// The executable.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<OsString>,
    /// Where it runs.
    pub directory: PathBuf,
    /// All of its environment.
    pub environment: Vec<(OsString, OsString)>,
}

/// Why a program gave no result.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// The observer asked to stop; the program was killed.
    #[error("cancelled")]
    Cancelled,
    /// It did not start.
    #[error("cannot start {program}: {source}")]
    Start {
        /// The executable.
        program: String,
        /// Why.
        source: std::io::Error,
    },
    /// It took too long and was killed.
    #[error("no end after {} s, killed", .0.as_secs_f64())]
    TimeLimit(Duration),
    /// It failed by its own account.
    #[error("ended with {status}{}", likely_cause(.0), status = .0)]
    Exit(ExitStatus),
    /// It wrote something that is not a line of text.
    #[error("output line {line} is {problem}")]
    NotText {
        /// Line, from 1.
        line: u64,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The system refused.
    #[error("cannot wait for the program: {0}")]
    Wait(std::io::Error),
}

/// What is behind an exit status that a person may not know to read. The keepers of programs that are not ours (`GUARD`s) pass
/// a signal on as 128 + its number, as shells do.
fn likely_cause(status: &ExitStatus) -> &'static str {
    let kill = Signal::KILL.as_raw();
    if status.signal() == Some(kill) || status.code() == Some(128 + kill) {
        ": killed from outside, perhaps by the system's out-of-memory killer (the system log says so); \
         give it more memory or fewer jobs beside it, then repeat with --retry-failed"
    } else {
        ""
    }
}

/// How long to go on.
#[derive(Clone, Copy)]
pub struct Patience<'a> {
    /// Asked whether to stop.
    pub observer: &'a dyn Observer,
    /// Time limit of the whole program.
    pub limit: Option<Duration>,
}

/// A started program. Dropping it kills its process group.
pub struct Running {
    child: Child,
    group: Pid,
    started: Instant,
    suspended_before: Duration,
    lines: Receiver<Result<String, &'static str>>,
    line_number: u64,
    log: Arc<Mutex<Vec<u8>>>,
    log_ended: Receiver<()>,
    reaped: bool,
}

/// The standard input of a program, and its lifeline: it closes when this is dropped.
pub struct Input(Sender<String>);

impl Input {
    /// Sends text, without waiting for the program to read it. A program that no longer reads loses it; its exit status
    /// and its output say why.
    pub fn send(&self, text: String) {
        self.0.send(text).ok();
    }
}

impl Running {
    /// Starts a program and returns it with its standard input.
    ///
    /// # Errors
    /// [`ProcessError::Start`].
    pub fn start(launch: &Launch) -> Result<(Self, Input), ProcessError> {
        let mut command = Command::new(&launch.program);
        command.args(&launch.arguments).current_dir(&launch.directory);
        command.env_clear().envs(launch.environment.iter().map(|(k, v)| (k, v)));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        let mut child = spawn(&mut command)
            .map_err(|source| ProcessError::Start { program: launch.program.display().to_string(), source })?;
        let group = Pid::from_child(&child);
        GROUPS.lock().unwrap_or_else(PoisonError::into_inner).push(group);
        let mut stdin = child.stdin.take().expect("standard input is a pipe");
        let stdout = child.stdout.take().expect("standard output is a pipe");
        let stderr = child.stderr.take().expect("standard error is a pipe");
        let (sender, lines) = sync_channel(WAITING_LINES);
        thread::spawn(move || forward_lines(BufReader::new(stdout), &sender));
        let log = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&log);
        let (log_open, log_ended) = channel();
        thread::spawn(move || keep_tail(stderr, &kept, log_open));
        let (input, texts) = channel::<String>();
        thread::spawn(move || {
            // Writing happens apart, since a program may read late or never.
            texts
                .iter()
                .take_while(|t| stdin.write_all(t.as_bytes()).and_then(|()| stdin.flush()).is_ok())
                .for_each(drop);
        });
        let started = Instant::now();
        let suspended_before = suspended();
        let running =
            Self { child, group, started, suspended_before, lines, line_number: 0, log, log_ended, reaped: false };
        Ok((running, Input(input)))
    }

    /// The next line of standard output, or `None` at its end.
    ///
    /// # Errors
    /// [`ProcessError`] if it is not text, or if patience ends first; the program is killed then.
    pub fn next_line(&mut self, patience: Patience<'_>) -> Result<Option<String>, ProcessError> {
        let mut over: Option<Instant> = None;
        loop {
            self.check(patience)?;
            match self.lines.recv_timeout(TICK) {
                Ok(Ok(line)) => {
                    self.line_number += 1;
                    return Ok(Some(line));
                }
                Ok(Err(problem)) => {
                    if problem == CUT_OFF {
                        // Whoever is killed in the middle of a line has not written a bad one: its end says more.
                        self.finish(patience)?;
                    }
                    self.kill().ok();
                    return Err(ProcessError::NotText { line: self.line_number + 1, problem });
                }
                // It has ended, and what it started and left behind holds its output open: that is killed, and if it had gone
                // its own way it is not waited for.
                Err(RecvTimeoutError::Timeout) => match over {
                    Some(since) if since.elapsed() > LOG_GRACE => return Ok(None),
                    None if self.has_ended()? => {
                        kill_process_group(self.group, Signal::KILL).ok();
                        over = Some(Instant::now());
                    }
                    _ => {}
                },
                Err(RecvTimeoutError::Disconnected) => return Ok(None),
            }
        }
    }

    /// Lines read so far.
    pub fn line_number(&self) -> u64 {
        self.line_number
    }

    /// Waits for the program to end, kills what it left behind, and says whether it succeeded.
    ///
    /// # Errors
    /// [`ProcessError::Exit`] if it failed, or what ended the patience.
    pub fn finish(&mut self, patience: Patience<'_>) -> Result<(), ProcessError> {
        while !self.has_ended()? {
            self.check(patience)?;
            thread::sleep(Duration::from_millis(1));
        }
        patience.observer.outside_cpu(self.cpu_time());
        let status = self.kill().map_err(ProcessError::Wait)?;
        if status.success() { Ok(()) } else { Err(ProcessError::Exit(status)) }
    }

    /// Whether it has ended; it stays to be reaped.
    fn has_ended(&self) -> Result<bool, ProcessError> {
        let ended = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        Ok(waitid(WaitId::Pid(self.group), ended).map_err(|e| ProcessError::Wait(e.into()))?.is_some())
    }

    /// CPU time of the program and of the children it has waited for, to 10 ms; zero where the system does not tell.
    /// PRECONDITION: not reaped yet, for then the kernel forgets.
    fn cpu_time(&self) -> Duration {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.group.as_raw_nonzero())).unwrap_or_default();
        // The second field, the name in parentheses, may hold anything; fields 14 to 17 are times in clock ticks.
        let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
        let ticks: u64 = after_name.split_whitespace().skip(11).take(4).filter_map(|t| t.parse::<u64>().ok()).sum();
        Duration::from_millis(ticks * 1000 / rustix::param::clock_ticks_per_second().max(1))
    }

    /// The end of what it wrote to standard error: all of it if the program has ended, unless something that left its
    /// process group holds the pipe open.
    pub fn log_tail(&self) -> String {
        if self.reaped {
            self.log_ended.recv_timeout(LOG_GRACE).ok();
        }
        let bytes = self.log.lock().expect("no reader panics while it holds the lock");
        String::from_utf8_lossy(&bytes).into_owned()
    }

    fn check(&mut self, patience: Patience<'_>) -> Result<(), ProcessError> {
        let error = match patience.limit {
            _ if patience.observer.cancelled() => ProcessError::Cancelled,
            Some(limit) if self.started.elapsed() > limit + (suspended() - self.suspended_before) => {
                ProcessError::TimeLimit(limit)
            }
            _ => return Ok(()),
        };
        self.kill().ok();
        Err(error)
    }

    /// Kills the group and reaps the program. PRECONDITION for the group id to be ours: not reaped yet.
    fn kill(&mut self) -> std::io::Result<ExitStatus> {
        if !self.reaped {
            // Fails only if the group is empty already, which is what is wanted.
            kill_process_group(self.group, Signal::KILL).ok();
            GROUPS.lock().unwrap_or_else(PoisonError::into_inner).retain(|g| *g != self.group);
            self.reaped = true;
        }
        self.child.wait()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill().ok();
    }
}

/// Starts a command. A file written a moment ago counts as busy while another thread's new process still holds a copy of
/// the descriptor it was written through, so that error is tried again.
fn spawn(command: &mut Command) -> std::io::Result<Child> {
    for _ in 0..BUSY_TRIES {
        match command.spawn() {
            Err(e) if e.kind() == ErrorKind::ExecutableFileBusy => thread::sleep(TICK),
            other => return other,
        }
    }
    command.spawn()
}

/// Turns a failure into the run's error, with the end of the program's log.
pub fn run_error(name: &str, error: &ProcessError, running: Option<&Running>) -> RunError {
    match error {
        ProcessError::Cancelled => RunError::Cancelled,
        other => {
            let log_tail = running.map(Running::log_tail).unwrap_or_default();
            RunError::Failed { message: format!("{name}: {other}"), log_tail }
        }
    }
}

/// Variables programs may see: where programs and temporary files are, and plain messages.
pub fn clean_environment(dir: &Path) -> Vec<(OsString, OsString)> {
    let path = std::env::var_os("PATH").unwrap_or_else(|| "/usr/local/bin:/usr/bin:/bin".into());
    vec![
        ("PATH".into(), path),
        ("LC_ALL".into(), "C".into()),
        ("HOME".into(), dir.into()),
        ("TMPDIR".into(), dir.into()),
    ]
}

fn forward_lines(mut stdout: impl BufRead, lines: &SyncSender<Result<String, &'static str>>) {
    let mut bytes = Vec::new();
    loop {
        bytes.clear();
        let limit = LONGEST_LINE as u64 + 1;
        let line = match stdout.by_ref().take(limit).read_until(b'\n', &mut bytes) {
            Ok(0) => return,
            Err(e) if e.kind() == ErrorKind::Interrupted => continue,
            Err(_) => Err("unreadable"),
            Ok(_) if bytes.len() > LONGEST_LINE => Err("longer than 64 KiB"),
            Ok(_) if bytes.pop() != Some(b'\n') => Err(CUT_OFF),
            Ok(_) => String::from_utf8(std::mem::take(&mut bytes)).map_err(|_| "not UTF-8"),
        };
        let last = line.is_err();
        if lines.send(line).is_err() || last {
            return;
        }
    }
}

/// Keeps the last bytes; dropping `_open` at its end says that there will be no more.
fn keep_tail(mut stderr: impl Read, kept: &Mutex<Vec<u8>>, _open: Sender<()>) {
    let mut buffer = [0u8; 4096];
    loop {
        match stderr.read(&mut buffer) {
            Ok(0) => return,
            Ok(n) => {
                let mut kept = kept.lock().expect("nobody panics while holding the lock");
                kept.extend_from_slice(&buffer[..n]);
                let excess = kept.len().saturating_sub(LOG_BYTES);
                kept.drain(..excess);
            }
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(_) => return,
        }
    }
}
