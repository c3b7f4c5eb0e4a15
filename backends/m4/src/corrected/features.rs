//! What the correction sees of one flow at one moment: numbers of the flow, of its path and of the transport.
//!
//! All are dimensionless and of order one: counts, volumes and times as ln(1 + x). Volumes are in packets, delays in base RTTs.
//! There is one definition, used by training and inference. The logarithm is our own polynomial (not the platform's), so that
//! the same scenario gives the same bits on any machine.

use super::contention::{Contention, Entry, SCALE};
use mixlab_contract::{CongestionControl, Scenario};

/// Numbers per flow and moment.
pub const FEATURES: usize = 102;
/// The last of them, which are the same for all flows of a scenario.
pub const TRANSPORT: usize = 14;

/// Groups of features, for ablations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// All that says something about other flows.
    Contention,
    /// Queues, what waits for pauses, and first windows.
    Queues,
    /// What remembers: running averages, ages, progress and the speeds that corrections have led to.
    Memory,
    /// Who came before, what is left of whom, and what the flow has been through.
    Order,
    /// What follows from max-min rates.
    Fluid,
}

impl Group {
    /// Whether feature `i` belongs to it.
    pub const fn contains(self, i: usize) -> bool {
        match self {
            Self::Contention => matches!(i, 4..=5 | 9..=49 | 51..=56 | 58..=87),
            Self::Queues => {
                matches!(i, 12 | 14..=16 | 20..=24 | 27..=31 | 34..=44 | 46..=49 | 55..=56 | 61..=62 | 64..=79 | 84..=85 | 87)
            }
            Self::Memory => matches!(i, 7..=8 | 15 | 43..=45 | 50..=55 | 57..=60 | 62..=87),
            Self::Order => matches!(i, 64..=87),
            Self::Fluid => {
                matches!(i, 4..=5 | 9..=17 | 19..=21 | 23..=24 | 26..=28 | 30..=31 | 33..=35 | 37..=39 | 41..=49 | 52 | 54..=56 | 58..=60 | 62..=63 | 66 | 69 | 72 | 75..=81 | 86)
            }
        }
    }
}

/// Period of DCQCN's α and rate timers in the default settings, ps: what a flow's age is set against besides its RTT.
const TIMER: f64 = 5.5e7;

/// Features of the scenario, made once.
#[derive(Clone, Debug)]
pub struct Setting {
    transport: [f32; TRANSPORT],
    /// A full packet on the wire, 10⁻¹² bit.
    packet: f64,
    buffer: f64,
    /// Whether ACKs share queues with data.
    acks_queue: bool,
}

impl Setting {
    /// Reads the transport.
    pub fn of(scenario: &Scenario) -> Self {
        let t = scenario.transport();
        let bits = 8.0 * SCALE;
        Self {
            transport: transport(scenario),
            packet: (t.payload.0 + t.data_header().0) as f64 * bits,
            buffer: t.buffer.0 as f64 * bits,
            acks_queue: !t.ack_high_priority,
        }
    }

    /// The features of the flow in `slot` at time `t` (ps) with `remaining` of its volume to send, and whether anything contends with it: if not, nothing is corrected.
    /// Cost: O(hops).
    pub fn observe(&self, state: &Contention, slot: u32, t: f64, remaining: f64) -> ([f32; FEATURES], bool) {
        let mut x = [0.0f32; FEATURES];
        let f = state.flow(slot);
        let contended = state.path(&f.entry).iter().any(|c| {
            let c = state.channel(*c);
            c.flows() > 1 || t - c.departed < 4.0 * f.entry.rtt
        });
        if contended {
            self.own(state, slot, t, &mut x);
            self.path(state, slot, t, &mut x);
            self.order(state, slot, t, remaining, &mut x);
            let Entry { volume, line, .. } = f.entry;
            x[50] = log1p(remaining / self.packet);
            x[51] = log1p(line * (t - f.start) / (volume - remaining + self.packet));
            x[FEATURES - TRANSPORT..].copy_from_slice(&self.transport);
        }
        (x, contended)
    }

    /// 0..18, 52, 54..58: the flow itself and its bottleneck.
    fn own(&self, state: &Contention, slot: u32, t: f64, x: &mut [f32; FEATURES]) {
        let f = state.flow(slot);
        let Entry { volume, cap, windowed, line, rtt, lone, hops, .. } = f.entry;
        let window = state.window();
        x[0] = log1p(volume / self.packet);
        x[1] = log1p(volume / window);
        x[2] = (window / (line * rtt)).min(4.0) as f32;
        x[3] = (hops as f32 - 2.0) / 4.0;
        x[4] = log1p(line / f.rate - 1.0);
        x[5] = log1p((cap.min(line) / f.rate - 1.0).max(0.0));
        x[6] = f32::from(u8::from(windowed));
        x[7] = log1p((t - f.start) / lone);
        x[8] = log1p((t - f.start) / rtt);
        if let Some(hop) = f.bottleneck {
            let b = state.channel(state.path(&f.entry)[hop]);
            x[place(hop, hops, [9, 10, 11])] = 1.0;
            x[12] = log1p(b.queue / self.packet);
            x[13] = log1p(f64::from(b.limited));
            x[14] = (f.queued / (b.queue + self.packet)) as f32;
            x[15] = log1p(b.averages(0, t).0 / self.packet);
            x[16] = log1p(b.small / self.packet);
            x[17] = log1p(b.flows() as f64 - 1.0);
            x[52] = (b.throughput / b.capacity) as f32;
            x[54] = b.pace() as f32;
            x[55] = log1p(b.averages(2, t).0 / self.packet);
            x[56] = log1p(b.fresh / self.packet);
        }
        x[57] = log1p((t - f.start) / TIMER);
    }

