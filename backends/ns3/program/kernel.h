// ns-3's kernel, run piece by piece: to an exact time, events of that time included.
//
// Simulator::Stop(delay) would stop before events that were inserted later for the same time. So the stop is an event that
// looks at the queue and steps back behind everything else at its time. Looking takes a scheduler that can be found again:
// ns-3's own, under a name of ours.
#ifndef MIXLAB_KERNEL_H
#define MIXLAB_KERNEL_H

#include "ns3/event-id.h"
#include "ns3/priority-queue-scheduler.h"

#include <cstdint>

namespace mixlab
{

/// ns-3's priority-queue scheduler (the fastest of its schedulers here); the one in use can be asked for its next event.
class VisibleScheduler : public ns3::PriorityQueueScheduler
{
  public:
    static ns3::TypeId GetTypeId();

    VisibleScheduler();

    /// Whether an event is due at time `now` or earlier.
    static bool AnythingDue(uint64_t now);
};

class Kernel
{
  public:
    /// Selects the scheduler. Must come before anything is scheduled.
    Kernel();
    ~Kernel();

    /// Runs all events up to and at `until` (ns, not in the past); the clock is there afterwards. Returns false if
    /// StopNow() ended it earlier.
    bool RunUntil(uint64_t until);

    /// Ends RunUntil after the running event.
    void StopNow();

  private:
    void ReachedUntil();

    ns3::EventId m_stop;
    bool m_reached = false;
};

} // namespace mixlab

#endif
