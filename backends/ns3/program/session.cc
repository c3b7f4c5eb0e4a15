// Batch and online sessions (session.h).
#include "session.h"

#include "events.h"

#include <algorithm>
#include <istream>
#include <ostream>
#include <sstream>
#include <stdexcept>
#include <tuple>

namespace mixlab
{

namespace
{

/// Looks per run at most. Each is a round of the multithreaded kernel, which costs some microseconds.
constexpr uint64_t MOST_LOOKS = 10'000;
/// ns between looks at least.
constexpr uint64_t SHORTEST_INTERVAL = 100'000;

} // namespace

Session::Session(const Scenario& scenario, uint32_t threads, std::ostream& out)
    : m_scenario(scenario),
      m_partition(scenario),
      m_out(out),
      m_kernel(scenario, m_partition, threads),
      m_network(scenario, m_partition, *this)
{
}

void
Session::Batch()
{
    for (const FlowLine& line : m_scenario.flows)
    {
        m_network.Announce(static_cast<uint32_t>(m_network.Flows().size()), line);
    }
    g_stopWhenIdle = true;
    if (!m_scenario.flows.empty())
    {
        if constexpr (PARTITIONED)
        {
            m_network.StartReaders();
            Look();
        }
        m_kernel.RunUntil(m_scenario.horizon);
        PrintGathered();
    }
    for (const Flow& flow : m_network.Flows())
    {
        if (!flow.delivered)
        {
            m_out << "unfinished " << flow.index << ' ' << flow.id << ' '
                  << (flow.released ? std::to_string(flow.start) : "-") << '\n';
        }
    }
    PrintCounters();
    m_out << "end " << m_delivered << std::endl;
}

void
Session::Look()
{
    PrintGathered();
    if (m_acknowledged == m_scenario.flows.size() || LiveEvents::Total() == 0)
    {
        m_kernel.StopNow();
        return;
    }
    const uint64_t interval = std::max(m_scenario.horizon / MOST_LOOKS, SHORTEST_INTERVAL);
    CallIn<&Session::Look, PooledEvent>(interval, this);
}

void
Session::PrintGathered()
{
    std::sort(m_gathered.begin(), m_gathered.end(), [](const Flow* a, const Flow* b) {
        return std::tie(a->deliveredAt, a->index) < std::tie(b->deliveredAt, b->index);
    });
    for (const Flow* flow : m_gathered)
    {
        Print(*flow);
    }
    m_gathered.clear();
}

void
Session::Print(const Flow& flow)
{
    ++m_delivered;
    m_out << "flow " << flow.index << ' ' << flow.id << ' ' << flow.start << ' ' << flow.deliveredAt - flow.start
          << '\n';
}

void
Session::Online(std::istream& in)
{
    if constexpr (PARTITIONED)
    {
        throw std::runtime_error("the multithreaded kernel runs batches only");
    }
    m_online = true;
    std::string line;
    while (std::getline(in >> std::ws, line))
    {
        std::istringstream text(line);
        Words words(text);
        const std::string request = words.Word("a request");
        if (request == "quit")
        {
            m_out << "end " << m_delivered << std::endl;
            return;
        }
        Serve(words, request);
    }
}

void
Session::Serve(Words& words, const std::string& request)
{
    if (request == "flow")
    {
        const auto index = static_cast<uint32_t>(words.NumberBelow("index", uint64_t{1} << 32));
        const bool wants = words.Flag("whether the last ACK is reported");
        const FlowLine flow = ReadFlow(words, m_scenario);
        if (flow.start < Now())
        {
            throw std::runtime_error("flow " + std::to_string(flow.id) + " starts in the past");
        }
        m_network.Announce(index, flow).wantsAcknowledged = wants;
    }
    else if (request == "until")
    {
        Advance(words.Number("time"));
    }
    else if (request == "counters")
    {
        PrintCounters();
        m_out.flush();
    }
    else
    {
        throw std::runtime_error("unknown request '" + request + "'");
    }
}

void
Session::Advance(uint64_t until)
{
    m_event = nullptr;
    if (until >= Now())
    {
        m_kernel.RunUntil(until);
    }
    if (m_event)
    {
        m_out << m_event << ' ' << m_eventFlow << ' ' << Now() << std::endl;
    }
    else
    {
        m_out << "none " << Now() << std::endl;
    }
}

void
Session::PrintCounters()
{
    const PortCounters c = m_network.Counters();
    m_out << "counters " << ns3::Simulator::GetEventCount() << ' ' << c.packets << ' ' << c.marks << ' ' << c.pauses
          << ' ' << c.drops << '\n';
}

void
Session::Delivered(Flow& flow)
{
    if constexpr (PARTITIONED)
    {
        const std::lock_guard<std::mutex> lock(m_gathering);
        m_gathered.push_back(&flow);
        return;
    }
    if (m_online)
    {
        ++m_delivered;
        m_event = "delivered";
        m_eventFlow = flow.index;
        m_kernel.StopNow();
        return;
    }
    Print(flow);
}

void
Session::Acknowledged(Flow& flow)
{
    if constexpr (PARTITIONED)
    {
        const std::lock_guard<std::mutex> lock(m_gathering);
        ++m_acknowledged;
        return;
    }
    ++m_acknowledged;
    if (m_online)
    {
        if (flow.wantsAcknowledged)
        {
            m_event = "acknowledged";
            m_eventFlow = flow.index;
            m_kernel.StopNow();
        }
    }
    else if (m_acknowledged == m_scenario.flows.size())
    {
        m_kernel.StopNow(); // nothing that is reported can change any more
    }
}

} // namespace mixlab
