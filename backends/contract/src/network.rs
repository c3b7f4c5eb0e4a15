//! The online door: a simulated network in which flows are started while it runs.
//!
//! Laws (tested for every implementation by [`crate::conformance`]): the clock never goes back; every flow is delivered
//! at most once and acknowledged at most once, after its delivery; calling with a smaller `until` first changes nothing;
//! nothing that was reported is changed by later calls.

use crate::scenario::{FlowIndex, Scenario};
use crate::topology::{ChannelId, NodeId};
use crate::units::{Bytes, SimTime};

/// A flow handed to a network.
#[derive(Clone, Copy, Debug)]
pub struct FlowStart<'a> {
    /// Name of the flow in events; each may be started once.
    pub flow: FlowIndex,
    /// Sender.
    pub src: NodeId,
    /// Receiver.
    pub dst: NodeId,
    /// Application bytes.
    pub size: Bytes,
    /// When it starts: now or later.
    pub start: SimTime,
    /// Channels its data crosses.
    pub path: &'a [ChannelId],
    /// Channels its ACKs cross.
    pub ack_path: &'a [ChannelId],
    /// Whether the driver wants to hear of the last ACK as well as of the delivery.
    pub acknowledge: bool,
}

impl<'a> FlowStart<'a> {
    /// Flow `flow` of a scenario, started at `start`.
    pub fn of(scenario: &'a Scenario, flow: FlowIndex, start: SimTime, acknowledge: bool) -> Self {
        let f = scenario.flow(flow);
        let (path, ack_path) = (scenario.path(flow), scenario.ack_path(flow));
        Self { flow, src: f.src, dst: f.dst, size: f.size, start, path, ack_path, acknowledge }
    }
}

/// What happened to a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum EventKind {
    /// The receiver has its last byte: the end of its FCT.
    Delivered,
    /// The sender has the last ACK.
    Acknowledged,
}

/// Something a driver can react to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// When; equals [`Network::now`] on return.
    pub time: SimTime,
    /// To which flow.
    pub flow: FlowIndex,
    /// What.
    pub kind: EventKind,
}

/// The flows that a network was handed, and what [`Network::start_flow`] refuses.
#[derive(Clone, Debug, Default)]
pub struct Register {
    /// By flow.
    started: Vec<bool>,
}

impl Register {
    /// Takes a flow in. Memory: O(largest flow number).
    ///
    /// # Panics
    /// If it starts before `now` or was taken in before.
    pub fn admit(&mut self, now: SimTime, f: &FlowStart<'_>) {
        assert!(f.start >= now, "flow {:?} starts in the past", f.flow);
        if self.started.len() <= f.flow.index() {
            self.started.resize(f.flow.index() + 1, false);
        }
        assert!(!std::mem::replace(&mut self.started[f.flow.index()], true), "flow {:?} is started twice", f.flow);
    }
}

/// A running simulation.
pub trait Network {
    /// The clock.
    fn now(&self) -> SimTime;

    /// Announces a flow. Flows of equal start are released in the order of these calls.
    ///
    /// # Panics
    /// If `start` lies in the past or the flow was started before: a fault of the driver.
    fn start_flow(&mut self, flow: FlowStart<'_>);

    /// Runs to the earliest event no later than `until` and returns it with the clock there, or `None` with the clock at
    /// `until`. Events of equal time come one by one; a driver may start flows at that very time in between.
    fn next_event(&mut self, until: SimTime) -> Option<Event>;
}
