// An output-queued switch with a shared buffer: dynamic-threshold admission ("sonic" model, all alphas 1), PFC, ECN marking
// at dequeue, in-band telemetry.
//
//   headroom of a port  h = floor(2 (MTU + 48) + 3860 + 2 min(rate, 10 Gb/s) d / 8), twice per port (two lossless classes)
//   H = min(sum 2h, floor(0.8 B)),  pool I = B - H,  X = sum 2h
//
// Two queues per port: control (PFC frames, and ACKs if they have priority), which is never paused, dropped or accounted;
// and data. Buffer use is counted per input port. Left out: reserved bytes and other classes, which no scenario uses.
#ifndef MIXLAB_SWITCH_H
#define MIXLAB_SWITCH_H

#include "marking.h"
#include "port.h"
#include "scenario.h"

#include <memory>
#include <vector>

namespace mixlab
{

/// A switch's port: queues of its output, and the buffer that packets hold which came in through it.
class SwitchPort : public Port
{
  public:
    using Port::Port;

    PacketQueue control;
    PacketQueue data;
    uint64_t queuedBytes = 0; ///< both queues
    uint64_t dataBytes = 0;   ///< data queue: the egress count that ECN looks at
    uint64_t sentBytes = 0;   ///< on the wire so far, this packet not counted while it is prepared
    uint64_t held = 0;        ///< buffer held by packets that came in here
    uint64_t heldHeadroom = 0;
    uint64_t headroom = 0;
    bool pausedPeer = false;
    const Marking* marking = nullptr;
};

class Switch : public Node
{
  public:
    Switch(uint32_t id, const Transport& transport, MarkingStreams& streams, PortCounters& counters);

    /// Adds a port; its thresholds are those of its rate.
    SwitchPort& AddPort(uint64_t rate, uint64_t delay);

    /// Sizes the pools. Must be called once, when all ports are there.
    void SizeBuffer();

    /// Which port leads on, by channel; filled by the network.
    void SetPortsByChannel(const std::vector<Port*>* ports);

    void Receive(Packet* packet, Port& port) override;
    void Kick(Port& port) override;

  private:
    SwitchPort& NextHop(Packet& packet) const;
    bool Admits(uint64_t bytes, const SwitchPort& in, const SwitchPort& out) const;
    void Hold(uint64_t bytes, SwitchPort& in, SwitchPort& out);
    void Release(uint64_t bytes, SwitchPort& in, SwitchPort& out);
    uint64_t Threshold() const;
    void SendPfc(SwitchPort& port, bool pause);
    void MarkIfCongested(Packet& packet, const SwitchPort& out);
    void ResumeIfDrained(SwitchPort& in);
    void Stamp(Packet& packet, const SwitchPort& out) const;

    const Transport& m_transport;
    MarkingStreams& m_streams;
    PortCounters& m_counters;
    std::vector<std::unique_ptr<SwitchPort>> m_ports;
    const std::vector<Port*>* m_portsByChannel = nullptr;
    uint64_t m_pool = 0;          ///< I
    uint64_t m_headroomTotal = 0; ///< X
    uint64_t m_used = 0;
    uint64_t m_usedHeadroom = 0;
    uint64_t m_usedEgress = 0;
};

} // namespace mixlab

#endif
