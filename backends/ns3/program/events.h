// Events of this program on ns-3's kernel: a member function to call on an object, with at most one argument.
//
// They are ns3::EventImpl objects like those that Simulator::Schedule makes from a function, but of one size, taken from a
// free list, since millions are made per simulated millisecond. Equal-time order is ns-3's: order of insertion.
#ifndef MIXLAB_EVENTS_H
#define MIXLAB_EVENTS_H

#include "units.h"

#include "ns3/event-id.h"
#include "ns3/event-impl.h"

#include <cstddef>

namespace mixlab
{

/// An event whose memory comes from a free list.
class PooledEvent : public ns3::EventImpl
{
  public:
    static void* operator new(std::size_t size);
    static void operator delete(void* block);
};

/// Number of LiveEvent objects that wait or run: packets on their way, transmissions, wake-ups and releases.
/// Zero means that nothing can happen any more, except for timers that change rates of senders that never send.
extern uint64_t g_liveEvents;

/// Whether a timer that finds no live event stops the simulation (set when all flows are announced).
extern bool g_stopWhenIdle;

/// An event that can lead to a packet being sent.
class LiveEvent : public PooledEvent
{
  public:
    LiveEvent()
    {
        ++g_liveEvents;
    }

    ~LiveEvent() override
    {
        --g_liveEvents;
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

/// Schedules `target->Method()` in `delay` ns in the context of node `node`; it can't be cancelled.
template <auto Method, class T>
void
CallAt(uint32_t node, uint64_t delay, T* target)
{
    ns3::Simulator::ScheduleWithContext(node, Nanoseconds(delay), new Call<LiveEvent, T, Method>(target));
}

/// Schedules `target->Method(argument)` in `delay` ns in the context of node `node`; it can't be cancelled.
template <auto Method, class T, class A>
void
CallAt(uint32_t node, uint64_t delay, T* target, A* argument)
{
    ns3::Simulator::ScheduleWithContext(node, Nanoseconds(delay), new CallWith<T, A, Method>(target, argument));
}

} // namespace mixlab

#endif
