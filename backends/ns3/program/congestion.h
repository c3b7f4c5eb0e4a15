// Congestion control of one sender: how its rate follows ACKs. Four rules, as in the RDMA stack of the HPCC family of ns-3
// programs: DCTCP (CC_MODE 8), DCQCN (1), HPCC (3) and TIMELY (7). Rates stay within [minRate, the sender's maxRate].
#ifndef MIXLAB_CONGESTION_H
#define MIXLAB_CONGESTION_H

#include "packet.h"
#include "scenario.h"

#include <memory>

namespace mixlab
{

struct Sender;

/// What an ACK or NACK tells.
struct Feedback
{
    uint64_t acknowledged;      ///< next byte the receiver expects
    bool congestion;            ///< the data packet was marked
    uint64_t rtt;               ///< TIMELY: since the data packet's transmission began, ns
    const Telemetry* telemetry; ///< HPCC: what switches wrote on the way
};

class CongestionControl
{
  public:
    virtual ~CongestionControl() = default;

    /// Reacts to an ACK or NACK, after the sender's window has moved.
    virtual void OnFeedback(const Feedback& feedback) = 0;

    /// The last ACK has arrived (its OnFeedback follows, as in the original).
    virtual void OnComplete()
    {
    }
};

std::unique_ptr<CongestionControl> MakeDctcp(const Transport& transport, Sender& sender);
std::unique_ptr<CongestionControl> MakeDcqcn(const Transport& transport, Sender& sender);
std::unique_ptr<CongestionControl> MakeHpcc(const Transport& transport, Sender& sender);
std::unique_ptr<CongestionControl> MakeTimely(const Transport& transport, Sender& sender);

/// The congestion control the transport asks for, in its initial state. Both references must outlive it.
std::unique_ptr<CongestionControl> MakeCongestionControl(const Transport& transport, Sender& sender);

} // namespace mixlab

#endif
