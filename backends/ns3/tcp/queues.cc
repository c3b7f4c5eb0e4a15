// Queue disciplines (queues.h).
#include "queues.h"

#include "routing.h"
#include "units.h"

#include <algorithm>
#include <stdexcept>

namespace mixlab
{

namespace
{

/// Bytes of IP and TCP header; what queues see of a packet besides its payload.
constexpr uint32_t HEADERS = 40;

/// RFC 8033's times: its gains (per second) belong to this delay, and its burst allowance is ten times that.
constexpr double PIE_TARGET_S = 0.015;
constexpr double PIE_GAIN_A = 0.125;
constexpr double PIE_GAIN_B = 1.25;
constexpr uint64_t PIE_BURST_TARGETS = 10;

/// Up to this probability PIE marks rather than drops: always, like the other disciplines. (RFC 8033 drops above 0.1, against
/// senders that ignore marks.)
constexpr double PIE_MARK_UP_TO = 1;

/// Never reached: what makes fair queueing of FqCoDel.
const ns3::Time NEVER = ns3::Seconds(1000);

ns3::QueueSize
BytesOf(uint64_t bytes)
{
    return ns3::QueueSize(ns3::QueueSizeUnit::BYTES, static_cast<uint32_t>(bytes));
}

ns3::StringValue
AsText(ns3::Time time)
{
    return ns3::StringValue(std::to_string(time.GetNanoSeconds()) + "ns");
}

ns3::ObjectFactory
Factory(const char* type)
{
    ns3::ObjectFactory factory;
    factory.SetTypeId(type);
    return factory;
}

} // namespace

Queues::Queues(const Scenario& scenario)
    : m_scenario(scenario)
{
}

void
Queues::Install(ns3::Ptr<ns3::NetDevice> device, uint64_t rate, bool isHost)
{
    const auto queue = Factory(rate, isHost).Create<ns3::QueueDisc>();
    device->GetNode()->GetObject<ns3::TrafficControlLayer>()->SetRootQueueDiscOnDevice(device, queue);
    m_queues.push_back(queue);
}

ns3::ObjectFactory
Queues::Red(uint64_t rate) const
{
    const auto& all = m_scenario.transport.marking;
    const auto marking = std::find_if(all.begin(), all.end(), [rate](const Marking& m) { return m.rate == rate; });
    if (marking == all.end())
    {
        throw std::runtime_error("scenario: expected RED thresholds for every link rate, found none for " +
                                 std::to_string(rate));
    }
    auto factory = mixlab::Factory("ns3::RedQueueDisc");
    factory.Set("MaxSize", ns3::QueueSizeValue(BytesOf(m_scenario.transport.buffer)));
    factory.Set("MinTh", ns3::DoubleValue(static_cast<double>(marking->kMin)));
    factory.Set("MaxTh", ns3::DoubleValue(static_cast<double>(marking->kMax)));
    factory.Set("LInterm", ns3::DoubleValue(1 / marking->pMax));
    factory.Set("QW", ns3::DoubleValue(1)); // the queue itself, not an average
    factory.Set("Gentle", ns3::BooleanValue(false)); // above MaxTh everything is marked
    factory.Set("UseEcn", ns3::BooleanValue(true));
    factory.Set("UseHardDrop", ns3::BooleanValue(false)); // marked, not dropped
    factory.Set("MeanPktSize", ns3::UintegerValue(static_cast<uint32_t>(m_scenario.transport.payload) + HEADERS));
    factory.Set("LinkBandwidth", ns3::DataRateValue(ns3::DataRate(rate)));
    return factory;
}

ns3::ObjectFactory
Queues::Pie() const
{
    const auto& control = m_scenario.transport.control;
    const double faster = PIE_TARGET_S / (static_cast<double>(control.queueTimes[0]) * 1e-9);
    auto factory = mixlab::Factory("ns3::PieQueueDisc");
    factory.Set("MaxSize", ns3::QueueSizeValue(BytesOf(m_scenario.transport.buffer)));
    factory.Set("QueueDelayReference", ns3::TimeValue(Nanoseconds(control.queueTimes[0])));
    factory.Set("Tupdate", ns3::TimeValue(Nanoseconds(control.queueTimes[1])));
    factory.Set("A", ns3::DoubleValue(PIE_GAIN_A * faster));
    factory.Set("B", ns3::DoubleValue(PIE_GAIN_B * faster));
    factory.Set("MaxBurstAllowance", ns3::TimeValue(Nanoseconds(PIE_BURST_TARGETS * control.queueTimes[0])));
    factory.Set("MeanPktSize", ns3::UintegerValue(static_cast<uint32_t>(m_scenario.transport.payload) + HEADERS));
    factory.Set("UseEcn", ns3::BooleanValue(true));
    factory.Set("MarkEcnThreshold", ns3::DoubleValue(PIE_MARK_UP_TO));
    return factory;
}

ns3::ObjectFactory
Queues::PerFlow(ns3::Time target, ns3::Time interval, bool ecn) const
{
    const uint64_t packet = m_scenario.transport.payload + HEADERS;
    const uint64_t packets = std::max<uint64_t>(1, m_scenario.transport.buffer / packet);
    auto factory = mixlab::Factory("ns3::FqCoDelQueueDisc");
    factory.Set("MaxSize",
                ns3::QueueSizeValue(ns3::QueueSize(ns3::QueueSizeUnit::PACKETS, static_cast<uint32_t>(packets))));
    factory.Set("Target", AsText(target));
    factory.Set("Interval", AsText(interval));
    factory.Set("UseEcn", ns3::BooleanValue(ecn));
    return factory;
}

ns3::ObjectFactory
Queues::Factory(uint64_t rate, bool isHost) const
{
    const auto& control = m_scenario.transport.control;
    const ns3::Time first = Nanoseconds(control.queueTimes[0]);
    const ns3::Time second = Nanoseconds(control.queueTimes[1]);
    switch (control.queue)
    {
    case Queue::Red:
        return Red(rate);
    case Queue::Pie:
        return Pie();
    case Queue::FqCoDel:
        return PerFlow(first, second, true);
    case Queue::CoDel: {
        auto factory = mixlab::Factory("ns3::CoDelQueueDisc");
        factory.Set("MaxSize", ns3::QueueSizeValue(BytesOf(m_scenario.transport.buffer)));
        factory.Set("Target", AsText(first));
        factory.Set("Interval", AsText(second));
        factory.Set("UseEcn", ns3::BooleanValue(true));
        return factory;
    }
    default:
        break;
    }
    if (isHost)
    {
        return PerFlow(NEVER, NEVER, false);
    }
    auto factory = mixlab::Factory("ns3::FifoQueueDisc");
    factory.Set("MaxSize", ns3::QueueSizeValue(BytesOf(m_scenario.transport.buffer)));
    return factory;
}

uint64_t
Queues::Marks() const
{
    uint64_t marks = 0;
    for (const auto& queue : m_queues)
    {
        marks += queue->GetStats().nTotalMarkedPackets;
    }
    return marks;
}

uint64_t
Queues::Drops() const
{
    uint64_t drops = 0;
    for (const auto& queue : m_queues)
    {
        drops += queue->GetStats().nTotalDroppedPackets;
    }
    return drops;
}

} // namespace mixlab
