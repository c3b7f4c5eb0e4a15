// One flow: its definition, the sender's queue pair and the receiver's state.
#ifndef MIXLAB_FLOW_H
#define MIXLAB_FLOW_H

#include "congestion.h"

#include <cstdint>
#include <memory>
#include <vector>

namespace mixlab
{

class Host;

/// The sending end (a "queue pair"). Byte offsets are 64 bit and wrap like unsigned numbers: after going back, an ACK may
/// overtake `next`, and the window then counts as full, as in the original.
struct Sender
{
    Host* host = nullptr;
    uint64_t next = 0;           ///< first byte not sent yet
    uint64_t acknowledged = 0;   ///< first byte not acknowledged yet
    uint64_t rate = 0;           ///< current sending rate, bit/s
    uint64_t maxRate = 0;        ///< NIC rate or the transport's highest rate, whichever is lower
    uint64_t deviceRate = 0;     ///< NIC rate
    uint64_t nextAvailable = 0;  ///< earliest time of the next packet, ns
    uint32_t lastPacketBytes = 0;
    bool open = false;           ///< from creation to the last ACK
    std::unique_ptr<CongestionControl> control;
};

/// The receiving end.
struct Receiver
{
    uint64_t expected = 0;    ///< first byte not received in order
    uint64_t nackAllowed = 0; ///< ns from which the same NACK may be repeated
    uint64_t lastNack = 0;
};

struct Flow
{
    uint32_t index = 0; ///< its name in reports
    uint64_t id = 0;
    uint32_t src = 0;
    uint32_t dst = 0;
    uint64_t size = 0;
    uint64_t start = 0; ///< announced; replaced by the release time
    std::vector<uint32_t> path;
    std::vector<uint32_t> ackPath;
    bool released = false;
    bool delivered = false;
    bool wantsAcknowledged = true; ///< online: report the last ACK too
    uint64_t deliveredAt = 0;
    Sender sender;
    Receiver receiver;

    uint64_t BytesLeft() const
    {
        return size >= sender.next ? size - sender.next : 0;
    }

    bool Finished() const
    {
        return sender.acknowledged >= size;
    }
};

} // namespace mixlab

#endif
