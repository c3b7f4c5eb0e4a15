// HPCC (CC_MODE 3): the rate follows the utilisation U of the busiest hop, computed from two telemetry records of it.
//
//   U_i = (bytes sent * 8 / tau) / C + min(q, q') * maxRate / C / W0       (so queues count in windows, as in the original)
//   u   = (u (T - dt) + U dt) / T,  dt = min(tau of the busiest hop, T)
//   R   = Rc / (u / eta) + AI   if u >= eta or enough additive stages have passed,  else Rc + AI
//
// Once per RTT (an ACK beyond what was sent at the last update) Rc becomes R; in fast reaction every ACK sets the rate from
// the same Rc. With one rate per hop, u and Rc exist per hop and the smallest R counts.
#include "flow.h"
#include "host.h"
#include "units.h"

#include <algorithm>

namespace mixlab
{

namespace
{

class Hpcc : public CongestionControl
{
  public:
    Hpcc(const Transport& transport, Sender& sender)
        : m_transport(transport),
          m_control(transport.control),
          m_sender(sender),
          m_whole{1, sender.rate, 0}
    {
        m_perHop.fill(m_whole);
    }

    void OnFeedback(const Feedback& f) override
    {
        const bool full = f.acknowledged > m_updateAt;
        if (!full && !m_control.fastReaction)
        {
            return;
        }
        if (m_updateAt == 0)
        {
            m_updateAt = m_sender.next;
            m_seen = f.telemetry->hop;
            return;
        }
        if (f.telemetry->hops <= TELEMETRY_HOPS)
        {
            m_control.perHopRate ? ReactPerHop(*f.telemetry, full) : React(*f.telemetry, full);
        }
        if (full)
        {
            m_updateAt = std::max(m_updateAt, m_sender.next);
        }
    }

  private:
    /// Smoothed utilisation, reference rate and additive stages passed: of the path, or of one hop.
    struct State
    {
        double utilisation;
        uint64_t rate;
        uint32_t stage;
    };

    struct Sample
    {
        double utilisation;
        uint64_t interval;
    };

    /// Utilisation of a hop since its last record, which the new one replaces.
    Sample Measure(const HopRecord& now, HopRecord& before) const
    {
        const uint64_t multiplier = m_control.telemetryMultiplier;
        const uint64_t tau = (now.time - before.time) & 0xffffff;
        const uint64_t bytes = ((now.bytes - before.bytes) & 0xfffff) * 128 * multiplier;
        const double capacity = static_cast<double>(now.lineRate);
        const double sent = static_cast<double>(bytes * 8) / (static_cast<double>(tau) * 1e-9);
        const double waiting = static_cast<double>(std::min(now.queue, before.queue) * 80 * multiplier);
        before = now;
        const double queued =
            waiting * static_cast<double>(m_sender.maxRate) / capacity / static_cast<double>(m_transport.window);
        return {sent / capacity + queued, tau};
    }

    /// The rate the rule gives, and the additive stage after it.
    std::pair<uint64_t, uint32_t> NextRate(const State& state) const
    {
        const double ratio = state.utilisation / m_control.targetUtilisation;
        uint64_t rate = state.rate + m_control.additive;
        uint32_t stage = state.stage + 1;
        if (ratio >= 1 || state.stage >= m_control.additiveStages)
        {
            rate = static_cast<uint64_t>(static_cast<double>(state.rate) / ratio) + m_control.additive;
            stage = 0;
        }
        return {std::min(std::max(rate, m_transport.minRate), m_sender.maxRate), stage};
    }

    void Smooth(State& state, double utilisation, uint64_t interval) const
    {
        const uint64_t rtt = m_transport.baseRtt;
        const uint64_t dt = std::min(interval, rtt);
        state.utilisation = (state.utilisation * (rtt - dt) + utilisation * dt) / static_cast<double>(rtt);
    }

    void React(const Telemetry& telemetry, bool full)
    {
        Sample busiest{0, 0};
        for (uint32_t i = 0; i < telemetry.hops; ++i)
        {
            const Sample sample = Measure(telemetry.hop[i], m_seen[i]);
            if (sample.utilisation > busiest.utilisation)
            {
                busiest = sample;
            }
        }
        if (telemetry.hops == 0)
        {
            return;
        }
        Smooth(m_whole, busiest.utilisation, busiest.interval);
        const auto [rate, stage] = NextRate(m_whole);
        m_sender.host->ChangeRate(m_sender, rate);
        if (full)
        {
            m_whole.rate = rate;
            m_whole.stage = stage;
        }
    }

    void ReactPerHop(const Telemetry& telemetry, bool full)
    {
        uint64_t lowest = m_sender.maxRate;
        for (uint32_t i = 0; i < telemetry.hops; ++i)
        {
            const Sample sample = Measure(telemetry.hop[i], m_seen[i]);
            State& state = m_perHop[i];
            Smooth(state, sample.utilisation, sample.interval);
            const auto [rate, stage] = NextRate(state);
            lowest = std::min(lowest, rate);
            if (full)
            {
                state.rate = rate;
                state.stage = stage;
            }
        }
        if (telemetry.hops > 0)
        {
            m_sender.host->ChangeRate(m_sender, lowest);
        }
    }

    const Transport& m_transport;
    const ControlParameters& m_control;
    Sender& m_sender;
    State m_whole;
    std::array<State, TELEMETRY_HOPS> m_perHop;
    std::array<HopRecord, TELEMETRY_HOPS> m_seen{};
    uint64_t m_updateAt = 0;
};

} // namespace

std::unique_ptr<CongestionControl>
MakeHpcc(const Transport& transport, Sender& sender)
{
    return std::make_unique<Hpcc>(transport, sender);
}

std::unique_ptr<CongestionControl>
MakeCongestionControl(const Transport& transport, Sender& sender)
{
    switch (transport.control.kind)
    {
    case Control::Dctcp:
        return MakeDctcp(transport, sender);
    case Control::Dcqcn:
        return MakeDcqcn(transport, sender);
    case Control::Hpcc:
        return MakeHpcc(transport, sender);
    case Control::Timely:
        return MakeTimely(transport, sender);
    }
    return nullptr;
}

} // namespace mixlab
