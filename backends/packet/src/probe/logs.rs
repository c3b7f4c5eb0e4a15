//! Logs: PFC frames, and what the ACKs of chosen flows did to their senders.

use super::{Acknowledgement, PfcEvent, Probe};
use mixlab_contract::{ChannelId, FlowIndex, SimTime};

/// One line of the PFC log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PfcRecord {
    /// When.
    pub time: SimTime,
    /// The device that sent or obeyed the frame, as the channel it transmits into.
    pub device: ChannelId,
    /// What it did.
    pub event: PfcEvent,
}

/// All PFC frames sent and obeyed, in order.
#[derive(Clone, Debug, Default)]
pub struct PfcLog {
    /// The lines.
    pub records: Vec<PfcRecord>,
}

impl Probe for PfcLog {
    fn pfc(&mut self, time: SimTime, device: ChannelId, event: PfcEvent) {
        self.records.push(PfcRecord { time, device, event });
    }
}

/// Every ACK and NACK of chosen flows, with rate, window and RTT after it, in order of arrival.
#[derive(Clone, Debug, Default)]
pub struct FlowTrace {
    chosen: Vec<bool>,
    /// The ACKs.
    pub records: Vec<Acknowledgement>,
}

impl FlowTrace {
    /// Traces `flows`.
    pub fn of(flows: impl IntoIterator<Item = FlowIndex>) -> Self {
        let mut chosen = Vec::new();
        for flow in flows {
            if flow.index() >= chosen.len() {
                chosen.resize(flow.index() + 1, false);
            }
            chosen[flow.index()] = true;
        }
        Self { chosen, records: Vec::new() }
    }
}

impl Probe for FlowTrace {
    fn acknowledged(&mut self, a: &Acknowledgement) {
        if self.chosen.get(a.flow.index()).copied().unwrap_or(false) {
            self.records.push(*a);
        }
    }
}
