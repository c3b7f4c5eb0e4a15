//! The only arrival loops in the tree: they release a scenario's flows into a [`Network`] and collect the outcomes.
//!
//! *Open*: every flow is announced before the clock starts, so an engine knows the whole schedule, as a trace-driven
//! simulator does. *Closed loop*: groups of hosts keep at most L flows outstanding; the rest wait in order and are
//! released the moment a sender of their group has its last ACK.

use crate::backend::{FlowOutcome, Observer, RunError};
use crate::network::{EventKind, FlowStart, Network};
use crate::scenario::{Application, FlowIndex, Scenario};
use crate::units::SimTime;
use std::collections::VecDeque;

/// Runs `scenario` on a fresh `network` up to the horizon and returns one outcome per flow, in scenario order.
///
/// # Errors
/// [`RunError::Cancelled`] if the observer asks to stop (asked at every event).
pub fn drive<N: Network + ?Sized>(
    network: &mut N,
    scenario: &Scenario,
    observer: &dyn Observer,
) -> Result<Vec<FlowOutcome>, RunError> {
    let mut run = Run::new(scenario, observer);
    match scenario.application() {
        Application::Open => run.open(network)?,
        Application::ClosedLoop { max_inflight, hosts_per_group } => {
            run.closed_loop(network, max_inflight, hosts_per_group)?;
        }
    }
    Ok(run.outcomes)
}

struct Run<'a> {
    scenario: &'a Scenario,
    observer: &'a dyn Observer,
    outcomes: Vec<FlowOutcome>,
    done: u64,
}

impl<'a> Run<'a> {
    fn new(scenario: &'a Scenario, observer: &'a dyn Observer) -> Self {
        let outcomes = vec![FlowOutcome::Unfinished { start: None }; scenario.flows().len()];
        Self { scenario, observer, outcomes, done: 0 }
    }

    fn open<N: Network + ?Sized>(&mut self, network: &mut N) -> Result<(), RunError> {
        for flow in self.scenario.indices() {
            self.release(network, flow, self.scenario.flow(flow).start, false);
        }
        while self.step(network, self.scenario.horizon())?.is_some() {}
        Ok(())
    }

    fn closed_loop<N: Network + ?Sized>(
        &mut self,
        network: &mut N,
        max_inflight: u32,
        hosts_per_group: u32,
    ) -> Result<(), RunError> {
        let scenario = self.scenario;
        let group_of = |flow: FlowIndex| (scenario.flow(flow).src.0 / hosts_per_group) as usize;
        let groups = scenario.topology().node_count().div_ceil(hosts_per_group as usize);
        let mut inflight = vec![0u32; groups];
        let mut waiting: Vec<VecDeque<FlowIndex>> = vec![VecDeque::new(); groups];
        let mut arrivals = scenario.indices().peekable();
        loop {
            let next = arrivals.peek().map(|f| scenario.flow(*f).start);
            let until = next.unwrap_or(SimTime::MAX).min(scenario.horizon());
            // Releases at the current instant come before later arrivals, and arrivals before events of their own instant.
            let event = if next.is_some_and(|t| t <= network.now()) { None } else { self.step(network, until)? };
            if let Some((flow, kind)) = event {
                if kind == EventKind::Acknowledged {
                    let group = group_of(flow);
                    inflight[group] -= 1;
                    if let Some(flow) = waiting[group].pop_front() {
                        inflight[group] += 1;
                        self.release(network, flow, network.now(), true);
                    }
                }
                continue;
            }
            match next {
                Some(start) if start <= scenario.horizon() => {
                    while let Some(flow) = arrivals.next_if(|f| scenario.flow(*f).start == start) {
                        let group = group_of(flow);
                        if inflight[group] < max_inflight {
                            inflight[group] += 1;
                            self.release(network, flow, start, true);
                        } else {
                            waiting[group].push_back(flow);
                        }
                    }
                }
                _ => return Ok(()),
            }
        }
    }

    fn release<N: Network + ?Sized>(&mut self, network: &mut N, flow: FlowIndex, start: SimTime, acknowledge: bool) {
        network.start_flow(FlowStart::of(self.scenario, flow, start, acknowledge));
        if start <= self.scenario.horizon() {
            self.outcomes[flow.index()] = FlowOutcome::Unfinished { start: Some(start) };
        }
    }

    fn step<N: Network + ?Sized>(
        &mut self,
        network: &mut N,
        until: SimTime,
    ) -> Result<Option<(FlowIndex, EventKind)>, RunError> {
        if self.observer.cancelled() {
            return Err(RunError::Cancelled);
        }
        let Some(event) = network.next_event(until) else { return Ok(None) };
        if event.kind == EventKind::Delivered {
            let outcome = &mut self.outcomes[event.flow.index()];
            let FlowOutcome::Unfinished { start: Some(start) } = *outcome else {
                panic!("{:?} was delivered twice or never released", event.flow)
            };
            *outcome = FlowOutcome::Completed { start, fct: event.time.since(start) };
            self.done += 1;
            self.observer.progress(self.done);
        }
        Ok(Some((event.flow, event.kind)))
    }
}
