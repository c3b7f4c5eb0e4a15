// A port: the sending end of one channel. Store and forward, one packet at a time:
//
//   start of transmission, + tx: the port is free again, + tx + delay: the peer has the packet
//
// The two events are inserted in this order. Both directions of a link are two ports that know each other.
#ifndef MIXLAB_PORT_H
#define MIXLAB_PORT_H

#include "packet.h"

#include <cstdint>

namespace mixlab
{

class Port;

/// A host or switch, as its ports see it.
class Node
{
  public:
    explicit Node(uint32_t id)
        : m_id(id)
    {
    }

    virtual ~Node() = default;

    /// Takes a packet that came in through `port`.
    virtual void Receive(Packet* packet, Port& port) = 0;

    /// `port` may have become able to send.
    virtual void Kick(Port& port) = 0;

    uint32_t Id() const
    {
        return m_id;
    }

    /// Notes that something happens at time `now`; fails if something later has happened already, which would mean that
    /// parts of the network ran too far ahead of each other.
    void Witness(uint64_t now);

  private:
    uint32_t m_id;
    uint64_t m_latest = 0;
};

/// What all ports count together.
struct PortCounters
{
    uint64_t packets = 0; ///< transmissions of data, ACKs and NACKs
    uint64_t marks = 0;
    uint64_t pauses = 0;
    uint64_t drops = 0;
};

class Port
{
  public:
    Port(Node& owner, uint64_t rate, uint64_t delay, PortCounters& counters);
    virtual ~Port() = default;

    /// Joins the two directions of a link.
    static void Join(Port& a, Port& b);

    /// Puts a packet on the wire. PRECONDITION: not Busy().
    void Send(Packet* packet);

    bool Busy() const
    {
        return m_busy;
    }

    uint64_t Rate() const
    {
        return m_rate;
    }

    uint64_t Delay() const
    {
        return m_delay;
    }

    bool paused = false; ///< the peer has paused data (and ACKs that travel among data)

  private:
    void Done();
    void Arrive(Packet* packet);

    Node& m_owner;
    Port* m_peer = nullptr;
    uint64_t m_rate;
    uint64_t m_delay;
    bool m_busy = false;
    PortCounters& m_counters;
};

} // namespace mixlab

#endif
