// The queue discipline of every port, switches' and hosts' alike.
//
// Under a drop-tail FIFO hosts are served per flow instead: packets of one host's flows would wait behind each other unmarked, for
// as long as the largest window, which no real host lets happen (Linux limits what each socket may have below it).
//
// The device below holds one packet and one in transmission, so that packets wait where they are marked.
#ifndef MIXLAB_TCP_QUEUES_H
#define MIXLAB_TCP_QUEUES_H

#include "scenario.h"

#include "ns3/traffic-control-module.h"

namespace mixlab
{

/// Packets the device below a queue holds.
constexpr const char* DEVICE_QUEUE = "1p";

class Queues
{
  public:
    explicit Queues(const Scenario& scenario);

    /// Puts a queue on `device`, which sends onto a link of `rate` from a host or a switch.
    void Install(ns3::Ptr<ns3::NetDevice> device, uint64_t rate, bool isHost);

    /// Packets marked, and packets dropped, by all queues so far.
    uint64_t Marks() const;
    uint64_t Drops() const;

  private:
    ns3::ObjectFactory Red(uint64_t rate) const;
    ns3::ObjectFactory Pie() const;
    ns3::ObjectFactory PerFlow(ns3::Time target, ns3::Time interval, bool ecn) const;
    ns3::ObjectFactory Factory(uint64_t rate, bool isHost) const;

    const Scenario& m_scenario;
    std::vector<ns3::Ptr<ns3::QueueDisc>> m_queues;
};

} // namespace mixlab

#endif
