// Packets come from a pool (pool.h).
#include "packet.h"

#include "pool.h"

namespace mixlab
{

Packet*
NewPacket()
{
    Packet* packet = Pool<Packet>::Take();
    if (!packet)
    {
        return new Packet();
    }
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
    Pool<Packet>::Give(packet);
}

} // namespace mixlab
