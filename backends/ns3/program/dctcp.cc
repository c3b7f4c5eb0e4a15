// DCTCP over RDMA (CC_MODE 8). Per batch of about one window:
//
//   alpha = (1 - g) alpha + g min(1, marked / batch)
//
// A marked ACK outside recovery cuts the rate to rate (1 - alpha / 2) and enters recovery until all that was in flight is
// acknowledged; outside recovery every new batch adds AI.
#include "flow.h"
#include "units.h"

#include <algorithm>

namespace mixlab
{

namespace
{

class Dctcp : public CongestionControl
{
  public:
    Dctcp(const Transport& transport, Sender& sender)
        : m_transport(transport),
          m_sender(sender)
    {
    }

    void OnFeedback(const Feedback& f) override
    {
        Sender& s = m_sender;
        m_marked += f.congestion ? 1 : 0;
        const bool newBatch = f.acknowledged > m_batchEnd;
        if (newBatch)
        {
            StartBatch(f.acknowledged);
        }
        if (m_recovering && f.acknowledged > m_recoveryEnd)
        {
            m_recovering = false;
        }
        if (f.congestion && !m_recovering)
        {
            s.rate = std::max(m_transport.minRate, Scaled(s.rate, 1 - m_alpha / 2));
            m_recovering = true;
            m_recoveryEnd = s.next;
        }
        if (!m_recovering && newBatch)
        {
            s.rate = std::min(s.maxRate, s.rate + m_transport.control.additive);
        }
    }

  private:
    void StartBatch(uint64_t acknowledged)
    {
        const double g = m_transport.control.gain;
        uint64_t inFlight = m_sender.next;
        if (m_batchEnd != 0)
        {
            const double fraction = std::min(1.0, static_cast<double>(m_marked) / m_batch);
            m_alpha = (1 - g) * m_alpha + g * fraction;
            m_marked = 0; // not in the first batch: as in the original
            inFlight = m_sender.next - acknowledged;
        }
        m_batchEnd = m_sender.next;
        m_batch = static_cast<uint32_t>(inFlight / m_transport.payload + 1);
    }

    const Transport& m_transport;
    Sender& m_sender;
    double m_alpha = 1;
    uint32_t m_marked = 0;
    uint32_t m_batch = 0;
    uint64_t m_batchEnd = 0;
    bool m_recovering = false;
    uint64_t m_recoveryEnd = 0;
};

} // namespace

std::unique_ptr<CongestionControl>
MakeDctcp(const Transport& transport, Sender& sender)
{
    return std::make_unique<Dctcp>(transport, sender);
}

} // namespace mixlab
