// The network of ns-3 nodes, point-to-point links, queues and TCP stacks, and the flows on it.
//
// A flow is one connection from its source to the listening socket of its destination: opened at the flow's start, written to as
// its buffer allows, closed when everything is acknowledged. It is delivered when the receiving application has read its last byte.
// In a closed loop a group of consecutive senders has a limited number of flows outstanding; the others wait in order, and are
// released when a sender of the group has its last ACK.
#ifndef MIXLAB_TCP_NETWORK_H
#define MIXLAB_TCP_NETWORK_H

#include "kernel.h"
#include "queues.h"
#include "routing.h"

#include "ns3/point-to-point-module.h"

#include <deque>
#include <iosfwd>
#include <vector>

namespace mixlab
{

/// A flow and the ends of its connection.
struct Connection
{
    const FlowLine* line = nullptr;
    uint32_t index = 0;
    uint16_t port = 0;
    bool released = false;
    bool delivered = false;
    bool settled = false; ///< all acknowledged, or given up
    uint64_t start = 0;
    uint64_t written = 0;
    uint64_t received = 0;
    ns3::Ptr<ns3::Socket> client;
};

class Network
{
  public:
    /// Builds the network. `scenario` must outlive it.
    Network(const Scenario& scenario, Kernel& kernel, std::ostream& out);

    /// Simulates all flows to the end or to the horizon and prints the results, as the other program's batch mode does.
    void Run();

  private:
    struct Group
    {
        uint32_t inFlight = 0;
        std::deque<Connection*> waiting;
    };

    void BuildNodes();
    void BuildLink(uint32_t index, const Link& link);
    void Listen(uint32_t host);
    void ArmReader();
    void ReleaseDue();
    void Arrive(Connection& connection);
    void Release(Connection& connection);
    void Open(Connection* connection);
    void Write(Connection* connection, ns3::Ptr<ns3::Socket> client, uint32_t available);
    void Accepted(ns3::Ptr<ns3::Socket> server, const ns3::Address& from);
    void Read(Connection* connection, ns3::Ptr<ns3::Socket> server);
    void GivenUp(Connection* connection, ns3::Ptr<ns3::Socket> client);
    void Settle(Connection& connection);
    void CountPacket(ns3::Ptr<const ns3::Packet> packet);

    const Scenario& m_scenario;
    Kernel& m_kernel;
    std::ostream& m_out;
    PathTable m_paths;
    Queues m_queues;
    ns3::NodeContainer m_nodes;
    std::deque<Connection> m_connections;
    std::vector<std::vector<Connection*>> m_byPort; ///< by host, then port - FIRST_CLIENT_PORT
    std::vector<Group> m_groups;
    uint64_t m_origin;      ///< the scenario's time at ns-3's zero: its first start, since PIE's timers run from zero on
    std::size_t m_next = 0; ///< first flow that has not arrived
    std::size_t m_settled = 0;
    uint64_t m_delivered = 0;
    uint64_t m_packets = 0;
};

} // namespace mixlab

#endif
