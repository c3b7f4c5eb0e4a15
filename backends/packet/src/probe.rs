//! What an onlooker may see of a run. The default onlooker sees nothing and costs nothing: every method is empty and the
//! engine is compiled for it.

use crate::packet::Kind;
use mixlab_contract::{ChannelId, FlowIndex};

/// A packet begins to leave a port.
#[derive(Clone, Copy, Debug)]
pub struct Transmission {
    /// When, in nanoseconds.
    pub time: u64,
    /// The channel it enters.
    pub channel: ChannelId,
    /// What it is.
    pub kind: Kind,
    /// Whose it is (meaningless for PFC frames).
    pub flow: FlowIndex,
    /// Sequence number, or the number acknowledged.
    pub sequence: u32,
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
    /// When, in nanoseconds.
    pub time: u64,
    /// Whose.
    pub flow: FlowIndex,
    /// Number acknowledged.
    pub sequence: u32,
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
    /// A packet begins to leave a port.
    fn transmit(&mut self, _: &Transmission) {}

    /// A switch dropped a packet that came over `from` and was to leave over `to`.
    fn drop(&mut self, _time: u64, _from: ChannelId, _to: ChannelId, _flow: FlowIndex, _sequence: u32) {}

    /// A PFC frame was made or obeyed by the device whose outgoing channel is `device`.
    fn pfc(&mut self, _time: u64, _device: ChannelId, _event: PfcEvent) {}

    /// A sender has handled an ACK or NACK.
    fn acknowledged(&mut self, _: &Acknowledgement) {}
}

/// The onlooker that sees nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unobserved;

impl Probe for Unobserved {}
