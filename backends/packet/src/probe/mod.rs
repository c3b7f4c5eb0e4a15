//! What an onlooker may see of a run. The default onlooker sees nothing and costs nothing: every method is empty and the
//! engine is compiled for it. Onlookers change nothing: they get no way to.
//!
//! | probe | records |
//! |---|---|
//! | [`Supervisor`] | remaining bytes of all active flows and queues on their paths, at every release and delivery |
//! | [`ChannelSeries`] | queue and utilisation of chosen channels in equal intervals |
//! | [`PfcLog`] | PFC frames sent and obeyed |
//! | [`FlowTrace`] | rate, window and RTT at each ACK of chosen flows |
//!
//! A pair of probes is a probe: `PacketNetwork::<Wheel, _>::observed(scenario, (PfcLog::default(), trace))`.

mod logs;
mod series;
mod supervisor;

pub use logs::{FlowTrace, PfcLog, PfcRecord};
pub use series::{ChannelSeries, Sample};
pub use supervisor::Supervisor;

use crate::flow::Receiver;
use crate::packet::Kind;
use crate::port::Port;
use mixlab_contract::{Bytes, ChannelId, FlowIndex, SimDuration, SimTime};

/// A packet begins to leave a port.
#[derive(Clone, Copy, Debug)]
pub struct Transmission {
    /// When.
    pub time: SimTime,
    /// The channel it enters.
    pub channel: ChannelId,
    /// What it is.
    pub kind: Kind,
    /// Whose it is (meaningless for PFC frames).
    pub flow: FlowIndex,
    /// Sequence number, or the number acknowledged.
    pub sequence: u64,
    /// Bytes on the wire.
    pub wire_bytes: u32,
    /// Whether ECN marked it.
    pub marked: bool,
    /// Whether it is an ACK that echoes a mark.
    pub echo: bool,
    /// Bytes left in the queues of the port (0 at hosts).
    pub queue_bytes: u64,
}

/// A sender has handled an ACK or NACK and is about to look for something to send.
#[derive(Clone, Copy, Debug)]
pub struct Acknowledgement {
    /// When.
    pub time: SimTime,
    /// Whose.
    pub flow: FlowIndex,
    /// Number acknowledged.
    pub sequence: u64,
    /// Since the data packet it answers left its sender.
    pub rtt: SimDuration,
    /// Whether it was a NACK.
    pub nack: bool,
    /// Whether it echoed a mark.
    pub echo: bool,
    /// Rate after it, in bit/s.
    pub rate: u64,
    /// Window after it, in bytes.
    pub window: u64,
    /// First byte not acknowledged.
    pub unacknowledged: u64,
    /// Next byte to send.
    pub next: u64,
}

/// What happened to a PFC frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PfcEvent {
    /// A resume frame arrived and was obeyed.
    ResumeReceived,
    /// A pause frame arrived and was obeyed.
    PauseReceived,
    /// A switch made a pause frame.
    PauseSent,
    /// A switch made a resume frame.
    ResumeSent,
}

/// An onlooker of a run.
pub trait Probe {
    /// Whether [`Probe::before`] is to be called.
    const WATCHES_CLOCK: bool = false;

    /// A packet begins to leave a port.
    fn transmit(&mut self, _: &Transmission) {}

    /// A switch dropped a packet that came over `from` and was to leave over `to`.
    fn drop(&mut self, _time: SimTime, _from: ChannelId, _to: ChannelId, _flow: FlowIndex, _sequence: u64) {}

    /// A PFC frame was made or obeyed by the device whose outgoing channel is `device`.
    fn pfc(&mut self, _time: SimTime, _device: ChannelId, _event: PfcEvent) {}

    /// A sender has handled an ACK or NACK.
    fn acknowledged(&mut self, _: &Acknowledgement) {}

    /// A flow may send from now on; nothing of it has been sent.
    fn released(&mut self, _time: SimTime, _flow: FlowIndex, _view: &View<'_>) {}

    /// The last byte of a flow has arrived.
    fn delivered(&mut self, _time: SimTime, _flow: FlowIndex, _view: &View<'_>) {}

    /// An event at `time` is about to be executed, so `view` holds for every earlier time since the last call.
    fn before(&mut self, _time: SimTime, _view: &View<'_>) {}
}

/// The state of the network, as an onlooker may read it.
#[derive(Clone, Copy)]
pub struct View<'a> {
    pub(crate) ports: &'a [Port],
    pub(crate) receivers: &'a [Receiver],
}

impl View<'_> {
    /// Bytes of a flow that its receiver does not have yet, in order. PRECONDITION: it was announced.
    pub fn remaining(&self, flow: FlowIndex) -> Bytes {
        let r = &self.receivers[flow.index()];
        Bytes(if r.delivered { 0 } else { r.size - r.expected })
    }

    /// Bytes waiting in the switch port that sends into `channel` (all queues, without the packet on the wire); 0 at hosts,
    /// whose packets are only made when they leave.
    pub fn queued(&self, channel: ChannelId) -> Bytes {
        Bytes(self.ports[channel.index()].queued.into())
    }

    /// Channels of the network.
    pub fn channels(&self) -> usize {
        self.ports.len()
    }
}

impl<A: Probe, B: Probe> Probe for (A, B) {
    const WATCHES_CLOCK: bool = A::WATCHES_CLOCK || B::WATCHES_CLOCK;

    fn transmit(&mut self, t: &Transmission) {
        self.0.transmit(t);
        self.1.transmit(t);
    }

    fn drop(&mut self, time: SimTime, from: ChannelId, to: ChannelId, flow: FlowIndex, sequence: u64) {
        self.0.drop(time, from, to, flow, sequence);
        self.1.drop(time, from, to, flow, sequence);
    }

    fn pfc(&mut self, time: SimTime, device: ChannelId, event: PfcEvent) {
        self.0.pfc(time, device, event);
        self.1.pfc(time, device, event);
    }

    fn acknowledged(&mut self, a: &Acknowledgement) {
        self.0.acknowledged(a);
        self.1.acknowledged(a);
    }

    fn released(&mut self, time: SimTime, flow: FlowIndex, view: &View<'_>) {
        self.0.released(time, flow, view);
        self.1.released(time, flow, view);
    }

    fn delivered(&mut self, time: SimTime, flow: FlowIndex, view: &View<'_>) {
        self.0.delivered(time, flow, view);
        self.1.delivered(time, flow, view);
    }

    fn before(&mut self, time: SimTime, view: &View<'_>) {
        self.0.before(time, view);
        self.1.before(time, view);
    }
}

/// The onlooker that sees nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unobserved;

impl Probe for Unobserved {}
