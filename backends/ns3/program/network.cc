// Assembly of the network and release of flows (network.h).
#include "network.h"

#include "events.h"

namespace mixlab
{

Network::Network(const Scenario& scenario, const Partition& partition, FlowObserver& reports)
    : m_scenario(scenario),
      m_partition(partition),
      m_reports(reports),
      m_groups(scenario.maxInflight > 0 ? scenario.nodes / scenario.hostsPerGroup + 1 : 0)
{
    for (uint32_t part = 0; part < partition.Parts(); ++part)
    {
        m_parts.push_back(Part{MarkingStreams(scenario.nodes, scenario.transport.rngRun, part), {}, {}, {}});
    }
    for (uint32_t id = 0; id < scenario.nodes; ++id)
    {
        if (scenario.isSwitch[id])
        {
            Part& part = m_parts[partition.PartOf(id)];
            m_nodes.push_back(std::make_unique<Switch>(id, scenario.transport, part.streams, part.counters));
        }
        else
        {
            m_nodes.push_back(std::make_unique<Host>(id, scenario.transport, *this));
        }
    }
    for (const Link& link : scenario.links)
    {
        AddLink(link);
    }
    for (const auto& node : m_nodes)
    {
        if (scenario.isSwitch[node->Id()])
        {
            auto& sw = static_cast<Switch&>(*node);
            sw.SizeBuffer();
            sw.SetPortsByChannel(&m_portsByChannel);
        }
    }
}

void
Network::AddLink(const Link& link)
{
    Port& there = AddPort(link.a, link);
    Port& back = AddPort(link.b, link);
    Port::Join(there, back);
    m_portsByChannel.push_back(&there);
    m_portsByChannel.push_back(&back);
}

Port&
Network::AddPort(uint32_t node, const Link& link)
{
    if (m_scenario.isSwitch[node])
    {
        return static_cast<Switch&>(*m_nodes[node]).AddPort(link.rate, link.delay);
    }
    PortCounters& counters = m_parts[m_partition.PartOf(node)].counters;
    auto nic = std::make_unique<Port>(*m_nodes[node], link.rate, link.delay, counters);
    Port& port = *nic;
    static_cast<Host&>(*m_nodes[node]).SetNic(std::move(nic));
    return port;
}

Flow&
Network::Announce(uint32_t index, const FlowLine& line)
{
    Flow& flow = m_flows.emplace_back();
    flow.index = index;
    flow.id = line.id;
    flow.src = line.src;
    flow.dst = line.dst;
    flow.size = line.size;
    flow.start = line.start;
    flow.path = line.path;
    flow.ackPath = line.ackPath;
    Part& part = m_parts[m_partition.PartOf(flow.src)];
    const bool first = part.announced.empty() || line.start < part.announced.begin()->first;
    if (first && line.start == Now() && Now() > 0)
    {
        Arrive(flow); // a driver starts it at this very moment: no reader in between
        return flow;
    }
    part.announced.emplace(line.start, &flow);
    if (first && !PARTITIONED)
    {
        part.reader.Cancel();
        ArmReader(part);
    }
    return flow;
}

void
Network::StartReaders()
{
    for (Part& part : m_parts)
    {
        if (!part.announced.empty())
        {
            const auto& [start, flow] = *part.announced.begin();
            CallAt<&Network::ReleaseDue>(flow->src, start, this, &part);
        }
    }
}

PortCounters
Network::Counters() const
{
    PortCounters sum;
    for (const Part& part : m_parts)
    {
        sum.packets += part.counters.packets;
        sum.marks += part.counters.marks;
        sum.pauses += part.counters.pauses;
        sum.drops += part.counters.drops;
    }
    return sum;
}

void
Network::ArmReader(Part& part)
{
    if (!part.announced.empty())
    {
        part.reader = CallIn<&Network::ReleaseDue>(part.announced.begin()->first - Now(), this, &part);
    }
}

void
Network::ReleaseDue(Part* part)
{
    while (!part->announced.empty() && part->announced.begin()->first <= Now())
    {
        Flow* flow = part->announced.begin()->second;
        part->announced.erase(part->announced.begin());
        Arrive(*flow);
    }
    ArmReader(*part);
}

void
Network::Arrive(Flow& flow)
{
    if (m_scenario.maxInflight == 0)
    {
        Release(flow);
        return;
    }
    Group& group = m_groups[flow.src / m_scenario.hostsPerGroup];
    if (group.inFlight < m_scenario.maxInflight)
    {
        ++group.inFlight;
        Release(flow);
    }
    else
    {
        group.waiting.push_back(&flow);
    }
}

void
Network::Release(Flow& flow)
{
    flow.released = true;
    flow.start = Now();
    CallAt<&Network::Initialise>(flow.src, 0, this, &flow);
}

void
Network::Initialise(Flow* flow)
{
    CallAt<&Network::StartFlow>(flow->src, 0, this, flow);
}

void
Network::StartFlow(Flow* flow)
{
    static_cast<Host&>(*m_nodes[flow->src]).Start(*flow);
}

void
Network::Delivered(Flow& flow)
{
    m_reports.Delivered(flow);
}

void
Network::Acknowledged(Flow& flow)
{
    if (m_partition.Together(flow.src, flow.dst))
    {
        flow.receiver = Receiver();
    }
    if (m_scenario.maxInflight > 0)
    {
        Group& group = m_groups[flow.src / m_scenario.hostsPerGroup];
        --group.inFlight;
        while (group.inFlight < m_scenario.maxInflight && !group.waiting.empty())
        {
            Flow* next = group.waiting.front();
            group.waiting.pop_front();
            ++group.inFlight;
            Release(*next);
        }
    }
    m_reports.Acknowledged(flow);
}

} // namespace mixlab
