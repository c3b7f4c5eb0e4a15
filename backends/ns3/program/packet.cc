// The free list of packets; memory is kept until the process ends.
#include "packet.h"

namespace mixlab
{

namespace
{
Packet* g_free = nullptr;
} // namespace

Packet*
NewPacket()
{
    if (!g_free)
    {
        return new Packet();
    }
    Packet* packet = g_free;
    g_free = packet->next;
    const uint32_t hops = packet->telemetry.hops;
    packet->marked = packet->pause = false;
    packet->hop = 0;
    packet->sentAt = 0;
    packet->flow = nullptr;
    packet->ingress = nullptr;
    if (hops > 0)
    {
        packet->telemetry = Telemetry();
    }
    return packet;
}

void
FreePacket(Packet* packet)
{
    packet->next = g_free;
    g_free = packet;
}

} // namespace mixlab
