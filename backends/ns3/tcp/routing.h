// Forwarding along the scenario's paths: every connection has its own, whatever the topology suggests.
//
// A connection is told by its client's node and port. The table of all paths is one hash map; a packet's next channel is the one
// of its path that leaves the node it is at. (ns-3's own routing searches linearly and knows one path per destination.)
#ifndef MIXLAB_TCP_ROUTING_H
#define MIXLAB_TCP_ROUTING_H

#include "scenario.h"

#include "ns3/internet-module.h"

#include <unordered_map>
#include <vector>

namespace mixlab
{

/// The port every host listens at. Client ports lie above.
constexpr uint16_t SERVER_PORT = 1;
constexpr uint16_t FIRST_CLIENT_PORT = 2;

/// Address of a host; hosts are all that has addresses.
ns3::Ipv4Address AddressOf(uint32_t node);

/// Node with an address that AddressOf() gave.
uint32_t NodeOf(ns3::Ipv4Address address);

/// The paths of all connections, and the way onto every channel.
class PathTable
{
  public:
    explicit PathTable(const Scenario& scenario);

    /// Sets the device that sends onto `channel`.
    void SetDevice(uint32_t channel, ns3::Ptr<ns3::NetDevice> device);

    /// Adds the paths of the connection from `client` and its `port`.
    void Add(uint32_t client, uint16_t port, const FlowLine& flow);

    /// The way on from `node` for a segment with this header, or null if the node is not on its path.
    ns3::Ptr<ns3::Ipv4Route> Next(uint32_t node, const ns3::Packet& segment, const ns3::Ipv4Header& header) const;

    /// The way out of a host.
    ns3::Ptr<ns3::Ipv4Route> Out(uint32_t host) const;

  private:
    uint32_t Tail(uint32_t channel) const;

    const Scenario& m_scenario;
    std::vector<ns3::Ptr<ns3::Ipv4Route>> m_routes; ///< by channel
    std::vector<ns3::Ptr<ns3::Ipv4Route>> m_out;    ///< by host
    std::unordered_map<uint64_t, const FlowLine*> m_flows;
};

/// Parameter types of a RouteInput: ns-3 before 3.41 passes its callbacks by value, later by reference.
template <class T>
struct RouteInputTypes;

template <class C, class P, class H, class D, class Unicast, class Multicast, class Local, class Error>
struct RouteInputTypes<bool (C::*)(P, H, D, Unicast, Multicast, Local, Error)>
{
    using U = Unicast;
    using M = Multicast;
    using L = Local;
    using E = Error;
};

/// The routing protocol of one node.
class PathRouting : public ns3::Ipv4RoutingProtocol
{
  public:
    using Input = RouteInputTypes<decltype(&ns3::Ipv4RoutingProtocol::RouteInput)>;

    static ns3::TypeId GetTypeId();

    PathRouting(const PathTable& paths, uint32_t node, bool isSwitch);

    ns3::Ptr<ns3::Ipv4Route> RouteOutput(ns3::Ptr<ns3::Packet> packet,
                                         const ns3::Ipv4Header& header,
                                         ns3::Ptr<ns3::NetDevice> device,
                                         ns3::Socket::SocketErrno& error) override;
    bool RouteInput(ns3::Ptr<const ns3::Packet> packet,
                    const ns3::Ipv4Header& header,
                    ns3::Ptr<const ns3::NetDevice> device,
                    Input::U unicast,
                    Input::M multicast,
                    Input::L local,
                    Input::E error) override;

    void NotifyInterfaceUp(uint32_t) override
    {
    }

    void NotifyInterfaceDown(uint32_t) override
    {
    }

    void NotifyAddAddress(uint32_t, ns3::Ipv4InterfaceAddress) override
    {
    }

    void NotifyRemoveAddress(uint32_t, ns3::Ipv4InterfaceAddress) override
    {
    }

    void SetIpv4(ns3::Ptr<ns3::Ipv4> ipv4) override;
    void PrintRoutingTable(ns3::Ptr<ns3::OutputStreamWrapper> stream, ns3::Time::Unit unit) const override;

  private:
    const PathTable& m_paths;
    uint32_t m_node;
    bool m_isSwitch;
    ns3::Ptr<ns3::Ipv4> m_ipv4;
};

/// Gives every node its PathRouting.
class PathRoutingHelper : public ns3::Ipv4RoutingHelper
{
  public:
    PathRoutingHelper(const PathTable& paths, const Scenario& scenario);

    PathRoutingHelper* Copy() const override;
    ns3::Ptr<ns3::Ipv4RoutingProtocol> Create(ns3::Ptr<ns3::Node> node) const override;

  private:
    const PathTable& m_paths;
    const Scenario& m_scenario;
};

} // namespace mixlab

#endif
