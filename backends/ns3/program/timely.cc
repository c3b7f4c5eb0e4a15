// TIMELY (CC_MODE 7): the rate follows the RTT and its gradient, about once per RTT.
//
//   d = 0.125 d + 0.875 (rtt - last rtt),  gradient = d / 20 us
//   rtt < T_low: up; rtt > T_high: times 1 - beta (1 - T_high / rtt); gradient <= 0: up; else times 1 - beta gradient
//
// "Up" adds AI, or HAI after five increases in a row. The normaliser 20 us is a constant of the original.
#include "flow.h"
#include "units.h"

#include <algorithm>

namespace mixlab
{

namespace
{

constexpr double WEIGHT = 0.875;
constexpr double MIN_RTT_NS = 20'000;
constexpr uint32_t HYPER_AFTER = 5;

class Timely : public CongestionControl
{
  public:
    Timely(const Transport& transport, Sender& sender)
        : m_transport(transport),
          m_sender(sender),
          m_current(sender.rate)
    {
    }

    void OnFeedback(const Feedback& f) override
    {
        if (f.acknowledged <= m_updateAt)
        {
            return;
        }
        if (m_updateAt != 0)
        {
            Update(f.rtt);
        }
        if (m_sender.next > m_updateAt)
        {
            m_updateAt = m_sender.next;
            m_lastRtt = f.rtt;
        }
    }

  private:
    void Update(uint64_t rtt)
    {
        const ControlParameters& c = m_transport.control;
        const double step = static_cast<double>(static_cast<int64_t>(rtt) - static_cast<int64_t>(m_lastRtt));
        m_difference = (1 - WEIGHT) * m_difference + WEIGHT * step;
        const double gradient = m_difference / MIN_RTT_NS;
        if (rtt < c.tLow)
        {
            Up();
        }
        else if (rtt > c.tHigh)
        {
            Down(1 - c.beta * (1 - static_cast<double>(c.tHigh) / rtt));
        }
        else if (gradient <= 0)
        {
            Up();
        }
        else
        {
            Down(std::max(0.0, 1 - c.beta * gradient));
        }
        m_current = m_sender.rate;
    }

    void Up()
    {
        const ControlParameters& c = m_transport.control;
        m_sender.rate = std::min(m_sender.maxRate, m_current + (m_increases < HYPER_AFTER ? c.additive : c.hyper));
        ++m_increases;
    }

    void Down(double factor)
    {
        m_sender.rate = std::max(m_transport.minRate, Scaled(m_current, factor));
        m_increases = 0;
    }

    const Transport& m_transport;
    Sender& m_sender;
    uint64_t m_current;
    uint64_t m_updateAt = 0;
    uint64_t m_lastRtt = 0;
    double m_difference = 0;
    uint32_t m_increases = 0;
};

} // namespace

std::unique_ptr<CongestionControl>
MakeTimely(const Transport& transport, Sender& sender)
{
    return std::make_unique<Timely>(transport, sender);
}

} // namespace mixlab
