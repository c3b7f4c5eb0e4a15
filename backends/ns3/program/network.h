// The whole network: nodes, ports, flows and their release.
//
// Release. At a flow's start time the reader takes all flows with that start, in order of announcement, and then arms itself
// for the next start. Each released flow passes through two events of zero delay ("initialise", "start") before its queue
// pair exists, as an application does in ns-3. In a closed loop a group of consecutive senders has a limited number of flows
// outstanding; the others wait in order, and are released when a sender of the group has its last ACK.
#ifndef MIXLAB_NETWORK_H
#define MIXLAB_NETWORK_H

#include "host.h"
#include "marking.h"
#include "switch.h"

#include <deque>
#include <map>
#include <memory>
#include <vector>

namespace mixlab
{

class Network : public FlowObserver
{
  public:
    /// Builds the network of a scenario; its flows are not announced yet. `scenario` and `reports` must outlive it.
    Network(const Scenario& scenario, FlowObserver& reports);

    /// Announces a flow, to start now or later. Returns it; it stays where it is until the network ends.
    Flow& Announce(uint32_t index, const FlowLine& line);

    const PortCounters& Counters() const
    {
        return m_counters;
    }

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
    void ReleaseDue();
    void ArmReader();
    void Arrive(Flow& flow);
    void Release(Flow& flow);
    void Initialise(Flow* flow);
    void StartFlow(Flow* flow);

    const Scenario& m_scenario;
    FlowObserver& m_reports;
    PortCounters m_counters;
    MarkingStreams m_streams;
    std::vector<std::unique_ptr<Node>> m_nodes;
    std::vector<Port*> m_portsByChannel;
    std::deque<Flow> m_flows;
    std::multimap<uint64_t, Flow*> m_announced; ///< by start; equal starts in order of announcement
    ns3::EventId m_reader;
    std::vector<Group> m_groups;
};

} // namespace mixlab

#endif
