// The parts of the network that ns-3's multithreaded kernel may simulate at the same time.
//
// Parts exchange packets over the links between them and nothing else, so each may run ahead of its neighbours by the
// shortest delay of its cut links. The rule looks at the scenario only, never at the number of threads, which therefore
// cannot change results. Together stay:
//
//   a host and its switch (a rack has enough events for one part, and hardly any for each of its hosts)
//   the hosts of a group of the closed loop, which release each other's flows without delay
//   switches joined by a link faster than half the longest delay between switches, or without delay
//
// Everything else is cut. With the default kernel there is one part.
#ifndef MIXLAB_PARTITION_H
#define MIXLAB_PARTITION_H

#include "scenario.h"

#include <cstdint>
#include <vector>

namespace mixlab
{

class Partition
{
  public:
    explicit Partition(const Scenario& scenario);

    /// How many parts there are; at least one.
    uint32_t Parts() const
    {
        return m_parts;
    }

    /// The part of a node, from 0.
    uint32_t PartOf(uint32_t node) const
    {
        return m_partOf[node];
    }

    bool Together(uint32_t a, uint32_t b) const
    {
        return m_partOf[a] == m_partOf[b];
    }

  private:
    uint32_t Root(uint32_t node);
    void Join(uint32_t a, uint32_t b);
    void JoinLinks(const Scenario& scenario);
    void JoinGroups(const Scenario& scenario);
    void NumberParts();

    std::vector<uint32_t> m_partOf; ///< while parts are joined: another node of the same part, or the node itself
    uint32_t m_parts = 0;
};

} // namespace mixlab

#endif
