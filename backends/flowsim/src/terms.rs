//! What one flow asks of the fluid: how much it sends, how fast it may send, and what its fluid time leaves out.
//!
//! ```text
//! FCT = lone + (fluid time − volume / b)             b = min(slowest link, max_rate)
//!
//! rules     volume                          lone                            highest rate
//! payload   size                            ideal                           max_rate
//! window    size + packets · header         ideal + telemetry of the path   W / T for the first n·W bytes, then max_rate
//!
//! w = ⌈window / payload⌉ packets,  W = w · (payload + header),  n = ⌊(size − 1) / (w · payload)⌋
//! T = Σ_path (delay + tx(payload + header)) + Σ_ACK path (delay + tx(ACK))
//! ```
//!
//! On an idle network the fluid time is volume / b (plus n · max(0, T − W / b) if the window binds), so the FCT is `lone`:
//! exactly the ideal FCT, plus what in-band telemetry adds to each packet under the window rules (TIMELY 8 B, HPCC 42 B; the
//! ideal FCT counts 48 B of headers for everybody). Senders stop when the bytes in flight reach the window, hence ⌈ ⌉; the
//! last window is never waited for, hence n.
//!
//! The ideal FCT rounds each header down to a nanosecond, as ns-3 does, so that for large flows it falls below volume / b: at
//! 10 Gb/s and 1 µs per link from about 7 MB on over one switch, 25 MB over five. The volume is then lowered to what fits in
//! `lone` (by at most 0.1 % at 10 Gb/s, 1 % at 100 Gb/s, 5 % at 400 Gb/s, packets of 1,000 B), which keeps "idle = ideal"
//! exact and deliveries after the end of the fluid.
//!
//! Left out: windows that shrink with the rate, ACKs delayed by queues, retransmission.

use mixlab_contract::ideal::{ack_latency, bottleneck, ideal_fct_on};
use mixlab_contract::transport::HEADER_BYTES;
use mixlab_contract::{Bytes, FlowStart, SimDuration, Topology, Transport};

/// Which bytes and which rate limits the fluid has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rules {
    /// Payload bytes; a sender's only limit is `max_rate`.
    Payload,
    /// Wire bytes; full windows are sent at window ÷ base RTT at most, the last one at up to `max_rate`.
    Window,
}

/// A flow in fluid terms. Volumes are in 10⁻¹² bits, so that volume ÷ (bit/s) is in picoseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Terms {
    /// Volume sent under `window_rate`; 0 if the window cannot bind.
    pub windowed: f64,
    /// Volume sent under `line_rate`, after `windowed`.
    pub last: f64,
    /// Highest rate during `windowed`, bit/s.
    pub window_rate: f64,
    /// Highest rate during `last`, bit/s.
    pub line_rate: f64,
    /// Volume ÷ b, in picoseconds.
    pub alone: f64,
    /// FCT on an idle network without window.
    pub lone: SimDuration,
}

const SCALE: f64 = 1e12;
/// A delivery is at least this much later than the end of the fluid (ps), so that it is never reported before it is known.
const LEAST_LATENCY: f64 = 1.0;

impl Terms {
    /// The terms of `flow`. Cost: O(hops).
    pub fn of(rules: Rules, topology: &Topology, transport: &Transport, flow: &FlowStart<'_>) -> Self {
        let b = bottleneck(topology, transport, flow.path).0 as f64;
        let (bytes, lone) = match rules {
            Rules::Payload => (flow.size, ideal_fct_on(topology, transport, flow.path, flow.size)),
            Rules::Window => (transport.wire_bytes(flow.size), lone_on_wire(topology, transport, flow)),
        };
        let lone = lone.max(SimDuration::from_ps(2 * LEAST_LATENCY as u64));
        let whole = bytes.0 as f64 * 8.0 * SCALE;
        let alone = (whole / b).min(lone.ps() as f64 - LEAST_LATENCY);
        let volume = whole.min(alone * b);
        let line_rate = transport.max_rate.0 as f64;
        let open = Self { windowed: 0.0, last: volume, window_rate: line_rate, line_rate, alone, lone };
        let Some(window) = transport.window.filter(|_| rules == Rules::Window) else { return open };
        let packets = window.0.div_ceil(transport.payload.0);
        let full_windows = (flow.size.0 - 1) / (packets * transport.payload.0);
        let window_bits = (packets * (transport.payload.0 + transport.data_header().0)) as f64 * 8.0;
        let window_rate = window_bits * SCALE / base_rtt(topology, transport, flow).ps() as f64;
        if full_windows == 0 || window_rate >= b {
            return open;
        }
        let windowed = full_windows as f64 * window_bits * SCALE * (volume / whole);
        Self { windowed, last: volume - windowed, window_rate, ..open }
    }

    /// From release to delivery, in picoseconds, if the fluid took `transfer` ps. Not below `lone`: the fluid is never
    /// faster than alone, but for rounding errors of the clock (below 1 ps).
    pub fn fct_ps(&self, transfer: f64) -> u64 {
        self.lone.ps() + (transfer - self.alone).max(0.0).round() as u64
    }
}

/// Ideal FCT plus what the flow's telemetry adds to its packets: to the first on every hop, to the others at the bottleneck.
fn lone_on_wire(topology: &Topology, transport: &Transport, flow: &FlowStart<'_>) -> SimDuration {
    let ideal = ideal_fct_on(topology, transport, flow.path, flow.size);
    let header = transport.data_header();
    if header.0 == HEADER_BYTES {
        return ideal;
    }
    let head = flow.size.0.min(transport.payload.0);
    let first = flow.path.iter().map(|c| {
        let rate = topology.link(*c).rate;
        rate.transmission_ns_floor(Bytes(head + header.0)) - rate.transmission_ns_floor(Bytes(head + HEADER_BYTES))
    });
    let b = bottleneck(topology, transport, flow.path);
    let each = b.transmission_ns_floor(header) - b.transmission_ns_floor(Bytes(HEADER_BYTES));
    ideal + SimDuration::from_ns(first.sum::<u64>() + (flow.size.0 - 1) / transport.payload.0 * each)
}

/// Time from the start of a full packet to its ACK on the flow's own idle paths, at least 1 ps.
pub fn base_rtt(topology: &Topology, transport: &Transport, flow: &FlowStart<'_>) -> SimDuration {
    let packet = Bytes(transport.payload.0 + transport.data_header().0);
    let hops = flow.path.iter().map(|c| topology.link(*c));
    let out: SimDuration = hops.map(|l| l.delay + SimDuration::from_ns(l.rate.transmission_ns_floor(packet))).sum();
    (out + ack_latency(topology, transport, flow.ack_path)).max(SimDuration::from_ps(1))
}
