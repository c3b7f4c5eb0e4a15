// Events of this program on ns-3's kernel: a member function to call on an object, with at most one argument.
//
// They are ns3::EventImpl objects like those that Simulator::Schedule makes from a function, but of one size, taken from a
// pool, since millions are made per simulated millisecond. Equal-time order is the kernel's (kernel.h).
#ifndef MIXLAB_EVENTS_H
#define MIXLAB_EVENTS_H

#include "partition.h"
#include "pool.h"
#include "units.h"

#include "ns3/event-id.h"
#include "ns3/event-impl.h"

#ifdef MIXLAB_MTP
#include "ns3/mtp-interface.h"
#endif

#include <cstddef>

namespace mixlab
{

/// An event whose memory comes from a pool.
class PooledEvent : public ns3::EventImpl
{
  public:
    static void* operator new(std::size_t size);
    static void operator delete(void* block);
};

/// Number of LiveEvent objects that wait or run: packets on their way, transmissions, wake-ups and releases.
/// Zero means that nothing can happen any more, except for timers that change rates of senders that never send.
/// Each thread counts what it makes less what it ends; only the sum over all threads, taken while they wait, means anything.
class LiveEvents
{
  public:
    static void Add(int64_t change)
    {
        if constexpr (PARTITIONED)
        {
            if (!s_here)
            {
                s_here = NewCount();
            }
            *s_here += change;
        }
        else
        {
            s_single += change;
        }
    }

    static int64_t Total()
    {
        if constexpr (PARTITIONED)
        {
            return TotalOfThreads();
        }
        return s_single;
    }

  private:
    static int64_t* NewCount();
    static int64_t TotalOfThreads();

    inline static int64_t s_single = 0;
    inline static MIXLAB_PER_THREAD int64_t* s_here = nullptr;
};

/// Whether a timer that finds no live event stops the simulation (set when all flows are announced).
extern bool g_stopWhenIdle;

/// An event that can lead to a packet being sent.
class LiveEvent : public PooledEvent
{
  public:
    LiveEvent()
    {
        LiveEvents::Add(1);
    }

    ~LiveEvent() override
    {
        LiveEvents::Add(-1);
    }
};

/// Calls `Method` on `target`.
template <class Base, class T, void (T::*Method)()>
class Call : public Base
{
  public:
    explicit Call(T* target)
        : m_target(target)
    {
    }

  private:
    void Notify() override
    {
        (m_target->*Method)();
    }

    T* m_target;
};

/// Calls `Method` on `target` with `argument`.
template <class T, class A, void (T::*Method)(A*)>
class CallWith : public LiveEvent
{
  public:
    CallWith(T* target, A* argument)
        : m_target(target),
          m_argument(argument)
    {
    }

  private:
    void Notify() override
    {
        (m_target->*Method)(m_argument);
    }

    T* m_target;
    A* m_argument;
};

/// Schedules `target->Method()` in `delay` ns; the event can be cancelled.
template <auto Method, class Base = LiveEvent, class T>
ns3::EventId
CallIn(uint64_t delay, T* target)
{
    return ns3::Simulator::Schedule(Nanoseconds(delay),
                                    ns3::Ptr<ns3::EventImpl>(new Call<Base, T, Method>(target), false));
}

/// Schedules `target->Method(argument)` in `delay` ns; the event can be cancelled.
template <auto Method, class T, class A>
ns3::EventId
CallIn(uint64_t delay, T* target, A* argument)
{
    return ns3::Simulator::Schedule(Nanoseconds(delay),
                                    ns3::Ptr<ns3::EventImpl>(new CallWith<T, A, Method>(target, argument), false));
}

/// The parts of the network; set by the multithreaded kernel.
extern const Partition* g_partition;

/// Schedules `event` in `delay` ns in the context of node `node`, on the queue of its part.
inline void
ScheduleAt(uint32_t node, uint64_t delay, ns3::EventImpl* event)
{
#ifdef MIXLAB_MTP
    // What Simulator::ScheduleWithContext does, but for counting references to an ns3::Node, for which threads would queue.
    ns3::LogicalProcess* part = ns3::MtpInterface::GetSystem(g_partition->PartOf(node) + 1);
    ns3::MtpInterface::GetSystem()->ScheduleWithContext(part, node, Nanoseconds(delay), event);
#else
    ns3::Simulator::ScheduleWithContext(node, Nanoseconds(delay), event);
#endif
}

/// Schedules `target->Method()` in `delay` ns in the context of node `node`; it can't be cancelled.
template <auto Method, class T>
void
CallAt(uint32_t node, uint64_t delay, T* target)
{
    ScheduleAt(node, delay, new Call<LiveEvent, T, Method>(target));
}

/// Schedules `target->Method(argument)` in `delay` ns in the context of node `node`; it can't be cancelled.
template <auto Method, class T, class A>
void
CallAt(uint32_t node, uint64_t delay, T* target, A* argument)
{
    ScheduleAt(node, delay, new CallWith<T, A, Method>(target, argument));
}

} // namespace mixlab

#endif
