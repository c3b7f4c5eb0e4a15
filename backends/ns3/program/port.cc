// Ports on ns-3's event kernel (port.h).
#include "port.h"

#include "events.h"

#include <stdexcept>

namespace mixlab
{

void
Node::Witness(uint64_t now)
{
    if (now < m_latest)
    {
        throw std::logic_error("node " + std::to_string(m_id) + " received a packet of its past");
    }
    m_latest = now;
}

Port::Port(Node& owner, uint64_t rate, uint64_t delay, PortCounters& counters)
    : m_owner(owner),
      m_rate(rate),
      m_delay(delay),
      m_counters(counters)
{
}

void
Port::Join(Port& a, Port& b)
{
    a.m_peer = &b;
    b.m_peer = &a;
}

void
Port::Send(Packet* packet)
{
    m_busy = true;
    m_counters.packets += packet->kind == PacketKind::Pfc ? 0 : 1;
    const uint64_t tx = TransmissionTime(packet->wireBytes, m_rate);
    CallAt<&Port::Done>(m_owner.Id(), tx, this);
    CallAt<&Port::Arrive>(m_peer->m_owner.Id(), tx + m_delay, m_peer, packet);
}

void
Port::Done()
{
    m_busy = false;
    m_owner.Kick(*this);
}

void
Port::Arrive(Packet* packet)
{
    if constexpr (PARTITIONED)
    {
        m_owner.Witness(Now());
    }
    m_owner.Receive(packet, *this);
}

} // namespace mixlab
