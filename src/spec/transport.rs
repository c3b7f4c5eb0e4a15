//! From a mix to the transport every flow uses: the numbers parsimon-eval's newest scripts hand to ns-3, as ns-3 reads them.
//!
//! ```text
//! B  = rate of the hosts' NICs in Gb/s (10 in all published mixes), R = rate of a link in Gb/s
//! buffer = ⌊bfsz·10⌋ KiB        window = FIXED_WIN (0: none), shrinking with the rate        rates in [B/10, B] Gb/s
//! dctcp   K_min = K_max = ⌊p1·R/10⌋ KB, P_max 1      g = 1/16, additive 615 Mb/s
//! dcqcn   K = ⌊p·R/25⌋ KB, P_max 0.2, PFC always on  g = 1/256, timers 50/50/55 µs, AI 5·B/25, HAI 50·B/25 Mb/s
//! hp      η = p1/100, AI = p2·10 Mb/s                telemetry multiplier max(1, ⌊B/25⌋)
//! timely  T_low, T_high = ⌊p·1000⌋ ns, β = 0.8       AI 10·B/10, HAI 50·B/10 Mb/s
//! ```
//!
//! Sources: the `run_m4.py` driver and configuration of the RDMA ns-3 tree (UNISON-for-ns-3, branch unison-3.39) that made the m4
//! paper's data. Its integer keys drop fractions, its data rates are `⌊x·10⁶⌋` bit/s. HPCC and TIMELY ignore marks, but the
//! thresholds there (10 and 40 KB at 25 Gb/s) are kept, since marks are counted. DCTCP's additive increase is one packet per
//! 13 µs whatever the NIC, so it does not scale with B; minimum and maximum rates do, which the scripts leave at 1 and 10 Gb/s.
//! TCP is another transport: see [`super::tcp`].

use super::mix::{Cc, Mix};
use super::tcp;
use crate::dataset::Attributes;
use mixlab_contract::{BitsPerSec, Bytes, CongestionControl, Marking, SimDuration, Topology, Transport};
use std::path::Path;

/// Application bytes of a full packet.
const PAYLOAD: Bytes = Bytes(1000);

impl Mix {
    /// The transport of a scenario on `topology`.
    pub fn transport(&self, topology: &Topology) -> Transport {
        if let Cc::Tcp(variant) = self.cc {
            return tcp::transport(self, variant, topology);
        }
        let nic = nic_rate(topology);
        let dctcp_or_timely = matches!(self.cc, Cc::Dctcp | Cc::Timely);
        Transport {
            payload: PAYLOAD,
            window: (self.window > 0).then_some(Bytes(self.window)),
            variable_window: true,
            min_rate: BitsPerSec(nic.0 / 10),
            max_rate: nic,
            rate_bound: true,
            ack_high_priority: dctcp_or_timely,
            pfc: self.enable_pfc || self.cc == Cc::Dcqcn,
            ecn: true,
            buffer: self.buffer(),
            marking: link_rates(topology).into_iter().map(|rate| (rate, self.marking(rate))).collect(),
            congestion_control: self.congestion_control(gbps(nic)),
            rng_run: 1,
        }
    }

    /// Packet buffer of each switch, or of each port under TCP.
    pub fn buffer(&self) -> Bytes {
        Bytes((self.bfsz * 10.0) as u64 * 1024)
    }

    /// The knobs of this mix on `topology`, as comparisons group by; `delivered_load` is left 0.
    pub fn attributes(&self, topology: &Topology) -> Attributes {
        let stem = |path: &Path| path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        Attributes {
            cc: self.cc.name().into(),
            spatial: stem(&self.spatial),
            size_dist: stem(&self.size_dist),
            cluster: stem(&self.cluster),
            lognorm_sigma: self.lognorm_sigma,
            max_load: self.max_load,
            delivered_load: 0.0,
            buffer_bytes: self.buffer().0,
            window_bytes: if matches!(self.cc, Cc::Tcp(_)) { 0 } else { self.window },
            hosts: topology.host_count() as u64,
            max_inflight_flows: self.max_inflight_flows.into(),
        }
    }

    /// Marking thresholds at one link rate: scaled, then whole KB.
    fn marking(&self, rate: BitsPerSec) -> Marking {
        let kb = |k: f64, base: f64| Bytes((k * gbps(rate) / base) as u64 * 1000);
        let (k_min, k_max, p_max) = match self.cc {
            Cc::Dctcp => (kb(self.param_1, 10.0), kb(self.param_1, 10.0), 1.0),
            Cc::Dcqcn => (kb(self.param_1, 25.0), kb(self.param_2, 25.0), 0.2),
            Cc::Hp | Cc::Timely => (kb(10.0, 25.0), kb(40.0, 25.0), 0.2),
            Cc::Tcp(_) => unreachable!("TCP has a transport of its own"),
        };
        Marking { k_min, k_max, p_max }
    }

    fn congestion_control(&self, nic_gbps: f64) -> CongestionControl {
        let us = |t: u64| SimDuration::from_ns(t * 1000);
        match self.cc {
            Cc::Dctcp => CongestionControl::Dctcp { gain: 0.0625, additive: mbps(615.0) },
            Cc::Dcqcn => CongestionControl::Dcqcn {
                gain: 0.00390625,
                alpha_interval: us(50),
                decrease_interval: us(50),
                increase_interval: us(55),
                fast_recovery_rounds: 1,
                additive: mbps(5.0 * nic_gbps / 25.0),
                hyper: mbps(50.0 * nic_gbps / 25.0),
                clamp_target: false,
            },
            Cc::Hp => CongestionControl::Hpcc {
                target_utilisation: self.param_1 / 100.0,
                additive: mbps(self.param_2 * 10.0),
                additive_stages: 0,
                telemetry_multiplier: (nic_gbps / 25.0).max(1.0) as u32,
                fast_reaction: true,
                per_hop_rate: false,
            },
            Cc::Timely => CongestionControl::Timely {
                t_low: SimDuration::from_ns((self.param_1 * 1000.0) as u64),
                t_high: SimDuration::from_ns((self.param_2 * 1000.0) as u64),
                beta: 0.8,
                additive: mbps(10.0 * nic_gbps / 10.0),
                hyper: mbps(50.0 * nic_gbps / 10.0),
            },
            Cc::Tcp(_) => unreachable!("TCP has a transport of its own"),
        }
    }
}

/// The fastest host link.
pub(super) fn nic_rate(topology: &Topology) -> BitsPerSec {
    let rates = topology.hosts().map(|h| topology.link(topology.outgoing(h)[0]).rate);
    rates.max().unwrap_or(BitsPerSec::from_gbps(10))
}

/// Every rate a link has, ascending.
pub(super) fn link_rates(topology: &Topology) -> Vec<BitsPerSec> {
    let mut rates: Vec<BitsPerSec> = topology.links().iter().map(|l| l.rate).collect();
    rates.sort_unstable();
    rates.dedup();
    rates
}

pub(super) fn gbps(rate: BitsPerSec) -> f64 {
    rate.0 as f64 / 1e9
}

/// `x` Mb/s as ns-3 reads `"xMb/s"`: whole bits per second, rounded down.
fn mbps(x: f64) -> BitsPerSec {
    BitsPerSec((x * 1e6) as u64)
}
