//! What the two ends of a flow do with packets: the receiver acknowledges, the sender learns.
//!
//! Receiver: every packet in order is ACKed; a packet beyond the expected one is NACKed, at most once per expected byte and
//! 500 µs; an old one is dropped in silence. Sender: a NACK means go-back-N. There is no retransmission timer, so a lost
//! tail leaves a flow unfinished for ever, as in the ns-3 program. Clean: an old packet is ACKed again (its ACK may have
//! been lost), a receiver never forgets, and [`crate::recovery`] has the timer.

use crate::congestion::{Control, Feedback, Timer};
use crate::fidelity::Fidelity;
use crate::flow::{NackMemory, Stage};
use crate::network::{PacketNetwork, event};
use crate::packet::{ECHO, Kind, MARKED};
use crate::probe::{Acknowledgement, Probe, View};
use crate::queue::EventQueue;
use mixlab_contract::{EventKind, FlowIndex};

/// No second NACK for the same byte within this time, ns.
const NACK_INTERVAL_NS: u64 = 500_000;

impl<Q: EventQueue, P: Probe, F: Fidelity> PacketNetwork<Q, P, F> {
    /// A data packet arrives at its destination.
    #[inline]
    pub(crate) fn receive_data(&mut self, channel: u32, packet: u32) -> Option<(u32, EventKind)> {
        let p = &mut self.slab.packets[packet as usize];
        let flow = p.flow;
        let r = &mut self.receivers[flow as usize];
        let sequence = p.sequence;
        let reply = if sequence == r.expected {
            r.expected += u64::from(u32::from(p.size) - self.physics.header);
            Some(Kind::Ack)
        } else if sequence > r.expected {
            let memory = &mut self.nacks[flow as usize];
            (self.now >= memory.timer || memory.byte != r.expected).then(|| {
                *memory = NackMemory { timer: self.now + NACK_INTERVAL_NS * F::TICKS_PER_NS, byte: r.expected };
                Kind::Nack
            })
        } else {
            F::CLEAN.then_some(Kind::Ack)
        };
        let delivered = r.expected == r.size && !r.delivered;
        r.delivered |= delivered;
        if delivered {
            let view = View { ports: &self.ports, receivers: &self.receivers };
            self.probe.delivered(F::time(self.now), FlowIndex(flow), &view);
        }
        if let Some(kind) = reply {
            let (expected, ack_route) =
                (self.receivers[flow as usize].expected, self.receivers[flow as usize].ack_route);
            // The data packet becomes its own acknowledgement: stamp and telemetry go back with it.
            p.kind = kind;
            p.sequence = expected;
            p.hop = ack_route;
            p.size = self.physics.ack_size as u16;
            p.flags = if p.flags & MARKED != 0 { ECHO } else { 0 };
            let host = self.ingress[channel as usize].head() as u32;
            self.hosts[host as usize].acks.push(&mut self.slab.packets, packet);
            self.kick_host(host);
        } else {
            self.slab.remove(packet);
        }
        delivered.then_some((flow, EventKind::Delivered))
    }

    /// An ACK or NACK arrives at the sender.
    #[inline]
    pub(crate) fn receive_ack(&mut self, packet: u32) -> Option<(u32, EventKind)> {
        let p = self.slab.packets[packet as usize];
        let s = &mut self.senders[p.flow as usize];
        if s.state != Stage::Active {
            self.slab.remove(packet);
            return None;
        }
        if F::CLEAN && p.sequence > s.unacknowledged {
            // A late NACK may have sent `next` back behind what arrived all the same; ns-3 then sees a full window.
            s.next = s.next.max(p.sequence);
            self.recovery[p.flow as usize].progress(self.now);
        }
        s.unacknowledged = s.unacknowledged.max(p.sequence);
        if s.finished() {
            s.state = Stage::Done;
            let acknowledge = s.acknowledge;
            if !F::CLEAN {
                // ns-3 forgets the receiver here: a late duplicate meets a fresh one.
                self.receivers[p.flow as usize].expected = 0;
                self.nacks[p.flow as usize] = NackMemory::default();
            }
            if let Control::Dcqcn(c) = &mut self.control {
                c.cancel(p.flow as usize);
            }
            if acknowledge {
                self.suspend(packet);
                return Some((p.flow, EventKind::Acknowledged));
            }
        }
        self.finish_ack(packet);
        None
    }

