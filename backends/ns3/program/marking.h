// Random numbers of probabilistic ECN marking. Each draw is the first uniform of a fresh MRG32k3a stream:
//
//   stream k, substream `run` of seed 1;  k starts at 9 N + 2 (N nodes) and grows by one per draw and per PFC frame
//
// as in the RDMA programs on ns-3.39, where every queue disc and frame made a new random variable. The generator is ns-3's
// own RngStream.
#ifndef MIXLAB_MARKING_H
#define MIXLAB_MARKING_H

#include "ns3/rng-stream.h"

#include <cstdint>

namespace mixlab
{

class MarkingStreams
{
  public:
    MarkingStreams(uint64_t nodes, uint64_t run)
        : m_next(9 * nodes + 2),
          m_run(run)
    {
    }

    /// Uses a stream up without drawing from it.
    void Skip()
    {
        ++m_next;
    }

    /// A uniform number in (0, 1).
    double Draw()
    {
        return ns3::RngStream(1, m_next++, m_run).RandU01();
    }

  private:
    uint64_t m_next;
    uint64_t m_run;
};

} // namespace mixlab

#endif
