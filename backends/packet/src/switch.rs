//! Switches: forwarding, the shared buffer with dynamic thresholds and headroom, PFC and ECN marking.
//!
//! Queue 0 (PFC frames, and ACKs if they have priority) is neither accounted nor paused and goes first. Queue 3 is accounted
//! by input channel (`ingress`) and output port (`egress`). With pool I, headroom h per input, and all α = 1:
//!
//! ```text
//! threshold = max(0, I − (total − headroom in use))      an arrival above it goes to headroom, and the input is paused
//! resume when the input uses no headroom and (ingress < 1248 or ingress + 2496 ≤ threshold)
//! ```
//!
//! Source: the "sonic" buffer model of the ns-3 datacenter line, as the m4 ground truth configures it.
//! Left out: a path that leaves a switch by the link it came by (refused by the backend's `check`).

use crate::congestion::Control;
use crate::fidelity::Fidelity;
use crate::network::PacketNetwork;
use crate::packet::{Kind, MARKED, NONE, Packet};
use crate::physics::PFC_BYTES;
use crate::port::{Ingress, Switch};
use crate::probe::{PfcEvent, Probe};
use crate::queue::EventQueue;
use crate::random::port_uniform;
use crate::telemetry::Reading;
use mixlab_contract::{ChannelId, FlowIndex};

/// An input below this many bytes is resumed whatever the threshold.
const RESUME_FLOOR: u64 = 1248;
/// Otherwise it must be this many bytes below the threshold.
const RESUME_OFFSET: u64 = 2496;
/// α of an egress queue: so large that only the buffer itself limits it.
const EGRESS_ALPHA: u64 = 10_000;

impl Switch {
    #[inline]
    fn threshold(&self) -> u64 {
        self.pool.saturating_sub(self.total - self.headroom_total)
    }

    #[inline]
    fn admits(&self, input: &Ingress, egress: u32, size: u64) -> bool {
        let headroom_full = input.headroom_used > 0
            && (size + u64::from(input.headroom_used) > u64::from(input.headroom)
                || size + self.headroom_total > self.headroom_limit);
        let ingress_full = size + self.total > (self.pool + self.headroom_limit).min(self.buffer);
        let egress_limit = EGRESS_ALPHA.saturating_mul(self.buffer.saturating_sub(self.egress_total));
        !(headroom_full
            || ingress_full
            || size + u64::from(egress) > egress_limit
            || size + self.egress_total > self.buffer)
    }

    /// Takes a packet in: to headroom if its input is above the threshold or uses headroom already.
    #[inline]
    fn accept(&mut self, input: &mut Ingress, egress: &mut u32, size: u64) {
        input.bytes += size as u32;
        self.total += size;
        if input.headroom_used > 0 || u64::from(input.bytes) > self.threshold() {
            input.headroom_used += size as u32;
            self.headroom_total += size;
        }
        *egress += size as u32;
        self.egress_total += size;
    }

    #[inline]
    fn release(&mut self, input: &mut Ingress, egress: &mut u32, size: u64) {
        input.bytes -= size as u32;
        self.total -= size;
        let freed = input.headroom_used.min(size as u32);
        input.headroom_used -= freed;
        self.headroom_total -= u64::from(freed);
        *egress -= size as u32;
        self.egress_total -= size;
    }

    #[inline]
    fn may_resume(&self, input: &Ingress) -> bool {
        let bytes = u64::from(input.bytes);
        input.headroom_used == 0 && (bytes < RESUME_FLOOR || bytes + RESUME_OFFSET <= self.threshold())
    }
}

impl<Q: EventQueue, P: Probe, F: Fidelity> PacketNetwork<Q, P, F> {
    /// An ACK or NACK of queue 0 arrives at a switch. A port that is idle has nothing in queue 0, and in queue 3 only what is
    /// paused, so it sends the newcomer at once.
    #[inline]
    pub(crate) fn forward_priority(&mut self, packet: u32) {
        let p = &mut self.slab.packets[packet as usize];
        p.hop += 1;
        let (out, size) = (p.next, p.size);
        if self.transmitting(out) {
            let port = &mut self.ports[out as usize];
            port.high.push(&mut self.slab.packets, packet);
            port.queued += u32::from(size);
        } else {
            debug_assert!(!self.ports[out as usize].has_work(), "an idle port has nothing that it may send");
            self.transmit(out, packet, false);
        }
    }

    /// A packet of queue 3 arrives at the switch at the head of `channel`: admission, PFC, queueing.
    #[inline]
    pub(crate) fn forward(&mut self, channel: u32, packet: u32) {
        let p = &mut self.slab.packets[packet as usize];
        let out = p.next;
        p.hop += 1;
        let size = u64::from(p.size);
        let input = &mut self.ingress[channel as usize];
        let switch = &mut self.switches[input.head()];
        let port = &mut self.ports[out as usize];
        if !switch.admits(input, port.egress, size) {
            self.counters.drops += 1;
            let (flow, sequence) = (FlowIndex(p.flow), p.sequence);
            self.probe.drop(F::time(self.now), ChannelId(channel), ChannelId(out), flow, sequence);
            return self.slab.remove(packet);
        }
        switch.accept(input, &mut port.egress, size);
        // ns-3's switches send pause frames even if nobody obeys them.
        if input.headroom_used > 0 && !input.pausing() && (self.physics.pfc || !F::CLEAN) {
            input.set_pausing(true);
            self.counters.pauses += 1;
            self.send_pfc(channel, Kind::Pause);
        }
        let busy = self.transmitting(out);
        let port = &mut self.ports[out as usize];
        port.queued += size as u32;
        if busy || port.paused {
            port.low.push(&mut self.slab.packets, packet);
        } else {
            debug_assert!(!port.has_work(), "an idle port has nothing that it may send");
            self.send_accounted(out, packet, channel);
        }
    }