    /// The rest of an ACK's handling, after completion: go-back-N, congestion control, kick.
    #[inline]
    pub(crate) fn finish_ack(&mut self, packet: u32) {
        let p = self.slab.packets[packet as usize];
        let s = &mut self.senders[p.flow as usize];
        if p.kind == Kind::Nack {
            s.next = s.unacknowledged;
        }
        let host = s.host;
        let feedback = Feedback {
            sequence: p.sequence,
            next: s.next,
            echo: p.flags & ECHO != 0,
            rate: s.rate,
            min_rate: self.physics.min_rate,
            max_rate: self.hosts[host as usize].max_rate,
        };
        self.adapt(p.flow, packet, &feedback);
        self.slab.remove(packet);
        let s = &self.senders[p.flow as usize];
        self.probe.acknowledged(&Acknowledgement {
            time: F::time(self.now),
            rtt: F::time(self.now).since(F::time(p.stamp)),
            flow: FlowIndex(p.flow),
            sequence: p.sequence,
            nack: p.kind == Kind::Nack,
            echo: feedback.echo,
            rate: s.rate,
            window: s.window,
            unacknowledged: s.unacknowledged,
            next: s.next,
        });
        self.kick_host(host);
    }

    /// Congestion control.
    #[inline]
    fn adapt(&mut self, flow: u32, packet: u32, feedback: &Feedback) {
        let index = flow as usize;
        match &mut self.control {
            Control::Dctcp(c) => {
                let rate = c.acknowledged(index, feedback);
                self.set_rate(flow, rate);
            }
            Control::Timely(c) => {
                let rtt = self.now - self.slab.packets[packet as usize].stamp;
                let rate = c.acknowledged(index, feedback, rtt);
                self.set_rate(flow, rate);
            }
            Control::Hpcc(c) => {
                if let Some(rate) = c.acknowledged(index, feedback, &self.slab.telemetry[packet as usize]) {
                    self.change_rate(flow, rate);
                }
            }
            Control::Dcqcn(c) => {
                let live = self.senders[index].state == Stage::Active;
                if feedback.echo && live && c.marked(index, feedback.rate) {
                    let generation = c.generation(index, Timer::Alpha);
                    let (alpha, decrease) = (c.alpha_interval, c.decrease_interval);
                    self.schedule(self.now + alpha, event::ALPHA, flow, generation);
                    // One nanosecond later than α's, so that α is up to date.
                    self.schedule(self.now + decrease + F::TICKS_PER_NS, event::DECREASE, flow, generation);
                }
            }
        }
    }

    /// A DCQCN timer fires: it re-arms itself, then acts.
    pub(crate) fn timer(&mut self, flow: u32, timer: Timer, generation: u32) {
        let Control::Dcqcn(c) = &mut self.control else { return };
        let index = flow as usize;
        if c.generation(index, timer) != generation {
            return;
        }
        let s = &self.senders[index];
        let (rate, host) = (s.rate, s.host);
        match timer {
            Timer::Alpha => {
                c.update_alpha(index);
                let at = self.now + c.alpha_interval;
                self.schedule(at, event::ALPHA, flow, generation);
            }
            Timer::Decrease => {
                let cut = c.decrease(index, rate, self.physics.min_rate);
                let increase = (self.now + c.increase_interval, c.generation(index, Timer::Increase));
                let at = self.now + c.decrease_interval;
                self.schedule(at, event::DECREASE, flow, generation);
                if let Some(rate) = cut {
                    self.set_rate(flow, rate);
                    self.schedule(increase.0, event::INCREASE, flow, increase.1);
                }
            }
            Timer::Increase => {
                // ns-3 bounds the target by the link, so that a rate may pass the sender's highest.
                let bound = match F::CLEAN {
                    true => self.hosts[host as usize].max_rate,
                    false => self.links[self.ports[self.hosts[host as usize].port as usize].link as usize].rate,
                };
                let rate = c.increase(index, rate, bound);
                let at = self.now + c.increase_interval;
                self.schedule(at, event::INCREASE, flow, generation);
                self.set_rate(flow, rate);
            }
        }
    }
}
