// Switches (switch.h).
#include "switch.h"

#include "flow.h"
#include "units.h"

#include <algorithm>
#include <stdexcept>

namespace mixlab
{

namespace
{

constexpr uint64_t HEADROOM_CONSTANT = 3860;
constexpr uint64_t HEADROOM_RATE_CAP = 10'000'000'000ULL;
constexpr uint64_t LOSSLESS_CLASSES = 2;
constexpr double HEADROOM_SHARE = 0.8;
constexpr uint64_t RESUME_BELOW = 1248;
constexpr uint64_t RESUME_MARGIN = 2496;
constexpr uint64_t EGRESS_ALPHA = 10'000;

uint64_t
Minus(uint64_t a, uint64_t b)
{
    return a > b ? a - b : 0;
}

/// The delay enters as ns-3's Time::GetSeconds gives it: seconds in 64.64 fixed point, rounded down, then as a double. That makes
/// the result a byte smaller than the formula at 10 Gb/s and 1 us (8455), and that byte decides when pauses are sent.
uint64_t
Headroom(uint64_t payload, uint64_t rate, uint64_t delay)
{
    using Wide = unsigned __int128;
    const double seconds = static_cast<double>((static_cast<Wide>(delay) << 64) / 1'000'000'000ULL) / 0x1p64;
    const double inFlight = 2.0 * static_cast<double>(std::min(rate, HEADROOM_RATE_CAP)) * seconds / 8.0;
    return static_cast<uint64_t>(static_cast<double>(2 * (payload + 48) + HEADROOM_CONSTANT) + inFlight);
}

/// Rates the telemetry header has a code for; others are written as 0, as in the original.
uint64_t
CodedRate(uint64_t rate)
{
    constexpr uint64_t G = 1'000'000'000ULL;
    for (const uint64_t coded : {25 * G, 50 * G, 100 * G, 200 * G, 400 * G, 10 * G, 100'000 * G, 40 * G})
    {
        if (rate == coded)
        {
            return rate;
        }
    }
    return 0;
}

} // namespace

Switch::Switch(uint32_t id, const Transport& transport, MarkingStreams& streams, PortCounters& counters)
    : Node(id),
      m_transport(transport),
      m_streams(streams),
      m_counters(counters)
{
}

SwitchPort&
Switch::AddPort(uint64_t rate, uint64_t delay)
{
    m_ports.push_back(std::make_unique<SwitchPort>(*this, rate, delay, m_counters));
    SwitchPort& port = *m_ports.back();
    port.headroom = Headroom(m_transport.payload, rate, delay);
    for (const Marking& m : m_transport.marking)
    {
        if (m.rate == rate && !port.marking)
        {
            port.marking = &m;
        }
    }
    if (m_transport.ecn && !port.marking)
    {
        throw std::runtime_error("no marking thresholds for links of " + std::to_string(rate) + " bit/s");
    }
    return port;
}

void
Switch::SizeBuffer()
{
    m_headroomTotal = 0;
    for (const auto& port : m_ports)
    {
        m_headroomTotal += LOSSLESS_CLASSES * port->headroom;
    }
    const uint64_t buffer = m_transport.buffer;
    m_pool = buffer - std::min(m_headroomTotal, static_cast<uint64_t>(HEADROOM_SHARE * static_cast<double>(buffer)));
}

void
Switch::SetPortsByChannel(const std::vector<Port*>* ports)
{
    m_portsByChannel = ports;
}

void
Switch::Receive(Packet* packet, Port& port)
{
    auto& in = static_cast<SwitchPort&>(port);
    if (packet->kind == PacketKind::Pfc)
    {
        const bool pause = packet->pause;
        FreePacket(packet);
        if (m_transport.pfc)
        {
            in.paused = pause;
            if (!pause)
            {
                Kick(in);
            }
        }
        return;
    }
    SwitchPort& out = NextHop(*packet);
    packet->ingress = &in;
    if (packet->kind != PacketKind::Data && m_transport.ackHighPriority)
    {
        out.control.Push(packet);
    }
    else
    {
        if (!Admits(packet->wireBytes, in, out))
        {
            ++m_counters.drops;
            FreePacket(packet);
            return;
        }
        Hold(packet->wireBytes, in, out);
        if (!in.pausedPeer && in.heldHeadroom > 0)
        {
            in.pausedPeer = true;
            SendPfc(in, true);
        }
        out.data.Push(packet);
    }
    out.queuedBytes += packet->wireBytes;
    Kick(out);
}

SwitchPort&
Switch::NextHop(Packet& packet) const
{
    const Flow& flow = *packet.flow;
    const std::vector<uint32_t>& path = packet.kind == PacketKind::Data ? flow.path : flow.ackPath;
    return static_cast<SwitchPort&>(*(*m_portsByChannel)[path[++packet.hop]]);
}

void
Switch::Kick(Port& port)
{
    if (port.Busy())
    {
        return;
    }
    auto& out = static_cast<SwitchPort&>(port);
    Packet* packet = nullptr;
    if (!out.control.Empty())
    {
        packet = out.control.Pop();
        out.queuedBytes -= packet->wireBytes;
    }
    else if (!out.data.Empty() && !out.paused)
    {
        packet = out.data.Pop();
        out.queuedBytes -= packet->wireBytes;
        Release(packet->wireBytes, *packet->ingress, out);
        MarkIfCongested(*packet, out);
        ResumeIfDrained(*packet->ingress);
    }
    else
    {
        return;
    }
    if (packet->kind == PacketKind::Data && m_transport.control.kind == Control::Hpcc)
    {
        Stamp(*packet, out);
    }
    out.sentBytes += packet->wireBytes;
    out.Send(packet);
}

bool
Switch::Admits(uint64_t s, const SwitchPort& in, const SwitchPort& out) const
{
    const uint64_t buffer = m_transport.buffer;
    const bool headroomFull =
        in.heldHeadroom > 0 && (s + in.heldHeadroom > in.headroom || s + m_usedHeadroom > m_headroomTotal);
    const bool bufferFull = s + m_used > m_pool + m_headroomTotal || s + m_used > buffer;
    const bool egressFull = s + out.dataBytes > EGRESS_ALPHA * Minus(buffer, m_usedEgress) || s + m_usedEgress > buffer;
    return !headroomFull && !bufferFull && !egressFull;
}

void
Switch::Hold(uint64_t s, SwitchPort& in, SwitchPort& out)
{
    in.held += s;
    m_used += s;
    if (in.heldHeadroom > 0 || in.held > Threshold())
    {
        in.heldHeadroom += s;
        m_usedHeadroom += s;
    }
    out.dataBytes += s;
    m_usedEgress += s;
}

void
Switch::Release(uint64_t s, SwitchPort& in, SwitchPort& out)
{
    in.held -= s;
    m_used -= s;
    const uint64_t fromHeadroom = std::min(in.heldHeadroom, s);
    in.heldHeadroom -= fromHeadroom;
    m_usedHeadroom -= fromHeadroom;
    out.dataBytes -= s;
    m_usedEgress -= s;
}

uint64_t
Switch::Threshold() const
{
    return Minus(m_pool, m_used - m_usedHeadroom);
}

void
Switch::SendPfc(SwitchPort& port, bool pause)
{
    m_streams.Skip();
    m_counters.pauses += pause ? 1 : 0;
    Packet* frame = NewPacket();
    frame->kind = PacketKind::Pfc;
    frame->pause = pause;
    frame->wireBytes = PFC_BYTES;
    port.control.Push(frame);
    port.queuedBytes += PFC_BYTES;
    Kick(port);
}

void
Switch::MarkIfCongested(Packet& packet, const SwitchPort& out)
{
    if (!m_transport.ecn)
    {
        return;
    }
    const Marking& m = *out.marking;
    const uint64_t queued = out.dataBytes;
    bool mark = queued > m.kMax;
    if (!mark && queued > m.kMin)
    {
        const double p = m.pMax * static_cast<double>(queued - m.kMin) / static_cast<double>(m.kMax - m.kMin);
        mark = m_streams.Draw() < p;
    }
    if (mark)
    {
        ++m_counters.marks;
        // An ACK's own mark is never read: its flag reports the mark of the data packet it answers.
        packet.marked = packet.marked || packet.kind == PacketKind::Data;
    }
}

void
Switch::ResumeIfDrained(SwitchPort& in)
{
    if (in.pausedPeer && in.heldHeadroom == 0 &&
        (in.held < RESUME_BELOW || in.held + RESUME_MARGIN <= Threshold()))
    {
        in.pausedPeer = false;
        SendPfc(in, false);
    }
}

void
Switch::Stamp(Packet& packet, const SwitchPort& out) const
{
    const uint64_t multiplier = m_transport.control.telemetryMultiplier;
    HopRecord& record = packet.telemetry.hop[packet.telemetry.hops++ % TELEMETRY_HOPS];
    record.lineRate = CodedRate(out.Rate());
    record.time = static_cast<uint32_t>(Now() & 0xffffff);
    record.bytes = static_cast<uint32_t>(out.sentBytes / (128 * multiplier) & 0xfffff);
    record.queue = static_cast<uint32_t>(out.queuedBytes / (80 * multiplier) & 0x1ffff);
}

} // namespace mixlab
