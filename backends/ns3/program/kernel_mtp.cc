// The multithreaded kernel (kernel.h), in programs that are built for it.
//
// UNISON finds a part's neighbours and its lookahead through ns-3's own nodes, devices and channels. So each of our nodes
// gets an ns3::Node of the same number, with the number of its part as system id (0 is the public one), and each link that
// is cut a pair of devices on a channel with the link's delay. Nothing is ever sent over them.
// Source: MtpInterface, LogicalProcess and MultithreadedSimulatorImpl of UNISON for ns-3.
#ifdef MIXLAB_MTP

#include "events.h"
#include "kernel.h"

#include "ns3/boolean.h"
#include "ns3/mtp-interface.h"
#include "ns3/node.h"
#include "ns3/object-factory.h"
#include "ns3/priority-queue-scheduler.h"
#include "ns3/simple-channel.h"
#include "ns3/simple-net-device.h"
#include "ns3/simulator.h"

#include <algorithm>
#include <stdexcept>

namespace mixlab
{

namespace
{

ns3::Ptr<ns3::SimpleNetDevice>
AddDevice(ns3::Ptr<ns3::Node> node, ns3::Ptr<ns3::SimpleChannel> channel)
{
    auto device = ns3::CreateObject<ns3::SimpleNetDevice>();
    device->SetAttribute("PointToPointMode", ns3::BooleanValue(true));
    device->SetChannel(channel);
    node->AddDevice(device);
    return device;
}

} // namespace

Kernel::Kernel(const Scenario& scenario, const Partition& partition, uint32_t threads)
{
    g_partition = &partition;
    const uint32_t parts = partition.Parts();
    ns3::MtpInterface::Enable(std::clamp(threads, 1U, parts), parts);
    ns3::ObjectFactory factory;
    factory.SetTypeId(ns3::PriorityQueueScheduler::GetTypeId());
    ns3::Simulator::SetScheduler(factory);
    CheckImplementation("ns3::MultithreadedSimulatorImpl");
    std::vector<ns3::Ptr<ns3::Node>> nodes;
    for (uint32_t id = 0; id < scenario.nodes; ++id)
    {
        nodes.push_back(ns3::CreateObject<ns3::Node>(partition.PartOf(id) + 1));
        if (nodes.back()->GetId() != id)
        {
            throw std::runtime_error("ns-3 numbers nodes in an unexpected way");
        }
    }
    for (const Link& link : scenario.links)
    {
        if (!partition.Together(link.a, link.b))
        {
            auto channel = ns3::CreateObject<ns3::SimpleChannel>();
            channel->SetAttribute("Delay", ns3::TimeValue(Nanoseconds(link.delay)));
            AddDevice(nodes[link.a], channel);
            AddDevice(nodes[link.b], channel);
        }
    }
}

const char*
Kernel::Name()
{
    return "mtp";
}

bool
Kernel::RunUntil(uint64_t until)
{
    m_stop = CallIn<&Kernel::ReachedUntil, PooledEvent>(until, this); // public, since no part runs yet
    ns3::Simulator::Run();
    return m_reached;
}

void
Kernel::ReachedUntil()
{
    m_reached = true;
    ns3::Simulator::Stop();
}

} // namespace mixlab

#endif
