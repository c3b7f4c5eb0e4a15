// The whole network: nodes, ports, flows and their release.
//
// Release. At a flow's start time the reader takes all flows with that start, in order of announcement, and then arms itself
// for the next start. Each released flow passes through two events of zero delay ("initialise", "start") before its queue
// pair exists, as an application does in ns-3. In a closed loop a group of consecutive senders has a limited number of flows
// outstanding; the others wait in order, and are released when a sender of the group has its last ACK.
//
// Each part of the network (partition.h) has its own reader, random streams and counters; with one part, as the default
// kernel has it, they are the network's.
#ifndef MIXLAB_NETWORK_H
#define MIXLAB_NETWORK_H

#include "host.h"
#include "marking.h"
#include "partition.h"
#include "switch.h"

#include <deque>
#include <map>
#include <memory>
#include <vector>

namespace mixlab
{

/// What a part of the network has for itself, in cache lines of its own.
struct alignas(64) Part
{
    MarkingStreams streams;
    PortCounters counters;
    std::multimap<uint64_t, Flow*> announced; ///< by start; equal starts in order of announcement
    ns3::EventId reader;
};

class Network : public FlowObserver
{
  public:
    /// Builds the network of a scenario; its flows are not announced yet. All arguments must outlive it.
    Network(const Scenario& scenario, const Partition& partition, FlowObserver& reports);

    /// Announces a flow, to start now or later. Returns it; it stays where it is until the network ends.
    /// In a network of several parts, only before StartReaders().
    Flow& Announce(uint32_t index, const FlowLine& line);

    /// Lets the parts take flows; needed (once, before the kernel runs) if the kernel is multithreaded.
    void StartReaders();

    /// The sum over all parts.
    PortCounters Counters() const;

    const std::deque<Flow>& Flows() const
    {
        return m_flows;
    }

    void Delivered(Flow& flow) override;
    void Acknowledged(Flow& flow) override;

  private:
    struct Group
    {
        uint32_t inFlight = 0;
        std::deque<Flow*> waiting;
    };

    void AddLink(const Link& link);
    Port& AddPort(uint32_t node, const Link& link);
    void ReleaseDue(Part* part);
    void ArmReader(Part& part);
    void Arrive(Flow& flow);
    void Release(Flow& flow);
    void Initialise(Flow* flow);
    void StartFlow(Flow* flow);

    const Scenario& m_scenario;
    const Partition& m_partition;
    FlowObserver& m_reports;
    std::deque<Part> m_parts;
    std::vector<std::unique_ptr<Node>> m_nodes;
    std::vector<Port*> m_portsByChannel;
    std::deque<Flow> m_flows;
    std::vector<Group> m_groups;
};

} // namespace mixlab

#endif
