// DCQCN, the "Mellanox" variant (CC_MODE 1): three timers per sender, started by the first congestion mark.
//
//   alpha timer:     alpha = (1 - g) alpha + (mark seen since ? g : 0)
//   decrease timer:  if a mark was seen since: target = rate (unless this is the first stage), rate = rate (1 - alpha / 2)
//   increase timer:  target += 0, AI or HAI by stage; rate = rate / 2 + target / 2
//
// Timers re-arm before they act. A mark on the very last ACK starts timers that nobody stops, as in the original; they
// cost events and change nothing. A timer that finds nothing else alive ends the simulation; in a network of parts no part
// can know that, and the session looks from time to time (session.cc).
#include "events.h"
#include "flow.h"

#include <algorithm>

namespace mixlab
{

namespace
{

class Dcqcn : public CongestionControl
{
  public:
    Dcqcn(const Transport& transport, Sender& sender)
        : m_transport(transport),
          m_control(transport.control),
          m_sender(sender),
          m_target(sender.rate)
    {
    }

    void OnFeedback(const Feedback& f) override
    {
        if (!f.congestion)
        {
            return;
        }
        m_alphaMark = true;
        m_decreaseMark = true;
        if (m_first)
        {
            m_alpha = 1;
            m_alphaMark = false;
            ArmAlpha();
            m_decreaseTimer = CallIn<&Dcqcn::Decrease, PooledEvent>(m_control.decreaseInterval + 1, this);
            m_target = m_sender.rate;
            m_first = false;
        }
    }

    void OnComplete() override
    {
        m_alphaTimer.Cancel();
        m_decreaseTimer.Cancel();
        m_increaseTimer.Cancel();
    }

  private:
    void ArmAlpha()
    {
        m_alphaTimer = CallIn<&Dcqcn::UpdateAlpha, PooledEvent>(m_control.alphaInterval, this);
    }

    void UpdateAlpha()
    {
        ArmAlpha();
        const double g = m_control.gain;
        m_alpha = (1 - g) * m_alpha + (m_alphaMark ? g : 0);
        m_alphaMark = false;
        if constexpr (!PARTITIONED)
        {
            StopIfNothingCanHappen();
        }
    }

    void Decrease()
    {
        m_decreaseTimer = CallIn<&Dcqcn::Decrease, PooledEvent>(m_control.decreaseInterval, this);
        if (!m_decreaseMark)
        {
            return;
        }
        if (m_control.clampTarget || m_stage != 0)
        {
            m_target = m_sender.rate;
        }
        m_sender.rate = std::max(m_transport.minRate, Scaled(m_sender.rate, 1 - m_alpha / 2));
        m_stage = 0;
        m_decreaseMark = false;
        m_increaseTimer.Cancel();
        ArmIncrease();
    }

    void ArmIncrease()
    {
        m_increaseTimer = CallIn<&Dcqcn::Increase, PooledEvent>(m_control.increaseInterval, this);
    }

    void Increase()
    {
        ArmIncrease();
        if (m_stage == m_control.fastRecoveryRounds)
        {
            m_target = std::min(m_target + m_control.additive, m_sender.deviceRate);
        }
        else if (m_stage > m_control.fastRecoveryRounds)
        {
            m_target = std::min(m_target + m_control.hyper, m_sender.deviceRate);
        }
        m_sender.rate = m_sender.rate / 2 + m_target / 2;
        ++m_stage;
    }

    void StopIfNothingCanHappen()
    {
        if (g_stopWhenIdle && LiveEvents::Total() == 0)
        {
            ns3::Simulator::Stop();
        }
    }

    const Transport& m_transport;
    const ControlParameters& m_control;
    Sender& m_sender;
    uint64_t m_target;
    double m_alpha = 1;
    bool m_first = true;
    bool m_alphaMark = false;
    bool m_decreaseMark = false;
    uint32_t m_stage = 0;
    ns3::EventId m_alphaTimer;
    ns3::EventId m_decreaseTimer;
    ns3::EventId m_increaseTimer;
};

} // namespace

std::unique_ptr<CongestionControl>
MakeDcqcn(const Transport& transport, Sender& sender)
{
    return std::make_unique<Dcqcn>(transport, sender);
}

} // namespace mixlab
