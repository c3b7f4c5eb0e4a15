//! Rate laws: how a sender's rate follows the ACKs of its trains.
//!
//! The laws are those of the packet engine (DCTCP, DCQCN, TIMELY and HPCC of the RDMA ns-3 programs), applied once per train of
//! packets instead of once per packet. Rates are in bytes per ns, times in ns, volumes in bytes on the wire.
//!
//! Left out: rounding to whole bit/s, the order of timers and ACKs within a tick, HPCC's counters that wrap.

use crate::telemetry::Load;
use mixlab_contract::conformance::SplitMix;
use mixlab_contract::{BitsPerSec, CongestionControl, Scenario, SimDuration};

/// bit/s in bytes per ns.
pub fn bytes_per_ns(rate: BitsPerSec) -> f64 {
    rate.0 as f64 / 8e9
}

/// A time in ns.
pub fn ns(time: SimDuration) -> f64 {
    time.ps() as f64 / 1e3
}

/// What an ACK says.
#[derive(Clone, Copy, Debug)]
pub struct Ack {
    /// When it arrives.
    pub time: f64,
    /// Bytes sent and acknowledged by now.
    pub sent: u64,
    /// See `sent`.
    pub acknowledged: u64,
    /// Packets of the train.
    pub packets: f64,
    /// Probability that none of them was marked.
    pub clear: f64,
    /// From the end of the train's first transmission to the ACK.
    pub rtt: f64,
    /// What HPCC's telemetry says.
    pub load: Option<Load>,
    /// Bytes of a full packet.
    pub packet: f64,
}

/// Constants of a law.
#[derive(Clone, Debug)]
pub struct Laws {
    kind: CongestionControl,
    least: f64,
    /// Highest rate.
    pub most: f64,
    /// HPCC: the RTT that utilisations are averaged over.
    rtt: f64,
}

/// A sender's rate and what its law remembers.
#[derive(Clone, Debug)]
#[repr(C)]
pub struct Rate {
    /// Rate now.
    pub now: f64,
    /// The first tick of its timers: [`Laws::tick`] has nothing to do before.
    pub due: f64,
    /// Bytes that must be acknowledged before the next update.
    update: u64,
    /// DCTCP and DCQCN: running share of marked packets.
    alpha: f64,
    /// DCTCP: marked packets of this window and packets of it; DCQCN: target rate; TIMELY: RTT and its trend; HPCC: u and reference rate.
    pair: (f64, f64),
    /// DCTCP: bytes that must be acknowledged before the next cut; TIMELY: increases in a row; DCQCN: increases since the last cut.
    count: u64,
    /// DCTCP: whether it has cut this window; DCQCN: whether it was ever marked; TIMELY: whether it has an RTT.
    begun: bool,
    /// DCQCN: marks since the last tick of the α timer and of the decrease timer.
    marked: (bool, bool),
    /// DCQCN: next ticks of the α, decrease and increase timers.
    timers: [f64; 3],
    random: SplitMix,
}

impl Laws {
    /// Those of a scenario's transport.
    pub fn of(scenario: &Scenario) -> Self {
        let transport = scenario.transport();
        let (least, most) = (bytes_per_ns(transport.min_rate), bytes_per_ns(transport.max_rate));
        Self { kind: transport.congestion_control, least, most, rtt: ns(scenario.base_rtt()) }
    }

    /// A sender that starts, at the highest rate.
    pub fn start(&self, flow: u64) -> Rate {
        Rate {
            now: self.most,
            update: 0,
            alpha: 1.0,
            pair: match self.kind {
                CongestionControl::Hpcc { .. } => (1.0, self.most),
                _ => (0.0, 0.0),
            },
            count: 0,
            begun: false,
            marked: (false, false),
            timers: [f64::INFINITY; 3],
            due: f64::INFINITY,
            random: SplitMix(flow.wrapping_mul(0x9e37_79b9_7f4a_7c15)),
        }
    }

    /// Takes an ACK in.
    pub fn acknowledge(&self, rate: &mut Rate, ack: &Ack) {
        match self.kind {
            CongestionControl::Dctcp { gain, additive } => self.dctcp(rate, ack, gain, bytes_per_ns(additive)),
            CongestionControl::Dcqcn { alpha_interval, decrease_interval, .. } => {
                if ack.clear < 1.0 && rate.uniform() >= ack.clear {
                    rate.marked = (true, true);
                    if !rate.begun {
                        (rate.begun, rate.marked.0, rate.alpha, rate.pair.0) = (true, false, 1.0, rate.now);
                        rate.timers = [ack.time + ns(alpha_interval), ack.time + ns(decrease_interval), f64::INFINITY];
                        rate.due = rate.timers[0].min(rate.timers[1]);
                    }
                }
            }
            CongestionControl::Timely { t_low, t_high, beta, additive, hyper } => {
                if ack.acknowledged > rate.update {
                    let steps = [bytes_per_ns(additive), bytes_per_ns(hyper)];
                    self.timely(rate, ack, (ns(t_low), ns(t_high)), beta, steps);
                }
            }
            CongestionControl::Hpcc { target_utilisation, additive, .. } => {
                let Some(load) = ack.load else { return };
                if rate.update == 0 {
                    // There is nothing yet that the first ACK could be compared with.
                    rate.update = ack.sent;
                    return;
                }
                let weight = (load.elapsed / self.rtt).min(1.0);
                rate.pair.0 += weight * (load.utilisation - rate.pair.0);
                let next = rate.pair.1 / (rate.pair.0 / target_utilisation) + bytes_per_ns(additive);
                rate.now = next.clamp(self.least, self.most);
                if ack.acknowledged > rate.update {
                    (rate.pair.1, rate.update) = (rate.now, ack.sent);
                }
            }
            // The backend refuses TCP.
            CongestionControl::Tcp { .. } => {}
        }
    }

