// Packets: what is on a wire or in a queue.
//
// Bytes on the wire: data = payload + 48 + telemetry; ACK and NACK = max(60, 46 + telemetry); PFC = 43. Telemetry is 8 bytes
// for TIMELY (a timestamp), 42 for HPCC (five hop records) and none otherwise. Checksums, TTL and addresses play no role
// and are left out; packets are routed by the channels of their flow's path.
#ifndef MIXLAB_PACKET_H
#define MIXLAB_PACKET_H

#include <array>
#include <cstdint>

namespace mixlab
{

struct Flow;
class SwitchPort;

/// Bytes of a PFC frame on the wire.
constexpr uint32_t PFC_BYTES = 43;
/// Hop records an HPCC packet has room for.
constexpr uint32_t TELEMETRY_HOPS = 5;

/// What a switch writes into an HPCC packet: fields as wide as in the header.
struct HopRecord
{
    uint64_t lineRate = 0; ///< bit/s of the output port, 0 for a rate the header has no code for
    uint32_t time = 0;     ///< ns mod 2^24
    uint32_t bytes = 0;    ///< bytes the port has sent, in units of 128 * multiplier, mod 2^20
    uint32_t queue = 0;    ///< bytes waiting at the port, in units of 80 * multiplier, mod 2^17
};

/// Hop records of one packet; `hops` counts on beyond the room there is.
struct Telemetry
{
    uint32_t hops = 0;
    std::array<HopRecord, TELEMETRY_HOPS> hop{};
};

enum class PacketKind : uint8_t
{
    Data,
    Ack,
    Nack,
    Pfc,
};

struct Packet
{
    PacketKind kind = PacketKind::Data;
    bool marked = false;           ///< data: ECN bits; ACK: the data packet had them
    bool pause = false;            ///< PFC: pause (else resume)
    uint32_t wireBytes = 0;
    uint32_t payload = 0;          ///< data: application bytes
    uint32_t hop = 0;              ///< channels of the path crossed or being crossed, minus one
    uint64_t sequence = 0;         ///< data: first byte; ACK: next byte expected
    uint64_t sentAt = 0;           ///< TIMELY: start of the data packet's first transmission
    Flow* flow = nullptr;          ///< none for PFC
    SwitchPort* ingress = nullptr; ///< port through which the switch that holds it received it
    Packet* next = nullptr;        ///< link of the queue it is in
    Telemetry telemetry;
};

/// A blank packet from the pool.
Packet* NewPacket();

/// Gives a packet back.
void FreePacket(Packet* packet);

/// First in, first out, without limits (admission control is where packets are dropped).
class PacketQueue
{
  public:
    bool Empty() const
    {
        return m_head == nullptr;
    }

    void Push(Packet* packet)
    {
        packet->next = nullptr;
        (m_head ? m_tail->next : m_head) = packet;
        m_tail = packet;
    }

    Packet* Pop()
    {
        Packet* packet = m_head;
        m_head = packet->next;
        return packet;
    }

  private:
    Packet* m_head = nullptr;
    Packet* m_tail = nullptr;
};

} // namespace mixlab

#endif
