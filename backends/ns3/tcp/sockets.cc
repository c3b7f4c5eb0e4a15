// Constants of the TCP stack (sockets.h). Times are for round trips of tens of microseconds.
#include "sockets.h"

#include "ns3/core-module.h"
#include "ns3/internet-module.h"

#include <algorithm>

namespace mixlab
{

namespace
{

/// RFC 6928, and what Linux has.
constexpr uint32_t INITIAL_WINDOW_SEGMENTS = 10;

/// ns-3's default is 1 s, a hundred thousand round trips. 1 ms is safe in data centres and cures the goodput collapse of incast
/// (Vasudevan et al., "Safe and Effective Fine-grained TCP Retransmissions for Datacenter Communication", SIGCOMM 2009). It is
/// also assumed before the first measurement, and for the SYN.
const ns3::Time MIN_RTO = ns3::MilliSeconds(1);

/// Granularity of the RTO's clock, as fine as the round trips (the same paper).
const ns3::Time RTO_CLOCK = ns3::MicroSeconds(1);

/// Every segment is acknowledged at once, as Linux does for a connection's first segments (most flows end there): no timer
/// decides when the sender of an odd number of segments has its last ACK, and DCTCP's estimate is exact.
constexpr uint32_t SEGMENTS_PER_ACK = 1;

/// Attempts before a connection is given up: Linux's tcp_retries2 and tcp_syn_retries.
constexpr uint32_t DATA_RETRIES = 15;
constexpr uint32_t SYN_RETRIES = 6;

/// How long a closed connection lingers, in s. No port is used twice, so nothing has to be waited for.
constexpr double SEGMENT_LIFETIME_S = 1e-4;

const char*
TypeOf(Control control)
{
    switch (control)
    {
    case Control::TcpDctcp:
        return "ns3::TcpDctcp";
    case Control::TcpCubic:
        return "ns3::TcpCubic";
    case Control::TcpBbr:
        return "ns3::TcpBbr";
    default:
        // As Linux counts; ns-3's DCTCP is derived from it, so the two differ in their reaction to marks alone.
        return "ns3::TcpLinuxReno";
    }
}

} // namespace

void
SetSocketDefaults(const Scenario& scenario)
{
    using ns3::BooleanValue;
    using ns3::StringValue;
    using ns3::TimeValue;
    using ns3::UintegerValue;
    const auto set = [](const char* name, const ns3::AttributeValue& value) { ns3::Config::SetDefault(name, value); };
    const Transport& transport = scenario.transport;
    set("ns3::TcpL4Protocol::SocketType", ns3::TypeIdValue(ns3::TypeId::LookupByName(TypeOf(transport.control.kind))));
    set("ns3::TcpSocket::SegmentSize", UintegerValue(static_cast<uint32_t>(transport.payload)));
    set("ns3::TcpSocket::SndBufSize", UintegerValue(SOCKET_BUFFER));
    set("ns3::TcpSocket::RcvBufSize", UintegerValue(SOCKET_BUFFER));
    set("ns3::TcpSocket::InitialCwnd", UintegerValue(INITIAL_WINDOW_SEGMENTS));
    set("ns3::TcpSocket::ConnTimeout", TimeValue(MIN_RTO));
    set("ns3::TcpSocket::ConnCount", UintegerValue(SYN_RETRIES));
    set("ns3::TcpSocket::DataRetries", UintegerValue(DATA_RETRIES));
    set("ns3::TcpSocket::DelAckCount", UintegerValue(SEGMENTS_PER_ACK));
    set("ns3::TcpSocketBase::MinRto", TimeValue(MIN_RTO));
    set("ns3::TcpSocketBase::ClockGranularity", TimeValue(RTO_CLOCK));
    set("ns3::RttEstimator::InitialEstimation", TimeValue(MIN_RTO));
    // ns-3's timestamps tick in milliseconds, and it would measure round trips with them.
    set("ns3::TcpSocketBase::Timestamp", BooleanValue(false));
    set("ns3::TcpSocketBase::Sack", BooleanValue(true));
    set("ns3::TcpSocketBase::MaxSegLifetime", ns3::DoubleValue(SEGMENT_LIFETIME_S));
    set("ns3::TcpSocketBase::UseEcn", StringValue(transport.ecn ? "On" : "Off"));
    // The default would hold BBR, which paces, at 4 Gb/s.
    set("ns3::TcpSocketState::MaxPacingRate", ns3::DataRateValue(ns3::DataRate(transport.maxRate)));
}

} // namespace mixlab
