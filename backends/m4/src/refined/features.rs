//! What the refinement sees of a flow that has ended in the coarse network: numbers of the flow, of its way and of the transport.
//!
//! All are dimensionless and of order one: counts, volumes and times as ln(1 + x). Volumes are in packets, times in those that a packet
//! takes on the slowest link of the path. There is one definition, used by training and inference.

use crate::corrected::features::{TRANSPORT, log1p, transport};
use mixlab_coarse::fabric::{Channel, Train};
use mixlab_coarse::onlooker::Arrived;
use mixlab_contract::Scenario;

/// Numbers per flow.
pub const FEATURES: usize = 32;

/// Groups of features, for ablations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// What the transport is.
    Transport,
    /// The flow itself: path, volume, FCT alone.
    Flow,
    /// How long it took in the coarse network.
    Wait,
    /// Where and with which trains it waited.
    Queues,
    /// Marks, rate and window: what the rate law made of it.
    Rate,
    /// Who else was there when it began and ended.
    Others,
}

impl Group {
    /// Whether feature `i` belongs to it.
    pub const fn contains(self, i: usize) -> bool {
        match self {
            Self::Transport => i < TRANSPORT,
            Self::Flow => matches!(i, 14 | 15 | 18 | 30),
            Self::Wait => matches!(i, 16 | 17),
            Self::Queues => matches!(i, 19..=23 | 31),
            Self::Rate => matches!(i, 24..=26),
            Self::Others => matches!(i, 27..=29),
        }
    }
}

/// What a flow has met so far.
#[derive(Clone, Debug, Default)]
pub struct Met {
    /// How long its first, its latest and its slowest train have waited in queues, ns.
    first: f32,
    last: f32,
    most: f32,
    /// Σ bytes · wait, and Σ bytes.
    waited: f32,
    bytes: f32,
    /// Packets that were marked, on average.
    marked: f32,
    /// Flows that had something to send over its card when it began.
    beside: usize,
    /// What each channel of its path had sent by then, bytes.
    sent: Vec<f64>,
}

impl Met {
    /// A flow that begins on this path beside so many others.
    pub fn new(beside: usize, path: &[u32], channels: &[Channel]) -> Self {
        let sent = path.iter().map(|c| channels[*c as usize].sent).collect();
        Self { beside, sent, ..Self::default() }
    }

    /// A train of it has arrived.
    pub fn meet(&mut self, train: &Train) {
        if self.bytes == 0.0 {
            self.first = train.waited;
        }
        self.last = train.waited;
        self.most = self.most.max(train.waited);
        self.waited += train.waited * train.bytes as f32;
        self.bytes += train.bytes as f32;
        self.marked += (1.0 - train.clear) * f32::from(train.packets);
    }
}

/// Features of the scenario, made once.
#[derive(Clone, Debug)]
pub struct Setting {
    transport: [f32; TRANSPORT],
    /// Bytes of a full packet on the wire.
    packet: f64,
}

impl Setting {
    /// Reads the transport.
    pub fn of(scenario: &Scenario) -> Self {
        let t = scenario.transport();
        Self { transport: transport(scenario), packet: (t.payload.0 + t.data_header().0) as f64 }
    }

    /// How long a packet of the flow waits on average for those of others that are in transmission as it comes, ns: half a packet on each
    /// link, for the part of the time in which it was busy with others. Trains come less often than their packets, so this is what
    /// many flows in a network of trains do not meet. Cost: O(hops).
    pub fn meeting(&self, met: &Met, arrived: &Arrived, path: &[u32], channels: &[Channel]) -> f64 {
        let took = arrived.lone.ps() as f64 / 1e3 + arrived.wait;
        let on = |(c, before): (&u32, &f64)| {
            let c = &channels[*c as usize];
            let others = (c.sent - before - arrived.volume as f64).max(0.0);
            0.5 * self.packet * c.pace * (others * c.pace / took).min(1.0)
        };
        path.iter().zip(&met.sent).map(on).sum()
    }

    /// The features of a flow whose wait, with `meeting`, is that of `arrived`. Cost: O(hops).
    pub fn observe(
        &self,
        met: &Met,
        arrived: &Arrived,
        meeting: f64,
        (path, channels): (&[u32], &[Channel]),
    ) -> [f32; FEATURES] {
        let pace = |c: &u32| channels[*c as usize].pace;
        let unit = self.packet * path.iter().map(pace).fold(0.0, f64::max);
        let time = |ns: f64| log1p(ns / unit);
        let packets = |bytes: f64| log1p(bytes / self.packet);
        let lone = arrived.lone.ps() as f64 / 1e3;
        let mean = f64::from(met.waited / met.bytes.max(1.0));
        let last = &channels[path[path.len() - 1] as usize];
        let mut x = [0.0; FEATURES];
        x[..TRANSPORT].copy_from_slice(&self.transport);
        x[TRANSPORT..].copy_from_slice(&[
            (path.len() as f32 - 2.0) / 4.0,
            packets(arrived.volume as f64),
            log1p(arrived.wait / lone),
            time(arrived.wait),
            time(lone),
            time(f64::from(met.first)),
            time(f64::from(met.last)),
            time(mean),
            time(f64::from(met.most)),
            // What no queue explains: the card, the window, pauses.
            time(arrived.wait - mean),
            (f64::from(met.marked) * self.packet / f64::from(met.bytes.max(1.0))) as f32,
            arrived.rate as f32,
            packets(arrived.window.min(arrived.volume) as f64),
            log1p(met.beside as f64),
            log1p(arrived.beside as f64),
            packets(last.backlog as f64),
            (unit / (self.packet * pace(&path[0]))) as f32,
            time(meeting),
        ]);
        x
    }
}
