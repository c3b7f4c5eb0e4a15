// Running ns-3's kernel to an exact time (kernel.h).
#include "kernel.h"

#include "events.h"

#include "ns3/object-factory.h"
#include "ns3/simulator.h"

namespace mixlab
{

namespace
{
VisibleScheduler* g_scheduler = nullptr;
} // namespace

NS_OBJECT_ENSURE_REGISTERED(VisibleScheduler);

ns3::TypeId
VisibleScheduler::GetTypeId()
{
    static ns3::TypeId tid =
        ns3::TypeId("mixlab::VisibleScheduler").SetParent<ns3::PriorityQueueScheduler>().AddConstructor<VisibleScheduler>();
    return tid;
}

VisibleScheduler::VisibleScheduler()
{
    g_scheduler = this;
}

bool
VisibleScheduler::AnythingDue(uint64_t now)
{
    return !g_scheduler->IsEmpty() && g_scheduler->PeekNext().key.m_ts <= now;
}

Kernel::Kernel()
{
    ns3::ObjectFactory factory;
    factory.SetTypeId(VisibleScheduler::GetTypeId());
    ns3::Simulator::SetScheduler(factory);
}

Kernel::~Kernel()
{
    ns3::Simulator::Destroy();
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
Kernel::StopNow()
{
    ns3::Simulator::Stop();
}

void
Kernel::ReachedUntil()
{
    if (VisibleScheduler::AnythingDue(Now()))
    {
        m_stop = CallIn<&Kernel::ReachedUntil, PooledEvent>(0, this);
        return;
    }
    m_reached = true;
    ns3::Simulator::Stop();
}

} // namespace mixlab
