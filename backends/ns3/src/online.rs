//! The online door: our program simulates on request, one line per request and per answer, over its standard streams.
//!
//! The contract's [`Network`] has no way to report that the program died, so after a failure the network is silent (no more
//! events, the clock goes where it is told) and [`Ns3Network::finish`] returns what happened. Callers must ask it.

use crate::backend::{Ns3Backend, launch};
use crate::process::{Input, Patience, Running, run_error};
use crate::results::{self, counters};
use crate::scenario_text::{check, write_flow, write_scenario};
use mixlab_contract::tcp::rdma_only;
use mixlab_contract::units::PS_PER_NS;
use mixlab_contract::{Counters, Event, FlowIndex, FlowStart, Network, Observer, RunError, Scenario, SimTime};
use std::collections::HashSet;
use std::fmt::Write;

/// A network simulated by a running ns-3 program.
pub struct Ns3Network<'a> {
    running: Running,
    input: Input,
    patience: Patience<'a>,
    now: SimTime,
    /// Requests not sent yet; flows need no answer, so they wait for the next question.
    requests: String,
    started: HashSet<FlowIndex>,
    failure: Option<RunError>,
}

impl<'a> Ns3Network<'a> {
    /// An empty network with the scenario's topology and transport; builds the program if need be.
    ///
    /// # Errors
    /// [`RunError`] if there is no ns-3, the scenario is not supported, or the program does not start.
    pub fn new(backend: &Ns3Backend, scenario: &Scenario, observer: &'a dyn Observer) -> Result<Self, RunError> {
        let failed = |message: String| RunError::Failed { message, log_tail: String::new() };
        let modelled = rdma_only(scenario).and_then(|()| check(scenario));
        modelled.map_err(|unsupported| failed(format!("online: {unsupported}")))?;
        if let Some(reason) = backend.offline_only() {
            return Err(failed(format!("ns3: {reason}")));
        }
        let program = backend.program(observer)?;
        let launch = launch(program, vec!["online".into()], observer.work_dir());
        let (running, input) = Running::start(&launch).map_err(|e| run_error("ns3", &e, None))?;
        let patience = Patience { observer, limit: backend.time_limit() };
        let requests = write_scenario(scenario, false);
        Ok(Self { running, input, patience, now: SimTime::ZERO, requests, started: HashSet::new(), failure: None })
    }

    /// Ends the program and returns its counters.
    ///
    /// # Errors
    /// The first failure of any call before, or of ending.
    pub fn finish(mut self) -> Result<Counters, RunError> {
        if let Some(failure) = self.failure.take() {
            return Err(failure);
        }
        self.requests.push_str("counters\nquit\n");
        self.last_words()
    }

    fn last_words(&mut self) -> Result<Counters, RunError> {
        let answer = self.ask()?;
        let words: Vec<&str> = answer.split(' ').collect();
        let counted = match words[..] {
            ["counters", ref numbers @ ..] => counters(numbers),
            _ => Err("expected counters"),
        };
        let counted = counted.map_err(|problem| self.unexpected(problem, &answer))?;
        let end = self.answer()?;
        if !end.starts_with("end ") {
            return Err(self.unexpected("expected the end marker", &end));
        }
        self.running.finish(self.patience).map_err(|e| run_error("ns3", &e, Some(&self.running)))?;
        Ok(counted)
    }

    /// Sends what waits and returns the answer.
    fn ask(&mut self) -> Result<String, RunError> {
        self.input.send(std::mem::take(&mut self.requests));
        self.answer()
    }

    fn answer(&mut self) -> Result<String, RunError> {
        match self.running.next_line(self.patience) {
            Ok(Some(line)) => Ok(line),
            Ok(None) => {
                let error = self.running.finish(self.patience).err();
                let message = error.map_or("it ended in the middle of a session".into(), |e| e.to_string());
                let log_tail = self.running.log_tail();
                Err(RunError::Failed { message: format!("ns3: {message}"), log_tail })
            }
            Err(e) => Err(run_error("ns3", &e, Some(&self.running))),
        }
    }

    fn advance(&mut self, until: SimTime) -> Result<Option<Event>, RunError> {
        writeln!(self.requests, "until {}", until.ns_floor()).expect("writing to a string does not fail");
        let answer = self.ask()?;
        match results::answer(&answer) {
            Err(problem) => Err(self.unexpected(problem, &answer)),
            Ok(None) => Ok(None),
            Ok(Some(e)) if !self.started.contains(&e.flow) => {
                Err(self.unexpected("the flow was never started", &answer))
            }
            Ok(Some(e)) if e.time < self.now || e.time > until => {
                Err(self.unexpected("the time is out of bounds", &answer))
            }
            Ok(event) => Ok(event),
        }
    }

    fn unexpected(&mut self, problem: &str, answer: &str) -> RunError {
        let line = self.running.line_number();
        let shown: String = answer.chars().take(120).collect();
        let log_tail = self.running.log_tail();
        RunError::Failed { message: format!("ns3: output line {line}: {problem}, found '{shown}'"), log_tail }
    }
}

impl Network for Ns3Network<'_> {
    fn now(&self) -> SimTime {
        self.now
    }

    fn start_flow(&mut self, flow: FlowStart<'_>) {
        assert!(flow.start >= self.now, "flow {:?} starts in the past", flow.flow);
        assert!(self.started.insert(flow.flow), "flow {:?} was started before", flow.flow);
        if !flow.start.ps().is_multiple_of(PS_PER_NS) && self.failure.is_none() {
            let message = format!("ns3: a flow start at {} (whole nanoseconds only)", flow.start);
            self.failure = Some(RunError::Failed { message, log_tail: String::new() });
        }
        let FlowIndex(index) = flow.flow;
        write!(self.requests, "flow {index} {} {index} ", u8::from(flow.acknowledge))
            .and_then(|()| write_flow(&mut self.requests, &flow))
            .expect("writing to a string does not fail");
    }

    fn next_event(&mut self, until: SimTime) -> Option<Event> {
        let event = match self.failure {
            Some(_) => None,
            None => self.advance(until).unwrap_or_else(|e| {
                self.failure = Some(e);
                None
            }),
        };
        self.now = event.map_or(self.now.max(until), |e| e.time);
        event
    }
}
