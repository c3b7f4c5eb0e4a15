// The scenario as this program reads it: topology, transport, flows and their paths, written by mixlab as one text file.
//
//   mixlab-ns3 1                              format and version
//   nodes N / switches S id... / links L      then L lines `a b rate_bps delay_ns`; link k is channels 2k (a to b), 2k+1
//   transport lines (one key and its values each), in the order of ReadTransport
//   application open | closed LIMIT HOSTS_PER_GROUP
//   horizon NS
//   flows F                                   then F lines `id src dst size start_ns n channel... m channel...`
//   end
//
// Anything else is an error that names the word expected and the word found.
#ifndef MIXLAB_SCENARIO_H
#define MIXLAB_SCENARIO_H

#include <cstdint>
#include <iosfwd>
#include <string>
#include <vector>

namespace mixlab
{

/// A cable; both directions are alike.
struct Link
{
    uint32_t a;
    uint32_t b;
    uint64_t rate;
    uint64_t delay;
};

/// ECN thresholds (bytes) of ports of one rate.
struct Marking
{
    uint64_t rate;
    uint64_t kMin;
    uint64_t kMax;
    double pMax;
};

enum class Control
{
    Dctcp,
    Dcqcn,
    Hpcc,
    Timely,
    TcpDctcp,
    TcpCubic,
    TcpBbr,
    TcpNewReno,
};

/// Queue disciplines under TCP.
enum class Queue
{
    Fifo,
    Red,
    CoDel,
    FqCoDel,
    Pie,
};

/// Parameters of the congestion control in use; the others stay zero. Rates in bit/s, times in ns.
struct ControlParameters
{
    Control kind = Control::Dctcp;
    double gain = 0;
    uint64_t additive = 0;
    uint64_t hyper = 0;
    uint64_t alphaInterval = 0;
    uint64_t decreaseInterval = 0;
    uint64_t increaseInterval = 0;
    uint32_t fastRecoveryRounds = 0;
    bool clampTarget = false;
    double targetUtilisation = 0;
    uint32_t additiveStages = 0;
    uint32_t telemetryMultiplier = 1;
    bool fastReaction = false;
    bool perHopRate = false;
    uint64_t tLow = 0;
    uint64_t tHigh = 0;
    double beta = 0;
    Queue queue = Queue::Fifo;
    uint64_t queueTimes[2] = {0, 0}; ///< CoDel: target and interval; PIE: target and update interval
};

struct Transport
{
    uint64_t payload = 0;
    uint64_t window = 0; ///< bytes; 0 = unlimited
    bool variableWindow = false;
    uint64_t minRate = 0;
    uint64_t maxRate = 0;
    bool rateBound = false;
    bool ackHighPriority = false;
    bool pfc = false;
    bool ecn = false;
    uint64_t buffer = 0;
    uint64_t rngRun = 1;
    uint64_t baseRtt = 0;
    std::vector<Marking> marking;
    ControlParameters control;

    uint32_t TelemetryBytes() const;
    uint32_t DataHeader() const;
    uint32_t AckBytes() const;
    bool IsTcp() const;
};

struct FlowLine
{
    uint64_t id;
    uint32_t src;
    uint32_t dst;
    uint64_t size;
    uint64_t start;
    std::vector<uint32_t> path;
    std::vector<uint32_t> ackPath;
};

struct Scenario
{
    uint32_t nodes = 0;
    std::vector<bool> isSwitch;
    std::vector<Link> links;
    Transport transport;
    uint32_t maxInflight = 0; ///< closed loop: flows a group may have outstanding; 0 = open
    uint32_t hostsPerGroup = 1;
    uint64_t horizon = 0;
    std::vector<FlowLine> flows;
};

/// Reads words and numbers; every failure throws std::runtime_error with what was expected and found.
class Words
{
  public:
    explicit Words(std::istream& in);

    std::string Word(const char* what);
    void Expect(const char* word);
    uint64_t Number(const char* what);
    uint64_t NumberBelow(const char* what, uint64_t limit);
    double Real(const char* what);
    bool Flag(const char* what);

  private:
    std::istream& m_in;
};

/// Reads a whole scenario file.
Scenario ReadScenario(std::istream& in);

/// Reads one flow line and checks it against the topology.
FlowLine ReadFlow(Words& words, const Scenario& scenario);

} // namespace mixlab

#endif
