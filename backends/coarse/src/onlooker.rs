//! Somebody who looks on while flows progress, and says how long each took.

use crate::fabric::{Channel, Train};
use mixlab_contract::{FlowIndex, SimDuration, SimTime};

/// A flow whose last byte has arrived.
#[derive(Clone, Copy, Debug)]
pub struct Arrived {
    /// Which.
    pub flow: FlowIndex,
    /// When it began.
    pub start: SimTime,
    /// Its FCT on an idle network.
    pub lone: SimDuration,
    /// Bytes on the wire.
    pub volume: u64,
    /// How much longer it took in this network, ns.
    pub wait: f64,
    /// Its rate at the end as a part of the highest.
    pub rate: f64,
    /// Its window then, bytes on the wire.
    pub window: u64,
    /// Other flows that have something to send over the same card.
    pub beside: usize,
}

/// The onlooker; flows go by the order of their announcement. `()` takes what it sees for true.
pub trait Onlooker {
    /// Flow `order` begins on this path, with `beside` others that have something to send over its card. `channels` are all of the network.
    fn began(&mut self, _order: u32, _start: SimTime, _path: &[u32], _beside: usize, _channels: &[Channel]) {}

    /// A train with bytes that had been missing has come to the receiver of flow `order`.
    fn arrived(&mut self, _order: u32, _train: &Train) {}

    /// Flow `order` has ended; its FCT. The network reports it then, or now if that is in the past.
    fn ended(&mut self, _order: u32, arrived: &Arrived, _path: &[u32], _channels: &[Channel]) -> SimDuration {
        arrived.fct()
    }
}

impl Onlooker for () {}

impl Arrived {
    /// Its FCT in this network.
    pub fn fct(&self) -> SimDuration {
        SimDuration::from_ps(self.lone.ps() + (self.wait * 1e3).round() as u64)
    }
}
