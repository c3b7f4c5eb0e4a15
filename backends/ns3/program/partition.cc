// Joining nodes to parts (partition.h): a forest of nodes, each pointing towards the root of its part.
#include "partition.h"

#include "pool.h"

#include <algorithm>
#include <numeric>

namespace mixlab
{

Partition::Partition(const Scenario& scenario)
    : m_partOf(scenario.nodes, 0)
{
    if constexpr (PARTITIONED)
    {
        std::iota(m_partOf.begin(), m_partOf.end(), 0);
        JoinLinks(scenario);
        JoinGroups(scenario);
        NumberParts();
    }
    m_parts = std::max(m_parts, 1U);
}

uint32_t
Partition::Root(uint32_t node)
{
    while (m_partOf[node] != node)
    {
        m_partOf[node] = m_partOf[m_partOf[node]];
        node = m_partOf[node];
    }
    return node;
}

/// The root is the lowest node of a part.
void
Partition::Join(uint32_t a, uint32_t b)
{
    const auto [low, high] = std::minmax({Root(a), Root(b)});
    m_partOf[high] = low;
}

void
Partition::JoinLinks(const Scenario& scenario)
{
    const auto betweenSwitches = [&](const Link& link) { return scenario.isSwitch[link.a] && scenario.isSwitch[link.b]; };
    uint64_t longest = 0;
    for (const Link& link : scenario.links)
    {
        longest = betweenSwitches(link) ? std::max(longest, link.delay) : longest;
    }
    for (const Link& link : scenario.links)
    {
        if (!betweenSwitches(link) || link.delay == 0 || link.delay < longest / 2)
        {
            Join(link.a, link.b);
        }
    }
}

void
Partition::JoinGroups(const Scenario& scenario)
{
    if (scenario.maxInflight == 0)
    {
        return;
    }
    std::vector<uint32_t> first(scenario.nodes / scenario.hostsPerGroup + 1, scenario.nodes);
    for (uint32_t node = 0; node < scenario.nodes; ++node)
    {
        uint32_t& representative = first[node / scenario.hostsPerGroup];
        if (scenario.isSwitch[node])
        {
            continue;
        }
        representative = std::min(representative, node);
        Join(representative, node);
    }
}

void
Partition::NumberParts()
{
    std::vector<uint32_t> roots(m_partOf.size());
    std::vector<uint32_t> number(m_partOf.size());
    for (uint32_t node = 0; node < roots.size(); ++node)
    {
        roots[node] = Root(node);
        if (roots[node] == node)
        {
            number[node] = m_parts++;
        }
    }
    for (uint32_t node = 0; node < roots.size(); ++node)
    {
        m_partOf[node] = number[roots[node]];
    }
}

} // namespace mixlab
