// What the program does for its caller: a whole scenario at once, or step by step on request.
//
// Batch: prints one line per delivered flow, in order of delivery, then what is known of the others, counters and an end
// marker with the number of delivered flows; without the marker the output is not complete:
//
//   flow INDEX ID START_NS FCT_NS
//   unfinished INDEX ID START_NS | unfinished INDEX ID -
//   counters EVENTS PACKETS MARKS PAUSES DROPS
//   end DELIVERED
//
// Online: the scenario has no flows; requests come one per line on standard input:
//
//   flow INDEX WANTS_ACKNOWLEDGED ID SRC DST SIZE START N CHANNEL... M CHANNEL...   no answer
//   until NS       -> delivered INDEX NS | acknowledged INDEX NS | none NS
//   counters       -> counters EVENTS PACKETS MARKS PAUSES DROPS
//   quit           -> end DELIVERED, and the program ends
//
// With the multithreaded kernel (kernel.h) there is batch only. Deliveries happen on any thread, so they are gathered, and
// printed by public events that come from time to time, in order of time, then index. The same events end the simulation
// when all flows are acknowledged or nothing can happen any more.
#ifndef MIXLAB_SESSION_H
#define MIXLAB_SESSION_H

#include "kernel.h"
#include "network.h"

#include <iosfwd>
#include <mutex>
#include <string>
#include <vector>

namespace mixlab
{

class Session : private FlowObserver
{
  public:
    /// `threads` is 1 with the default kernel.
    Session(const Scenario& scenario, uint32_t threads, std::ostream& out);

    /// Simulates the scenario's flows to the end or to the horizon.
    void Batch();

    /// Serves requests until `quit` or the end of `in`.
    void Online(std::istream& in);

  private:
    void Delivered(Flow& flow) override;
    void Acknowledged(Flow& flow) override;
    void Look();
    void Print(const Flow& flow);
    void PrintGathered();
    void Serve(Words& words, const std::string& request);
    void Advance(uint64_t until);
    void PrintCounters();

    const Scenario& m_scenario;
    Partition m_partition;
    std::ostream& m_out;
    Kernel m_kernel;
    Network m_network;
    bool m_online = false;
    uint64_t m_delivered = 0;
    uint64_t m_acknowledged = 0;
    std::mutex m_gathering;              ///< multithreaded: guards what parts report
    std::vector<const Flow*> m_gathered; ///< multithreaded: delivered and not printed yet
    const char* m_event = nullptr; ///< online: what ended the last advance
    uint32_t m_eventFlow = 0;
};

} // namespace mixlab

#endif