    /// Makes a PFC frame for the device at the tail of `channel` and queues it on the way back.
    fn send_pfc(&mut self, channel: u32, kind: Kind) {
        let back = ChannelId(channel).reverse();
        let event = if kind == Kind::Pause { PfcEvent::PauseSent } else { PfcEvent::ResumeSent };
        self.probe.pfc(F::time(self.now), back, event);
        if !F::CLEAN {
            self.streams.skip(); // ns-3 draws the frame's IP id from a new stream
        }
        let frame = Packet { stamp: 0, next: NONE, flow: 0, sequence: 0, hop: 0, size: PFC_BYTES, kind, flags: 0 };
        let frame = self.slab.add(frame);
        let port = &mut self.ports[back.index()];
        port.high.push(&mut self.slab.packets, frame);
        port.queued += u32::from(PFC_BYTES);
        self.kick_switch(back.0);
    }

    /// A switch port looks for something to send.
    #[inline]
    pub(crate) fn kick_switch(&mut self, channel: u32) {
        if !self.transmitting(channel) {
            self.serve_switch(channel);
        }
    }

    /// An idle port looks for something to send.
    #[inline]
    pub(crate) fn serve_switch(&mut self, channel: u32) {
        let port = &mut self.ports[channel as usize];
        if let Some(packet) = port.high.pop(&self.slab.packets) {
            port.queued -= u32::from(self.slab.packets[packet as usize].size);
            let more = port.has_work();
            self.transmit(channel, packet, more);
        } else if !port.paused
            && let Some(packet) = port.low.pop(&self.slab.packets)
        {
            let entered = self.routes[self.slab.packets[packet as usize].hop as usize - 1];
            self.send_accounted(channel, packet, entered);
        }
    }

    /// Takes a packet of queue 3, which `entered` over that channel, out of the buffer, marks it, lets its input resume,
    /// stamps it and sends it.
    #[inline]
    fn send_accounted(&mut self, channel: u32, packet: u32, entered: u32) {
        let port = &mut self.ports[channel as usize];
        let p = &self.slab.packets[packet as usize];
        let (size, data) = (u64::from(p.size), p.kind == Kind::Data);
        port.queued -= size as u32;
        let switch = &mut self.switches[port.tail as usize];
        let input = &mut self.ingress[entered as usize];
        switch.release(input, &mut port.egress, size);
        let resume = input.pausing() && switch.may_resume(input);
        if self.physics.ecn {
            self.mark(channel, packet);
        }
        if resume {
            self.ingress[entered as usize].set_pausing(false);
            self.send_pfc(entered, Kind::Resume);
        }
        let port = &self.ports[channel as usize];
        if data && let Control::Hpcc(hpcc) = &self.control {
            let link = &self.links[port.link as usize];
            let reading = Reading {
                rate: link.rate,
                rate_code: link.rate_code,
                time: self.now,
                sent: port.sent,
                queued: port.queued.into(),
                multiplier: hpcc.multiplier,
            };
            hpcc.stamp(&mut self.slab.telemetry[packet as usize], &reading);
        }
        let more = port.has_work();
        self.transmit(channel, packet, more);
    }

    /// ECN: marks by the bytes left in the queue.
    #[inline]
    fn mark(&mut self, channel: u32, packet: u32) {
        let port = &self.ports[channel as usize];
        if port.egress <= port.k_min {
            return;
        }
        let marking = &self.links[port.link as usize].marking;
        let (k_min, k_max, left) = (marking.k_min.0, marking.k_max.0, u64::from(port.egress));
        let marked = left > k_max || {
            let p = marking.p_max * (left - k_min) as f64 / (k_max - k_min) as f64;
            let uniform = if F::CLEAN {
                let draws = &mut self.draws[channel as usize];
                *draws += 1;
                port_uniform(self.physics.rng_run, channel, *draws)
            } else {
                self.streams.draw()
            };
            uniform < p
        };
        if marked {
            self.slab.packets[packet as usize].flags |= MARKED;
            self.counters.marks += 1;
        }
    }

    /// A PFC frame arrives at the device at the head of `channel`.
    pub(crate) fn receive_pfc(&mut self, channel: u32, packet: u32, pause: bool) {
        self.slab.remove(packet);
        if !self.physics.pfc {
            return;
        }
        let device = ChannelId(channel).reverse();
        let event = if pause { PfcEvent::PauseReceived } else { PfcEvent::ResumeReceived };
        self.probe.pfc(F::time(self.now), device, event);
        self.ports[device.index()].paused = pause;
        if !pause {
            self.kick(device.0);
        }
    }
}
