//! The network interface of a host: which packet leaves next, and when to look again.
//!
//! ACKs first. Then queue pairs round robin: the first that is not paused, has bytes left, has window and whose pacing time
//! has come. Finished queue pairs leave the list only when a scan meets one. If nothing can be sent, a wake-up is armed for
//! the earliest pacing time of all queue pairs with bytes left, *including* paused and window-bound ones; if that time has
//! passed already, none is armed, and a paced queue pair stays silent until the next kick from elsewhere. This last rule and
//! the position kept across removals look unintended, but are part of the ns-3 program's behaviour and of its results.
//! Clean: the wake-up is for the earliest queue pair that only pacing holds back, and the position moves with the entries.

use crate::fidelity::Fidelity;
use crate::network::{PacketNetwork, event};
use crate::packet::{Kind, NONE, Packet};
use crate::port::NEVER;
use crate::probe::Probe;
use crate::queue::EventQueue;

impl<Q: EventQueue, P: Probe, F: Fidelity> PacketNetwork<Q, P, F> {
    /// A host's interface looks for something to send.
    #[inline]
    pub(crate) fn kick_host(&mut self, host: u32) {
        if !self.transmitting(self.hosts[host as usize].port) {
            self.serve_host(host);
        }
    }

    /// An idle interface looks for something to send.
    #[inline]
    pub(crate) fn serve_host(&mut self, host: u32) {
        let channel = self.hosts[host as usize].port;
        let paused = self.ports[channel as usize].paused;
        let h = &mut self.hosts[host as usize];
        if (self.physics.ack_high || !paused)
            && let Some(packet) = h.acks.pop(&self.slab.packets)
        {
            let more = !h.acks.is_empty() || !h.list.is_empty();
            return self.transmit(channel, packet, more);
        }
        if h.list.is_empty() {
            return;
        }
        match self.choose(host, paused) {
            Some(place) => {
                self.hosts[host as usize].last_served = place as u32;
                let flow = self.hosts[host as usize].list[place];
                self.send_data(channel, flow);
            }
            None => self.arm_wake(host),
        }
    }

    /// Scans the queue pairs and returns the place of the one to serve. Removes finished ones if it met any.
    #[inline]
    fn choose(&mut self, host: u32, paused: bool) -> Option<usize> {
        let h = &mut self.hosts[host as usize];
        let count = h.list.len();
        let mut chosen = None;
        let mut first_finished = usize::MAX;
        let mut place = (h.last_served as usize + 1) % count;
        for _ in 0..count {
            let s = &self.senders[h.list[place] as usize];
            if !paused && s.has_bytes_left() && !s.window_bound() {
                if s.next_available <= self.now as i64 {
                    chosen = Some(place);
                    break;
                }
            } else if s.finished() {
                first_finished = first_finished.min(place);
            }
            place = if place + 1 == count { 0 } else { place + 1 };
        }
        if first_finished == usize::MAX {
            return chosen;
        }
        let served = h.last_served as usize;
        let mut kept = first_finished;
        let mut gone_up_to_served = usize::from(first_finished <= served);
        for place in first_finished + 1..count {
            let flow = h.list[place];
            if !self.senders[flow as usize].finished() {
                if chosen == Some(place) {
                    chosen = Some(kept);
                }
                h.list[kept] = flow;
                kept += 1;
            } else {
                gone_up_to_served += usize::from(place <= served);
            }
        }
        if F::CLEAN && chosen.is_none() && kept > 0 {
            h.last_served = ((served + kept - gone_up_to_served) % kept) as u32;
        }
        h.list.truncate(kept);
        chosen
    }

    /// Cuts the next packet of a flow, sends it, and paces the flow.
    #[inline]
    fn send_data(&mut self, channel: u32, flow: u32) {
        let s = &mut self.senders[flow as usize];
        let payload = (s.size - s.next).min(self.physics.payload.into()) as u32;
        let size = payload + self.physics.header;
        let packet = Packet {
            stamp: self.now,
            next: NONE,
            flow,
            sequence: s.next,
            hop: s.data_route,
            size: size as u16,
            kind: Kind::Data,
            flags: 0,
        };
        s.next += u64::from(payload);
        s.last_size = size;
        let pace = if self.physics.rate_bound { s.rate } else { self.hosts[s.host as usize].max_rate };
        let link = &self.links[self.ports[channel as usize].link as usize];
        let time = if pace == link.rate && size == self.physics.data_size {
            link.full[Kind::Data as usize].into()
        } else {
            F::transmission(size, pace)
        };
        s.next_available = (self.now + time) as i64;
        let packet = self.slab.add(packet);
        if F::CLEAN {
            self.watch_for_loss(flow);
        }
        self.transmit(channel, packet, true);
    }

    fn arm_wake(&mut self, host: u32) {
        let h = &self.hosts[host as usize];
        if F::CLEAN {
            // Only flows that pacing alone holds back; the others are kicked by an ACK or a resume frame.
            let paced = h.list.iter().map(|f| &self.senders[*f as usize]);
            let paced = paced.filter(|s| s.has_bytes_left() && !s.window_bound() && s.next_available > self.now as i64);
            let Some(at) = paced.map(|s| s.next_available as u64).min() else { return };
            if at < h.wake_at {
                self.set_wake(host, at);
            }
            debug_assert!(self.hosts[host as usize].wake_at <= at, "whoever only waits for its pace is woken in time");
            return;
        }
        if h.wake_at != NEVER {
            return;
        }
        let waiting = h.list.iter().map(|f| &self.senders[*f as usize]).filter(|s| s.has_bytes_left());
        let Some(at) = waiting.map(|s| s.next_available).min() else { return };
        if at > self.now as i64 {
            self.set_wake(host, at as u64);
        }
    }

    fn set_wake(&mut self, host: u32, at: u64) {
        let h = &mut self.hosts[host as usize];
        h.wake_at = at;
        h.wake_generation = h.wake_generation.wrapping_add(1);
        let generation = h.wake_generation;
        self.schedule(at, event::WAKE, host, generation);
    }

    /// The pacing timer fires.
    pub(crate) fn wake(&mut self, host: u32, generation: u32) {
        let h = &mut self.hosts[host as usize];
        if h.wake_generation == generation {
            h.wake_at = NEVER;
            self.kick_host(host);
        }
    }

    /// HPCC's rate change: moves the pacing time of the flow, and the interface's wake-up if that is now too late.
    pub(crate) fn change_rate(&mut self, flow: u32, rate: u64) {
        let s = &mut self.senders[flow as usize];
        let (new, old) = (F::transmission(s.last_size, rate), F::transmission(s.last_size, s.rate));
        s.next_available += new as i64 - old as i64;
        let (at, host) = (s.next_available, s.host);
        let wake_at = self.hosts[host as usize].wake_at;
        if wake_at != NEVER && at < wake_at as i64 {
            self.set_wake(host, at.max(self.now as i64) as u64);
        }
        self.set_rate(flow, rate);
    }

    /// Sets the rate of a flow, and its window if that follows the rate.
    #[inline]
    pub(crate) fn set_rate(&mut self, flow: u32, rate: u64) {
        let s = &mut self.senders[flow as usize];
        if s.rate != rate {
            s.rate = rate;
            s.window = self.physics.window_at::<F>(rate, self.hosts[s.host as usize].max_rate);
        }
    }
}