    /// 18..50, 53, 58..64: the path.
    fn path(&self, state: &Contention, slot: u32, t: f64, x: &mut [f32; FEATURES]) {
        let f = state.flow(slot);
        let Entry { volume, rtt, hops, .. } = f.entry;
        let path = state.path(&f.entry);
        let packets = |v: f64| log1p(v / self.packet);
        let (mut delay, mut small, mut averages, mut loads) = (0.0, 0.0, [0.0; 3], [0.0f64; 3]);
        x[60] = 4.0;
        let max = |x: &mut f32, v: f32| *x = x.max(v);
        for (hop, id) in path.iter().enumerate() {
            let c = state.channel(*id);
            let share = c.flows() as f64 - 1.0;
            if hop > 0 {
                delay += c.queue / c.capacity;
                small += c.small / c.capacity;
                for (i, a) in averages.iter_mut().enumerate() {
                    let (queue, load) = c.averages(i, t);
                    *a += queue / c.capacity;
                    loads[i] = loads[i].max(load);
                }
            }
            let v = state.behind(*id);
            let pause = if v.pool > 0.0 { log1p((c.ingress + v.backlog.max(0.0)) / v.pool) } else { 0.0 };
            let block = [
                log1p(share),
                c.load as f32,
                packets(c.queue),
                packets(c.ingress),
                packets(c.small),
                packets(c.pressure),
                pause,
            ];
            let base = place(hop, hops, [18, 25, 32]);
            for (i, b) in block.iter().enumerate() {
                max(&mut x[base + i], *b);
            }
            max(&mut x[53], (c.throughput / c.capacity) as f32);
            let pace = c.pace() as f32;
            x[60] = x[60].min(pace);
            if hop == 0 {
                x[58] = pace;
            } else if hop + 1 == hops {
                x[59] = pace;
            }
            max(&mut x[61], packets(c.fresh));
            max(&mut x[47], (v.backlog.max(0.0) / self.buffer).min(4.0) as f32);
            if v.pool > 0.0 {
                max(&mut x[48], log1p(c.ingress / v.pool));
                max(&mut x[49], log1p(c.pressure / v.pool));
            }
        }
        let unit = volume.min(state.window());
        x[39] = log1p(4.0 * delay / rtt);
        x[40] = log1p(4.0 * small / rtt);
        x[41] = log1p(delay * f.rate / unit);
        x[42] = log1p((delay + small) * f.rate / unit);
        x[43] = log1p(4.0 * averages[0] / rtt);
        x[44] = log1p(4.0 * averages[1] / rtt);
        x[45] = loads[1] as f32;
        x[62] = log1p(4.0 * averages[2] / rtt);
        x[63] = loads[2] as f32;
        if self.acks_queue {
            let ack = state.ack_path(&f.entry).iter().map(|c| state.channel(*c).queue).fold(0.0, f64::max);
            x[46] = packets(ack);
        }
    }

    /// 64..88: who came before and what is left of it, and what the flow has been through.
    fn order(&self, state: &Contention, slot: u32, t: f64, remaining: f64, x: &mut [f32; FEATURES]) {
        let f = state.flow(slot);
        let Entry { rtt, hops, line, .. } = f.entry;
        let path = state.path(&f.entry);
        let packets = |v: f64| log1p(v / self.packet);
        let own = remaining.min(state.window());
        let max = |x: &mut f32, v: f32| *x = x.max(v);
        let (mut before, mut beside) = (0.0f64, 0.0f64);
        for (hop, (id, ahead)) in path.iter().zip(state.ahead(&f.entry)).enumerate() {
            let c = state.channel(*id);
            let base = place(hop, hops, [64, 67, 70]);
            let others = (c.afloat - own).max(0.0);
            max(&mut x[base], packets(*ahead));
            max(&mut x[base + 1], packets(others));
            max(&mut x[base + 2], packets(c.held));
            if hop > 0 {
                before = before.max(ahead / c.capacity);
                beside = beside.max(others / c.capacity);
            }
            let v = state.behind(*id);
            if v.pool > 0.0 {
                max(&mut x[78], log1p((c.held_in + v.held.max(0.0)) / v.pool));
                max(&mut x[79], (v.held.max(0.0) / self.buffer).min(4.0) as f32);
            }
        }
        x[73] = log1p(4.0 * before / rtt);
        x[74] = log1p(4.0 * beside / rtt);
        x[75] = log1p(before * f.rate / (own + self.packet));
        if let Some(hop) = f.bottleneck {
            let b = state.channel(path[hop]);
            x[76] = packets(state.ahead(&f.entry)[hop]);
            x[77] = packets((b.afloat - own).max(0.0));
            x[86] = log1p(((t - b.departed) / rtt).min(1e4));
        }
        let previous = if f.speed > 0.0 { f.speed } else { line };
        x[80] = log1p(line / previous - 1.0);
        x[81] = log1p(previous / f.rate - 1.0) - log1p(f.rate / previous - 1.0);
        x[82] = f.past.speed[0] as f32;
        x[83] = f.past.speed[1] as f32;
        x[84] = f.past.waits[0] as f32;
        x[85] = f.past.waits[1] as f32;
        if self.acks_queue {
            let ack = state.ack_path(&f.entry).iter().map(|c| state.channel(*c).afloat).fold(0.0, f64::max);
            x[87] = packets(ack);
        }
    }
}

