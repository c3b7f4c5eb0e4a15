// Forwarding along the scenario's paths (routing.h).
#include "routing.h"

namespace mixlab
{

namespace
{

constexpr uint32_t NETWORK = 10U << 24; // 10.0.0.0/8; host n has 10.0.0.1 + n

uint64_t
Key(uint32_t client, uint16_t port)
{
    return uint64_t{client} << 16 | port;
}

} // namespace

ns3::Ipv4Address
AddressOf(uint32_t node)
{
    return ns3::Ipv4Address(NETWORK + 1 + node);
}

uint32_t
NodeOf(ns3::Ipv4Address address)
{
    return address.Get() - NETWORK - 1;
}

PathTable::PathTable(const Scenario& scenario)
    : m_scenario(scenario),
      m_routes(2 * scenario.links.size()),
      m_out(scenario.nodes)
{
    m_flows.reserve(scenario.flows.size());
}

uint32_t
PathTable::Tail(uint32_t channel) const
{
    const Link& link = m_scenario.links[channel / 2];
    return channel % 2 == 0 ? link.a : link.b;
}

void
PathTable::SetDevice(uint32_t channel, ns3::Ptr<ns3::NetDevice> device)
{
    auto route = ns3::Create<ns3::Ipv4Route>();
    route->SetOutputDevice(device);
    route->SetGateway(ns3::Ipv4Address::GetZero());
    m_routes[channel] = route;
    const uint32_t node = Tail(channel);
    if (!m_scenario.isSwitch[node])
    {
        route->SetSource(AddressOf(node));
        m_out[node] = route;
    }
}

void
PathTable::Add(uint32_t client, uint16_t port, const FlowLine& flow)
{
    m_flows[Key(client, port)] = &flow;
}

ns3::Ptr<ns3::Ipv4Route>
PathTable::Next(uint32_t node, const ns3::Packet& segment, const ns3::Ipv4Header& header) const
{
    uint8_t ports[4]; // a TCP header begins with source and destination port
    if (segment.CopyData(ports, sizeof ports) < sizeof ports)
    {
        return nullptr;
    }
    const auto source = static_cast<uint16_t>(ports[0] << 8 | ports[1]);
    const auto destination = static_cast<uint16_t>(ports[2] << 8 | ports[3]);
    const bool there = destination == SERVER_PORT;
    const auto found = m_flows.find(there ? Key(NodeOf(header.GetSource()), source)
                                          : Key(NodeOf(header.GetDestination()), destination));
    if (found == m_flows.end())
    {
        return nullptr;
    }
    for (const uint32_t channel : there ? found->second->path : found->second->ackPath)
    {
        if (Tail(channel) == node)
        {
            return m_routes[channel];
        }
    }
    return nullptr;
}

ns3::Ptr<ns3::Ipv4Route>
PathTable::Out(uint32_t host) const
{
    return m_out[host];
}

NS_OBJECT_ENSURE_REGISTERED(PathRouting);

ns3::TypeId
PathRouting::GetTypeId()
{
    static ns3::TypeId tid = ns3::TypeId("mixlab::PathRouting").SetParent<ns3::Ipv4RoutingProtocol>();
    return tid;
}

PathRouting::PathRouting(const PathTable& paths, uint32_t node, bool isSwitch)
    : m_paths(paths),
      m_node(node),
      m_isSwitch(isSwitch)
{
}

ns3::Ptr<ns3::Ipv4Route>
PathRouting::RouteOutput(ns3::Ptr<ns3::Packet>,
                         const ns3::Ipv4Header&,
                         ns3::Ptr<ns3::NetDevice>,
                         ns3::Socket::SocketErrno& error)
{
    error = ns3::Socket::ERROR_NOTERROR;
    return m_paths.Out(m_node);
}

bool
PathRouting::RouteInput(ns3::Ptr<const ns3::Packet> packet,
                        const ns3::Ipv4Header& header,
                        ns3::Ptr<const ns3::NetDevice> device,
                        Input::U unicast,
                        Input::M,
                        Input::L local,
                        Input::E error)
{
    if (!m_isSwitch)
    {
        local(packet, header, m_ipv4->GetInterfaceForDevice(device));
        return true;
    }
    const ns3::Ptr<ns3::Ipv4Route> route = m_paths.Next(m_node, *packet, header);
    if (!route)
    {
        error(packet, header, ns3::Socket::ERROR_NOROUTETOHOST);
        return false;
    }
    unicast(route, packet, header);
    return true;
}

void
PathRouting::SetIpv4(ns3::Ptr<ns3::Ipv4> ipv4)
{
    m_ipv4 = ipv4;
}

void
PathRouting::PrintRoutingTable(ns3::Ptr<ns3::OutputStreamWrapper> stream, ns3::Time::Unit) const
{
    *stream->GetStream() << "node " << m_node << ": paths of the scenario\n";
}

PathRoutingHelper::PathRoutingHelper(const PathTable& paths, const Scenario& scenario)
    : m_paths(paths),
      m_scenario(scenario)
{
}

PathRoutingHelper*
PathRoutingHelper::Copy() const
{
    return new PathRoutingHelper(*this);
}

ns3::Ptr<ns3::Ipv4RoutingProtocol>
PathRoutingHelper::Create(ns3::Ptr<ns3::Node> node) const
{
    const uint32_t id = node->GetId();
    return ns3::CreateObject<PathRouting>(m_paths, id, m_scenario.isSwitch[id]);
}

} // namespace mixlab
