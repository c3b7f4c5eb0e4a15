//! The scenario's transport in the units of the engine: bytes, bit/s and ticks of the engine's clock.

use crate::fidelity::Fidelity;
use crate::packet::Kind;
use mixlab_contract::{CongestionControl, Scenario};

/// Bytes of a PFC frame on the wire.
pub(crate) const PFC_BYTES: u16 = 43;

/// Constants of a run.
#[derive(Clone, Debug)]
pub(crate) struct Physics {
    pub payload: u32,
    /// Bytes on the wire besides payload, of a full data packet, and of an ACK.
    pub header: u32,
    pub data_size: u32,
    pub ack_size: u32,
    /// Bytes on the wire of a full packet of each kind, in the order of [`Kind`].
    pub full_sizes: [u32; Kind::COUNT],
    pub window: Option<u64>,
    pub variable_window: bool,
    pub rate_bound: bool,
    pub min_rate: u64,
    pub max_rate: u64,
    /// Whether ACKs travel in queue 0.
    pub ack_high: bool,
    pub pfc: bool,
    pub ecn: bool,
    /// Whether packets carry telemetry.
    pub hpcc: bool,
    /// Ticks.
    pub base_rtt: u64,
    /// Which run of the marking random streams.
    pub rng_run: u64,
}

impl Physics {
    pub fn of<F: Fidelity>(scenario: &Scenario) -> Self {
        let t = scenario.transport();
        let (payload, header) = (t.payload.0 as u32, t.data_header().0 as u32);
        let ack_size = t.ack_size().0 as u32;
        let full_sizes = [Kind::Data, Kind::Ack, Kind::Nack, Kind::Pause, Kind::Resume].map(|kind| match kind {
            Kind::Data => payload + header,
            Kind::Ack | Kind::Nack => ack_size,
            Kind::Pause | Kind::Resume => PFC_BYTES.into(),
        });
        Self {
            payload,
            header,
            data_size: payload + header,
            ack_size,
            full_sizes,
            window: t.window.map(|w| w.0),
            variable_window: t.variable_window,
            rate_bound: t.rate_bound,
            min_rate: t.min_rate.0,
            max_rate: t.max_rate.0,
            ack_high: t.ack_high_priority,
            pfc: t.pfc,
            ecn: t.ecn,
            hpcc: matches!(t.congestion_control, CongestionControl::Hpcc { .. }),
            base_rtt: F::ticks(scenario.base_rtt()),
            rng_run: t.rng_run,
        }
    }

    /// Window of a sender at `rate`, whose highest rate is `max_rate`. The product wraps at 64 bits in ns-3.
    #[inline]
    pub fn window_at<F: Fidelity>(&self, rate: u64, max_rate: u64) -> u64 {
        match self.window {
            None => u64::MAX,
            Some(window) if self.variable_window && F::CLEAN => {
                let scaled = u128::from(window) * u128::from(rate) / u128::from(max_rate);
                (scaled as u64).max(1)
            }
            Some(window) if self.variable_window => (window.wrapping_mul(rate) / max_rate).max(1),
            Some(window) => window,
        }
    }
}