/// What a scenario's transport is. Thresholds are those of the slowest marked rate.
pub fn transport(scenario: &Scenario) -> [f32; TRANSPORT] {
    let t = scenario.transport();
    let packet_bytes = (t.payload.0 + t.data_header().0) as f64;
    let packets = |bytes: f64| log1p(bytes / packet_bytes);
    let mark = t.marking.iter().min_by_key(|(rate, _)| *rate).map(|(_, m)| *m);
    let mut x = [0.0f32; TRANSPORT];
    let us = 1e6;
    match t.congestion_control {
        CongestionControl::Dctcp { .. } => x[0] = 1.0,
        CongestionControl::Dcqcn { .. } => x[1] = 1.0,
        CongestionControl::Hpcc { target_utilisation, additive, .. } => {
            x[2] = 1.0;
            x[7] = (target_utilisation * 4.0 - 3.0) as f32;
            x[8] = log1p(additive.0 as f64 / t.max_rate.0 as f64 * 100.0);
        }
        CongestionControl::Timely { t_low, t_high, .. } => {
            x[3] = 1.0;
            x[9] = (t_low.as_secs_f64() * us / 50.0) as f32;
            x[10] = (t_high.as_secs_f64() * us / 125.0) as f32;
        }
        // The backend refuses TCP: nothing was learned of it.
        CongestionControl::Tcp { .. } => {}
    }
    if let Some(m) = mark.filter(|_| x[0] + x[1] > 0.0) {
        x[5] = packets(m.k_min.0 as f64);
        x[6] = packets(m.k_max.0 as f64);
    }
    x[4] = packets(t.buffer.0 as f64);
    x[11] = t.window.map_or(5.0, |w| packets(w.0 as f64));
    x[12] = f32::from(u8::from(t.pfc));
    x[13] = t.window.map_or(0.0, |_| 1.0);
    x
}

/// Which of three features is that of a hop: of the first, of any between, or of the last channel of a path.
fn place(hop: usize, hops: usize, [first, between, last]: [usize; 3]) -> usize {
    match hop {
        0 => first,
        _ if hop + 1 == hops => last,
        _ => between,
    }
}

/// ln(1 + x) for x ≥ 0, to 10⁻⁶; negative rounding noise counts as 0.
pub fn log1p(x: f64) -> f32 {
    let y = (1.0 + x.max(0.0)) as f32;
    let bits = y.to_bits();
    let exponent = (bits >> 23) as i32 - 127;
    let mantissa = f32::from_bits((bits & 0x007f_ffff) | 0x3f80_0000);
    // ln m = 2 artanh(s), s = (m − √2)/(m + √2), |s| ≤ 0.1716; the constant is ln √2.
    let s = (mantissa - std::f32::consts::SQRT_2) / (mantissa + std::f32::consts::SQRT_2);
    let s2 = s * s;
    let artanh = s * (1.0 + s2 * (1.0 / 3.0 + s2 * (0.2 + s2 / 7.0)));
    (exponent as f32 * std::f32::consts::LN_2 + 0.346_573_6 + 2.0 * artanh).max(0.0)
}

/// eˣ for |x| ≤ 80, to 10⁻⁶ of the result.
pub fn exp(x: f32) -> f32 {
    let x = x.clamp(-80.0, 80.0);
    let n = (x * std::f32::consts::LOG2_E).round();
    let r = x - n * std::f32::consts::LN_2;
    let p = 1.0 + r * (1.0 + r * (0.5 + r * (1.0 / 6.0 + r * (1.0 / 24.0 + r * (1.0 / 120.0 + r / 720.0)))));
    p * f32::from_bits(((n as i32 + 127) as u32) << 23)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_logarithm_and_exponential_are_those_of_the_platform_to_a_millionth() {
        for i in 0..4_000 {
            let x = f64::from(i) * 0.01;
            assert!((f64::from(log1p(x)) - x.ln_1p()).abs() < 3e-6, "{x}");
            let y = f64::from(i) * 0.005 - 10.0;
            assert!((f64::from(exp(y as f32)) / y.exp() - 1.0).abs() < 3e-6, "{y}");
        }
        assert!(log1p(-1e-9).abs() < 1e-6);
    }
}
