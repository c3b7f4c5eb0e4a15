// ns-3's kernel, run to an exact time, events of that time included; one of two, chosen when the program is compiled.
//
// Default kernel: one queue, events of equal time in order of insertion. Simulator::Stop(delay) would stop before events that
// were inserted later for the same time. So the stop is an event that looks at the queue and steps back behind everything
// else at its time. Looking takes a scheduler that can be found again: ns3::PriorityQueueScheduler under a name of ours.
//
// Multithreaded kernel (MIXLAB_MTP; the mtp module of UNISON trees): each part of the network has a queue and a clock
// ("logical process"), and one more belongs to no part ("public"). A round runs every part up to the earliest pending time
// plus the part's lookahead, on any thread, then public events, then delivers what parts sent each other. Events between
// parts get their place among events of equal time at the end of the round, so results differ from the default kernel's,
// but not with the number of threads. A public event runs when every part has done everything up to its time: stopping
// needs no more than that.
//
// The kernel has to be chosen before anything asks ns-3's Simulator for anything, or ns-3 makes the default one (what
// happens to the published RDMA program on UNISON). So the running kernel is asked what it is.
#ifndef MIXLAB_KERNEL_H
#define MIXLAB_KERNEL_H

#include "partition.h"

#include "ns3/event-id.h"

#include <cstdint>
#include <string>

namespace mixlab
{

/// Fails unless ns-3 runs this implementation of its simulator.
void CheckImplementation(const std::string& wanted);

class Kernel
{
  public:
    /// Chooses the kernel; `threads` is 1 with the default one. Must come before anything is scheduled.
    Kernel(const Scenario& scenario, const Partition& partition, uint32_t threads);
    ~Kernel();

    /// `default` or `mtp`.
    static const char* Name();

    /// Runs all events up to and at `until` (ns, not in the past); the clock is there afterwards. Returns false if
    /// StopNow() ended it earlier. Multithreaded: to be called once.
    bool RunUntil(uint64_t until);

    /// Ends RunUntil after the running event, which is a public one if the kernel is multithreaded.
    void StopNow();

  private:
    void ReachedUntil();

    ns3::EventId m_stop;
    bool m_reached = false;
};

} // namespace mixlab

#endif
