// Assembly, connections and release of flows (network.h).
#include "network.h"

#include "sockets.h"
#include "units.h"

#include "ns3/rng-seed-manager.h"

#include <algorithm>
#include <ostream>
#include <stdexcept>
#include <string>

namespace mixlab
{

namespace
{

/// Segments handed to a socket at once: enough to fill it in few calls, few enough that cutting segments off stays cheap.
constexpr uint32_t SEGMENTS_PER_WRITE = 16;

/// Room for headers in the largest packet: 20 IP, 20 TCP, 40 TCP options.
constexpr uint32_t HEADER_ROOM = 80;

} // namespace

Network::Network(const Scenario& scenario, Kernel& kernel, std::ostream& out)
    : m_scenario(scenario),
      m_kernel(kernel),
      m_out(out),
      m_paths(scenario),
      m_queues(scenario),
      m_byPort(scenario.nodes),
      m_groups(scenario.maxInflight > 0 ? scenario.nodes / scenario.hostsPerGroup + 1 : 0),
      m_origin(scenario.flows.empty() ? 0 : scenario.flows.front().start)
{
    ns3::RngSeedManager::SetRun(scenario.transport.rngRun);
    SetSocketDefaults(scenario);
    BuildNodes();
    for (std::size_t i = 0; i < scenario.links.size(); ++i)
    {
        BuildLink(static_cast<uint32_t>(i), scenario.links[i]);
    }
    for (uint32_t node = 0; node < scenario.nodes; ++node)
    {
        if (!scenario.isSwitch[node])
        {
            Listen(node);
        }
    }
}

void
Network::BuildNodes()
{
    m_nodes.Create(m_scenario.nodes);
    ns3::InternetStackHelper stack;
    stack.SetIpv6StackInstall(false);
    stack.SetRoutingHelper(PathRoutingHelper(m_paths, m_scenario));
    stack.Install(m_nodes);
}

void
Network::BuildLink(uint32_t index, const Link& link)
{
    ns3::PointToPointHelper helper;
    helper.SetDeviceAttribute("DataRate", ns3::DataRateValue(ns3::DataRate(link.rate)));
    helper.SetDeviceAttribute("Mtu",
                              ns3::UintegerValue(static_cast<uint32_t>(m_scenario.transport.payload) + HEADER_ROOM));
    helper.SetChannelAttribute("Delay", ns3::TimeValue(Nanoseconds(link.delay)));
    helper.SetQueue("ns3::DropTailQueue<Packet>", "MaxSize", ns3::StringValue(DEVICE_QUEUE));
    const ns3::NetDeviceContainer devices = helper.Install(m_nodes.Get(link.a), m_nodes.Get(link.b));
    for (uint32_t end = 0; end < 2; ++end)
    {
        const ns3::Ptr<ns3::NetDevice> device = devices.Get(end);
        const uint32_t node = end == 0 ? link.a : link.b;
        const bool isHost = !m_scenario.isSwitch[node];
        m_queues.Install(device, link.rate, isHost);
        m_paths.SetDevice(2 * index + end, device);
        device->TraceConnectWithoutContext("PhyTxBegin", ns3::MakeCallback(&Network::CountPacket, this));
        const auto ipv4 = m_nodes.Get(node)->GetObject<ns3::Ipv4>();
        const uint32_t interface = ipv4->AddInterface(device);
        if (isHost)
        {
            ipv4->AddAddress(interface, ns3::Ipv4InterfaceAddress(AddressOf(node), ns3::Ipv4Mask("255.0.0.0")));
        }
        ipv4->SetUp(interface);
    }
}

void
Network::Listen(uint32_t host)
{
    const auto socket = ns3::Socket::CreateSocket(m_nodes.Get(host), ns3::TcpSocketFactory::GetTypeId());
    if (socket->Bind(ns3::InetSocketAddress(AddressOf(host), SERVER_PORT)) != 0 || socket->Listen() != 0)
    {
        throw std::runtime_error("host " + std::to_string(host) + " cannot listen");
    }
    socket->SetAcceptCallback(ns3::MakeNullCallback<bool, ns3::Ptr<ns3::Socket>, const ns3::Address&>(),
                              ns3::MakeCallback(&Network::Accepted, this));
}

void
Network::Run()
{
    for (const FlowLine& line : m_scenario.flows)
    {
        Connection& connection = m_connections.emplace_back();
        auto& ofHost = m_byPort[line.src];
        connection.line = &line;
        connection.index = static_cast<uint32_t>(m_connections.size() - 1);
        connection.port = static_cast<uint16_t>(FIRST_CLIENT_PORT + ofHost.size());
        if (connection.port < FIRST_CLIENT_PORT)
        {
            throw std::runtime_error("host " + std::to_string(line.src) + " has more flows than ports");
        }
        ofHost.push_back(&connection);
        m_paths.Add(line.src, connection.port, line);
    }
    if (!m_connections.empty())
    {
        ArmReader();
        if (m_scenario.horizon >= m_origin)
        {
            m_kernel.RunUntil(m_scenario.horizon - m_origin);
        }
    }
    for (const Connection& c : m_connections)
    {
        if (!c.delivered)
        {
            m_out << "unfinished " << c.index << ' ' << c.line->id << ' '
                  << (c.released ? std::to_string(c.start) : "-") << '\n';
        }
    }
    m_out << "counters " << ns3::Simulator::GetEventCount() << ' ' << m_packets << ' ' << m_queues.Marks() << " 0 "
          << m_queues.Drops() << "\nend " << m_delivered << std::endl;
}

void
Network::ArmReader()
{
    if (m_next < m_connections.size())
    {
        const uint64_t start = m_connections[m_next].line->start - m_origin;
        ns3::Simulator::Schedule(Nanoseconds(start - Now()), &Network::ReleaseDue, this);
    }
}

void
Network::ReleaseDue()
{
    while (m_next < m_connections.size() && m_connections[m_next].line->start <= m_origin + Now())
    {
        Arrive(m_connections[m_next++]);
    }
    ArmReader();
}

void
Network::Arrive(Connection& connection)
{
    if (m_scenario.maxInflight == 0)
    {
        Release(connection);
        return;
    }
    Group& group = m_groups[connection.line->src / m_scenario.hostsPerGroup];
    if (group.inFlight < m_scenario.maxInflight)
    {
        ++group.inFlight;
        Release(connection);
    }
    else
    {
        group.waiting.push_back(&connection);
    }
}

void
Network::Release(Connection& connection)
{
    connection.released = true;
    connection.start = m_origin + Now();
    ns3::Simulator::ScheduleWithContext(connection.line->src, ns3::Time(0), &Network::Open, this, &connection);
}

void
Network::Open(Connection* connection)
{
    const FlowLine& line = *connection->line;
    const auto socket = ns3::Socket::CreateSocket(m_nodes.Get(line.src), ns3::TcpSocketFactory::GetTypeId());
    connection->client = socket;
    socket->SetConnectCallback(ns3::MakeNullCallback<void, ns3::Ptr<ns3::Socket>>(),
                               ns3::MakeCallback(&Network::GivenUp, this).Bind(connection));
    socket->SetCloseCallbacks(ns3::MakeNullCallback<void, ns3::Ptr<ns3::Socket>>(),
                              ns3::MakeCallback(&Network::GivenUp, this).Bind(connection));
    socket->SetSendCallback(ns3::MakeCallback(&Network::Write, this).Bind(connection));
    if (socket->Bind(ns3::InetSocketAddress(AddressOf(line.src), connection->port)) != 0 ||
        socket->Connect(ns3::InetSocketAddress(AddressOf(line.dst), SERVER_PORT)) != 0)
    {
        throw std::runtime_error("flow " + std::to_string(line.id) + " cannot connect");
    }
    Write(connection, socket, socket->GetTxAvailable());
}

void
Network::Write(Connection* connection, ns3::Ptr<ns3::Socket> client, uint32_t available)
{
    if (connection->settled)
    {
        return;
    }
    const uint64_t chunk = SEGMENTS_PER_WRITE * m_scenario.transport.payload;
    const uint64_t size = connection->line->size;
    while (connection->written < size && available > 0)
    {
        const auto bytes = static_cast<uint32_t>(std::min<uint64_t>({chunk, size - connection->written, available}));
        if (client->Send(ns3::Create<ns3::Packet>(bytes)) != static_cast<int>(bytes))
        {
            break;
        }
        connection->written += bytes;
        available = client->GetTxAvailable();
    }
    if (connection->written == size && available == SOCKET_BUFFER)
    {
        client->Close();
        Settle(*connection);
    }
}

void
Network::Accepted(ns3::Ptr<ns3::Socket> server, const ns3::Address& from)
{
    const auto client = ns3::InetSocketAddress::ConvertFrom(from);
    Connection* connection = m_byPort[NodeOf(client.GetIpv4())].at(client.GetPort() - FIRST_CLIENT_PORT);
    server->SetRecvCallback(ns3::MakeCallback(&Network::Read, this).Bind(connection));
    const auto close = [](ns3::Ptr<ns3::Socket> socket) { socket->Close(); };
    server->SetCloseCallbacks(ns3::Callback<void, ns3::Ptr<ns3::Socket>>(close),
                              ns3::MakeNullCallback<void, ns3::Ptr<ns3::Socket>>());
}

void
Network::Read(Connection* connection, ns3::Ptr<ns3::Socket> server)
{
    while (const auto packet = server->Recv())
    {
        connection->received += packet->GetSize();
    }
    if (connection->received == connection->line->size && !connection->delivered)
    {
        connection->delivered = true;
        ++m_delivered;
        m_out << "flow " << connection->index << ' ' << connection->line->id << ' ' << connection->start << ' '
              << m_origin + Now() - connection->start << '\n';
    }
}

void
Network::GivenUp(Connection* connection, ns3::Ptr<ns3::Socket>)
{
    if (!connection->settled)
    {
        Settle(*connection);
    }
}

void
Network::Settle(Connection& connection)
{
    connection.settled = true;
    connection.client = nullptr;
    if (++m_settled == m_connections.size())
    {
        m_kernel.StopNow(); // nothing that is reported can change any more
    }
    if (m_scenario.maxInflight == 0)
    {
        return;
    }
    Group& group = m_groups[connection.line->src / m_scenario.hostsPerGroup];
    if (group.waiting.empty())
    {
        --group.inFlight;
        return;
    }
    Connection* next = group.waiting.front();
    group.waiting.pop_front();
    Release(*next);
}

void
Network::CountPacket(ns3::Ptr<const ns3::Packet>)
{
    ++m_packets;
}

} // namespace mixlab
