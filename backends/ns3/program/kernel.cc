// The default kernel (kernel.h), and the check that ns-3 runs the kernel that was asked for.
#include "kernel.h"

#include "events.h"

#include "ns3/object-factory.h"
#include "ns3/priority-queue-scheduler.h"
#include "ns3/simulator-impl.h"
#include "ns3/simulator.h"

#include <stdexcept>

namespace mixlab
{

void
CheckImplementation(const std::string& wanted)
{
    const std::string running = ns3::Simulator::GetImplementation()->GetInstanceTypeId().GetName();
    if (running != wanted)
    {
        throw std::runtime_error("ns-3 runs " + running + " where " + wanted + " was asked for");
    }
}

void
Kernel::StopNow()
{
    ns3::Simulator::Stop();
}

Kernel::~Kernel()
{
    ns3::Simulator::Destroy();
}

#ifndef MIXLAB_MTP

namespace
{

class VisibleScheduler;

VisibleScheduler* g_scheduler = nullptr;

/// ns-3's priority-queue scheduler (the fastest of its schedulers here); the one in use can be asked for its next event.
class VisibleScheduler : public ns3::PriorityQueueScheduler
{
  public:
    static ns3::TypeId GetTypeId();

    VisibleScheduler()
    {
        g_scheduler = this;
    }
};

NS_OBJECT_ENSURE_REGISTERED(VisibleScheduler);

ns3::TypeId
VisibleScheduler::GetTypeId()
{
    static ns3::TypeId tid =
        ns3::TypeId("mixlab::VisibleScheduler").SetParent<ns3::PriorityQueueScheduler>().AddConstructor<VisibleScheduler>();
    return tid;
}

bool
AnythingDue(uint64_t now)
{
    return !g_scheduler->IsEmpty() && g_scheduler->PeekNext().key.m_ts <= now;
}

} // namespace

Kernel::Kernel(const Scenario&, const Partition&, uint32_t threads)
{
    if (threads != 1)
    {
        throw std::runtime_error("several threads need the multithreaded kernel, and this program was built without it");
    }
    ns3::ObjectFactory factory;
    factory.SetTypeId(VisibleScheduler::GetTypeId());
    ns3::Simulator::SetScheduler(factory);
    CheckImplementation("ns3::DefaultSimulatorImpl");
}

const char*
Kernel::Name()
{
    return "default";
}

bool
Kernel::RunUntil(uint64_t until)
{
    if (!m_stop.IsRunning() || m_stop.GetTs() != until)
    {
        if (m_stop.IsRunning())
        {
            ns3::Simulator::Remove(m_stop);
        }
        m_stop = CallIn<&Kernel::ReachedUntil, PooledEvent>(until - Now(), this);
    }
    m_reached = false;
    ns3::Simulator::Run();
    return m_reached;
}

void
Kernel::ReachedUntil()
{
    if (AnythingDue(Now()))
    {
        m_stop = CallIn<&Kernel::ReachedUntil, PooledEvent>(0, this);
        return;
    }
    m_reached = true;
    ns3::Simulator::Stop();
}

#endif

} // namespace mixlab