    fn dctcp(&self, rate: &mut Rate, ack: &Ack, gain: f64, additive: f64) {
        let marks = ack.packets * (1.0 - ack.clear);
        rate.pair.0 += marks;
        let round = ack.acknowledged > rate.update;
        if round {
            if rate.update > 0 {
                rate.alpha = (1.0 - gain) * rate.alpha + gain * (rate.pair.0 / rate.pair.1).min(1.0);
                rate.pair.0 = 0.0;
            }
            rate.update = ack.sent;
            let base = if rate.pair.1 == 0.0 { ack.sent } else { ack.sent - ack.acknowledged };
            rate.pair.1 = base as f64 / ack.packet + 1.0;
        }
        rate.begun &= ack.acknowledged <= rate.count;
        if marks > 0.0 && !rate.begun {
            rate.now = (rate.now * (1.0 - rate.alpha / 2.0)).max(self.least);
            (rate.begun, rate.count) = (true, ack.sent);
        }
        if round && !rate.begun {
            rate.now = (rate.now + additive).min(self.most);
        }
    }

    fn timely(&self, rate: &mut Rate, ack: &Ack, (low, high): (f64, f64), beta: f64, steps: [f64; 2]) {
        /// What the gradient of the RTT is divided by, ns.
        const NORM: f64 = 20_000.0;
        if rate.begun {
            let (last, trend) = rate.pair;
            let trend = 0.125 * trend + 0.875 * (ack.rtt - last);
            let gradient = trend / NORM;
            let factor = match ack.rtt {
                rtt if rtt < low => None,
                rtt if rtt > high => Some(1.0 - beta * (1.0 - high / rtt)),
                _ if gradient <= 0.0 => None,
                _ => Some((1.0 - beta * gradient).max(0.0)),
            };
            (rate.now, rate.count) = match factor {
                Some(factor) => ((rate.now * factor).max(self.least), 0),
                None => ((rate.now + steps[usize::from(rate.count >= 5)]).min(self.most), rate.count + 1),
            };
            rate.pair.1 = trend;
        }
        (rate.begun, rate.update, rate.pair.0) = (true, ack.sent, ack.rtt);
    }

    /// Moves the timers of DCQCN up to `t`.
    pub fn tick(&self, rate: &mut Rate, t: f64) {
        let CongestionControl::Dcqcn {
            gain,
            alpha_interval,
            decrease_interval,
            increase_interval,
            fast_recovery_rounds,
            additive,
            hyper,
            clamp_target,
        } = self.kind
        else {
            return;
        };
        loop {
            let [alpha, decrease, increase] = rate.timers;
            let next = alpha.min(decrease).min(increase);
            rate.due = next;
            if next > t {
                return;
            }
            if next == alpha {
                rate.alpha = (1.0 - gain) * rate.alpha + if rate.marked.0 { gain } else { 0.0 };
                rate.marked.0 = false;
                rate.timers[0] += ns(alpha_interval);
            } else if next == decrease {
                rate.timers[1] += ns(decrease_interval);
                if std::mem::take(&mut rate.marked.1) {
                    if rate.count != 0 || clamp_target {
                        rate.pair.0 = rate.now;
                    }
                    rate.now = (rate.now * (1.0 - rate.alpha / 2.0)).max(self.least);
                    rate.count = 0;
                    rate.timers[2] = next + ns(increase_interval);
                }
            } else {
                rate.timers[2] += ns(increase_interval);
                rate.pair.0 += match rate.count.cmp(&fast_recovery_rounds.into()) {
                    std::cmp::Ordering::Less => 0.0,
                    std::cmp::Ordering::Equal => bytes_per_ns(additive),
                    std::cmp::Ordering::Greater => bytes_per_ns(hyper),
                };
                rate.pair.0 = rate.pair.0.min(self.most);
                rate.now = 0.5 * (rate.now + rate.pair.0);
                rate.count += 1;
            }
        }
    }
}

impl Rate {
    /// Goes on as if `bytes` more had been sent and acknowledged at this rate.
    pub fn shift(&mut self, bytes: u64, laws: &Laws) {
        self.update += bytes;
        if let CongestionControl::Dctcp { .. } = laws.kind {
            self.count += bytes;
        }
    }

    /// A number in 0..1.
    fn uniform(&mut self) -> f64 {
        (self.random.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }
}
