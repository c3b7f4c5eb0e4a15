// Reader of the scenario file (format: scenario.h). Checks ranges and that paths join their ends, so that the simulation can
// rely on them.
#include "scenario.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <istream>
#include <map>
#include <stdexcept>

namespace mixlab
{

namespace
{

constexpr uint64_t MAX_PACKET = uint64_t{1} << 30;

[[noreturn]] void
Fail(const std::string& expected, const std::string& found)
{
    throw std::runtime_error("scenario: expected " + expected + ", found '" + found + "'");
}

uint32_t
Tail(const Scenario& s, uint32_t channel)
{
    const Link& link = s.links[channel / 2];
    return channel % 2 == 0 ? link.a : link.b;
}

std::vector<uint32_t>
ReadPath(Words& words, const Scenario& s, uint32_t from, uint32_t to)
{
    std::vector<uint32_t> path(words.NumberBelow("number of channels", 1024));
    uint32_t at = from;
    uint32_t back = UINT32_MAX; // the channel that would undo the last step
    for (uint32_t& channel : path)
    {
        channel = static_cast<uint32_t>(words.NumberBelow("channel", 2 * s.links.size()));
        if (Tail(s, channel) != at || channel == back)
        {
            Fail("a channel that leads on from node " + std::to_string(at), std::to_string(channel));
        }
        back = channel ^ 1;
        at = Tail(s, channel ^ 1);
        if (at != to && !s.isSwitch[at])
        {
            Fail("a path over switches", "node " + std::to_string(at));
        }
    }
    if (at != to || path.empty())
    {
        Fail("a path to node " + std::to_string(to), "one to node " + std::to_string(at));
    }
    return path;
}

void
ReadTopology(Words& words, Scenario& s)
{
    words.Expect("nodes");
    s.nodes = static_cast<uint32_t>(words.NumberBelow("number of nodes", 1U << 24));
    s.isSwitch.assign(s.nodes, false);
    words.Expect("switches");
    for (uint64_t n = words.Number("number of switches"); n > 0; --n)
    {
        s.isSwitch[words.NumberBelow("switch", s.nodes)] = true;
    }
    words.Expect("links");
    s.links.resize(words.NumberBelow("number of links", 1U << 28));
    std::vector<uint32_t> degree(s.nodes, 0);
    for (Link& link : s.links)
    {
        link.a = static_cast<uint32_t>(words.NumberBelow("node", s.nodes));
        link.b = static_cast<uint32_t>(words.NumberBelow("node", s.nodes));
        link.rate = words.Number("rate");
        link.delay = words.Number("delay");
        if (link.rate == 0)
        {
            Fail("a rate above 0", "0");
        }
        ++degree[link.a];
        ++degree[link.b];
    }
    for (uint32_t node = 0; node < s.nodes; ++node)
    {
        if (!s.isSwitch[node] && degree[node] != 1)
        {
            Fail("one link at host " + std::to_string(node), std::to_string(degree[node]));
        }
    }
}

void
ReadDcqcn(Words& words, ControlParameters& c)
{
    c.kind = Control::Dcqcn;
    c.gain = words.Real("gain");
    c.alphaInterval = words.Number("alpha interval");
    c.decreaseInterval = words.Number("decrease interval");
    c.increaseInterval = words.Number("increase interval");
    c.fastRecoveryRounds = static_cast<uint32_t>(words.Number("fast recovery rounds"));
    c.additive = words.Number("additive increase");
    c.hyper = words.Number("hyper increase");
    c.clampTarget = words.Flag("clamp target");
    if (c.alphaInterval == 0 || c.decreaseInterval == 0 || c.increaseInterval == 0)
    {
        Fail("DCQCN intervals above 0", "0");
    }
}

/// The line of a TCP variant: `NAME QUEUE [TIME TIME]`. Returns whether `name` is one.
bool
ReadTcp(Words& words, const std::string& name, ControlParameters& c)
{
    static const std::map<std::string, Control> variants = {{"tcp-dctcp", Control::TcpDctcp},
                                                            {"tcp-cubic", Control::TcpCubic},
                                                            {"tcp-bbr", Control::TcpBbr},
                                                            {"tcp-newreno", Control::TcpNewReno}};
    static const std::map<std::string, Queue> queues = {{"fifo", Queue::Fifo},
                                                        {"red", Queue::Red},
                                                        {"codel", Queue::CoDel},
                                                        {"fq-codel", Queue::FqCoDel},
                                                        {"pie", Queue::Pie}};
    const auto variant = variants.find(name);
    if (variant == variants.end())
    {
        return false;
    }
    c.kind = variant->second;
    const std::string queue = words.Word("queue discipline");
    const auto found = queues.find(queue);
    if (found == queues.end())
    {
        Fail("fifo, red, codel, fq-codel or pie", queue);
    }
    c.queue = found->second;
    for (uint64_t& time : c.queueTimes)
    {
        if (c.queue != Queue::Fifo && c.queue != Queue::Red)
        {
            time = words.Number("time of a queue discipline");
            if (time == 0)
            {
                Fail("times of a queue discipline above 0", "0");
            }
        }
    }
    return true;
}

void
ReadControl(Words& words, ControlParameters& c)
{
    words.Expect("congestion_control");
    const std::string name = words.Word("congestion control");
    if (name == "dctcp")
    {
        c.kind = Control::Dctcp;
        c.gain = words.Real("gain");
        c.additive = words.Number("additive increase");
    }
    else if (name == "dcqcn")
    {
        ReadDcqcn(words, c);
    }
    else if (name == "hp")
    {
        c.kind = Control::Hpcc;
        c.targetUtilisation = words.Real("target utilisation");
        c.additive = words.Number("additive increase");
        c.additiveStages = static_cast<uint32_t>(words.Number("additive stages"));
        c.telemetryMultiplier = static_cast<uint32_t>(words.Number("telemetry multiplier"));
        c.fastReaction = words.Flag("fast reaction");
        c.perHopRate = words.Flag("per-hop rate");
        if (c.telemetryMultiplier == 0)
        {
            Fail("a telemetry multiplier above 0", "0");
        }
    }
    else if (name == "timely")
    {
        c.kind = Control::Timely;
        c.tLow = words.Number("lower RTT threshold");
        c.tHigh = words.Number("upper RTT threshold");
        c.beta = words.Real("beta");
        c.additive = words.Number("additive increase");
        c.hyper = words.Number("hyper increase");
    }
    else if (!ReadTcp(words, name, c))
    {
        Fail("dctcp, dcqcn, hp, timely or a tcp-* variant", name);
    }
}

uint64_t
Keyed(Words& words, const char* key)
{
    words.Expect(key);
    return words.Number(key);
}

bool
KeyedFlag(Words& words, const char* key)
{
    words.Expect(key);
    return words.Flag(key);
}

void
ReadTransport(Words& words, Transport& t)
{
    t.payload = Keyed(words, "payload");
    t.window = Keyed(words, "window");
    t.variableWindow = KeyedFlag(words, "variable_window");
    t.minRate = Keyed(words, "min_rate");
    t.maxRate = Keyed(words, "max_rate");
    t.rateBound = KeyedFlag(words, "rate_bound");
    t.ackHighPriority = KeyedFlag(words, "ack_high_priority");
    t.pfc = KeyedFlag(words, "pfc");
    t.ecn = KeyedFlag(words, "ecn");
    t.buffer = Keyed(words, "buffer");
    t.rngRun = Keyed(words, "rng_run");
    t.baseRtt = Keyed(words, "base_rtt");
    words.Expect("marking");
    t.marking.resize(words.NumberBelow("number of marking lines", 1024));
    for (Marking& m : t.marking)
    {
        m.rate = words.Number("rate");
        m.kMin = words.Number("lower threshold");
        m.kMax = words.Number("upper threshold");
        m.pMax = words.Real("largest probability");
    }
    ReadControl(words, t.control);
    if (t.payload == 0 || t.payload > MAX_PACKET)
    {
        Fail("a payload of 1 byte to 1 GiB", std::to_string(t.payload));
    }
    if (t.maxRate == 0 || t.minRate > t.maxRate)
    {
        Fail("min_rate at most max_rate, which is above 0", std::to_string(t.minRate));
    }
}

} // namespace

uint32_t
Transport::TelemetryBytes() const
{
    switch (control.kind)
    {
    case Control::Timely:
        return 8;
    case Control::Hpcc:
        return 42;
    default:
        return 0;
    }
}

uint32_t
Transport::DataHeader() const
{
    return 48 + TelemetryBytes();
}

uint32_t
Transport::AckBytes() const
{
    return std::max<uint32_t>(60, 46 + TelemetryBytes());
}

bool
Transport::IsTcp() const
{
    return control.kind >= Control::TcpDctcp;
}

Words::Words(std::istream& in)
    : m_in(in)
{
}

std::string
Words::Word(const char* what)
{
    std::string word;
    if (!(m_in >> word))
    {
        Fail(what, "end of text");
    }
    return word;
}

void
Words::Expect(const char* expected)
{
    const std::string quoted = std::string("'") + expected + "'";
    const std::string word = Word(quoted.c_str());
    if (word != expected)
    {
        Fail(quoted, word);
    }
}

uint64_t
Words::Number(const char* what)
{
    const std::string word = Word(what);
    const bool digits = std::all_of(word.begin(), word.end(), [](char c) { return c >= '0' && c <= '9'; });
    errno = 0;
    const uint64_t number = std::strtoull(word.c_str(), nullptr, 10);
    if (!digits || errno != 0)
    {
        Fail(std::string(what) + " as a number", word);
    }
    return number;
}

uint64_t
Words::NumberBelow(const char* what, uint64_t limit)
{
    const uint64_t number = Number(what);
    if (number >= limit)
    {
        Fail(std::string(what) + " below " + std::to_string(limit), std::to_string(number));
    }
    return number;
}

double
Words::Real(const char* what)
{
    const std::string word = Word(what);
    char* end = nullptr;
    const double real = std::strtod(word.c_str(), &end);
    if (*end != '\0')
    {
        Fail(std::string(what) + " as a real number", word);
    }
    return real;
}

bool
Words::Flag(const char* what)
{
    return NumberBelow(what, 2) == 1;
}

FlowLine
ReadFlow(Words& words, const Scenario& s)
{
    FlowLine flow;
    flow.id = words.Number("flow id");
    flow.src = static_cast<uint32_t>(words.NumberBelow("source", s.nodes));
    flow.dst = static_cast<uint32_t>(words.NumberBelow("destination", s.nodes));
    flow.size = words.Number("size");
    flow.start = words.Number("start");
    if (s.isSwitch[flow.src] || s.isSwitch[flow.dst] || flow.src == flow.dst || flow.size == 0)
    {
        Fail("a flow of at least 1 byte between two hosts", "flow " + std::to_string(flow.id));
    }
    flow.path = ReadPath(words, s, flow.src, flow.dst);
    flow.ackPath = ReadPath(words, s, flow.dst, flow.src);
    return flow;
}

Scenario
ReadScenario(std::istream& in)
{
    Words words(in);
    Scenario s;
    words.Expect("mixlab-ns3");
    words.Expect("1");
    ReadTopology(words, s);
    ReadTransport(words, s.transport);
    words.Expect("application");
    const std::string application = words.Word("application");
    if (application == "closed")
    {
        s.maxInflight = static_cast<uint32_t>(words.NumberBelow("limit", uint64_t{1} << 32));
        s.hostsPerGroup = static_cast<uint32_t>(words.NumberBelow("hosts per group", uint64_t{1} << 32));
        if (s.maxInflight == 0 || s.hostsPerGroup == 0)
        {
            Fail("a closed loop with limits above 0", "0");
        }
    }
    else if (application != "open")
    {
        Fail("open or closed", application);
    }
    s.horizon = Keyed(words, "horizon");
    const uint64_t flows = Keyed(words, "flows");
    uint64_t last = 0;
    for (uint64_t i = 0; i < flows; ++i)
    {
        s.flows.push_back(ReadFlow(words, s));
        if (s.flows.back().start < last)
        {
            Fail("flows sorted by start", "flow " + std::to_string(s.flows.back().id));
        }
        last = s.flows.back().start;
    }
    words.Expect("end");
    return s;
}

} // namespace mixlab
