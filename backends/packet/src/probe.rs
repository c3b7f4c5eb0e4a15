//! What an onlooker may see of a run. The default onlooker sees nothing and costs nothing: every method is empty and the
//! engine is compiled for it.

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

/// The onlooker that sees nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unobserved;

impl Probe for Unobserved {}
