// Hosts (host.h): selection of what to send, receiver, reaction to ACKs.
#include "host.h"

#include "events.h"

#include <algorithm>
#include <limits>

namespace mixlab
{

namespace
{
constexpr uint64_t NACK_INTERVAL_NS = 500'000;
constexpr int64_t NONE = -1;
} // namespace

Host::Host(uint32_t id, const Transport& transport, FlowObserver& observer)
    : Node(id),
      m_transport(transport),
      m_observer(observer)
{
}

void
Host::SetNic(std::unique_ptr<Port> nic)
{
    m_nic = std::move(nic);
}

void
Host::Start(Flow& flow)
{
    Sender& s = flow.sender;
    s.host = this;
    s.deviceRate = m_nic->Rate();
    s.maxRate = std::min(s.deviceRate, m_transport.maxRate);
    s.rate = s.maxRate;
    s.nextAvailable = Now();
    s.open = true;
    s.control = MakeCongestionControl(m_transport, s);
    m_senders.push_back(&flow);
    Kick(*m_nic);
}

void
Host::ChangeRate(Sender& s, uint64_t rate)
{
    s.nextAvailable += TransmissionTime(s.lastPacketBytes, rate) - TransmissionTime(s.lastPacketBytes, s.rate);
    if (m_wakeUp.IsRunning() && s.nextAvailable < m_wakeUp.GetTs())
    {
        m_wakeUp.Cancel();
        m_wakeUp = CallIn<&Host::WakeUp>(std::max(s.nextAvailable, Now()) - Now(), this);
    }
    s.rate = rate;
}

void
Host::Receive(Packet* packet, Port& port)
{
    switch (packet->kind)
    {
    case PacketKind::Pfc: {
        const bool pause = packet->pause;
        FreePacket(packet);
        if (m_transport.pfc)
        {
            port.paused = pause;
            if (!pause)
            {
                Kick(port);
            }
        }
        return;
    }
    case PacketKind::Data:
        return ReceiveData(packet);
    default:
        return ReceiveReply(packet);
    }
}

void
Host::Kick(Port& nic)
{
    if (nic.Busy())
    {
        return;
    }
    if (!m_replies.Empty() && (m_transport.ackHighPriority || !nic.paused))
    {
        nic.Send(m_replies.Pop());
        return;
    }
    const int64_t chosen = ChooseSender();
    if (chosen == NONE)
    {
        ArmWakeUp();
        return;
    }
    m_last = static_cast<uint32_t>(chosen);
    SendData(*m_senders[chosen]);
}

int64_t
Host::ChooseSender()
{
    const uint32_t n = m_senders.size();
    const uint64_t now = Now();
    uint32_t firstFinished = n;
    int64_t chosen = NONE;
    for (uint32_t step = 1; step <= n; ++step)
    {
        const uint32_t i = (m_last + step) % n;
        const Flow& flow = *m_senders[i];
        if (!m_nic->paused && flow.BytesLeft() > 0 && !WindowBound(flow))
        {
            if (flow.sender.nextAvailable <= now)
            {
                chosen = i;
                break;
            }
        }
        else if (flow.Finished())
        {
            firstFinished = std::min(firstFinished, i);
        }
    }
    if (firstFinished < n)
    {
        RemoveFinished(firstFinished, chosen);
    }
    return chosen;
}

void
Host::RemoveFinished(uint32_t from, int64_t& chosen)
{
    uint32_t kept = from;
    for (uint32_t i = from + 1; i < m_senders.size(); ++i)
    {
        if (m_senders[i]->Finished())
        {
            continue;
        }
        if (chosen == static_cast<int64_t>(i))
        {
            chosen = kept;
        }
        m_senders[kept++] = m_senders[i];
    }
    m_senders.resize(kept);
}

bool
Host::WindowBound(const Flow& flow) const
{
    if (m_transport.window == 0)
    {
        return false;
    }
    const Sender& s = flow.sender;
    uint64_t window = m_transport.window;
    if (m_transport.variableWindow)
    {
        window = static_cast<uint64_t>(static_cast<unsigned __int128>(window) * s.rate / s.maxRate);
        window = std::max<uint64_t>(window, 1);
    }
    return s.next - s.acknowledged >= window;
}

void
Host::SendData(Flow& flow)
{
    Sender& s = flow.sender;
    Packet* packet = NewPacket();
    packet->kind = PacketKind::Data;
    packet->flow = &flow;
    packet->sequence = s.next;
    packet->payload = static_cast<uint32_t>(std::min(m_transport.payload, flow.BytesLeft()));
    packet->wireBytes = packet->payload + m_transport.DataHeader();
    packet->sentAt = Now();
    s.next += packet->payload;
    s.lastPacketBytes = packet->wireBytes;
    m_nic->Send(packet);
    const uint64_t pace = m_transport.rateBound ? s.rate : s.maxRate;
    s.nextAvailable = Now() + TransmissionTime(s.lastPacketBytes, pace);
}

void
Host::ArmWakeUp()
{
    uint64_t earliest = std::numeric_limits<uint64_t>::max();
    for (const Flow* flow : m_senders)
    {
        if (flow->BytesLeft() > 0)
        {
            earliest = std::min(earliest, flow->sender.nextAvailable);
        }
    }
    const bool any = earliest != std::numeric_limits<uint64_t>::max();
    if (any && earliest > Now() && !m_wakeUp.IsRunning())
    {
        m_wakeUp = CallIn<&Host::WakeUp>(earliest - Now(), this);
    }
}

void
Host::WakeUp()
{
    Kick(*m_nic);
}

void
Host::ReceiveData(Packet* packet)
{
    Flow& flow = *packet->flow;
    Receiver& r = flow.receiver;
    if (packet->sequence == r.expected)
    {
        r.expected += packet->payload;
        Reply(*packet, PacketKind::Ack, r.expected);
    }
    else if (packet->sequence > r.expected && (Now() >= r.nackAllowed || r.lastNack != r.expected))
    {
        r.nackAllowed = Now() + NACK_INTERVAL_NS;
        r.lastNack = r.expected;
        Reply(*packet, PacketKind::Nack, r.expected);
    }
    FreePacket(packet);
    if (r.expected == flow.size && !flow.delivered)
    {
        flow.delivered = true;
        flow.deliveredAt = Now();
        m_observer.Delivered(flow);
    }
}

void
Host::Reply(const Packet& data, PacketKind kind, uint64_t expected)
{
    Packet* reply = NewPacket();
    reply->kind = kind;
    reply->flow = data.flow;
    reply->sequence = expected;
    reply->wireBytes = m_transport.AckBytes();
    reply->marked = data.marked;
    reply->sentAt = data.sentAt;
    if (data.telemetry.hops > 0)
    {
        reply->telemetry = data.telemetry;
    }
    m_replies.Push(reply);
    Kick(*m_nic);
}

void
Host::ReceiveReply(Packet* packet)
{
    Flow& flow = *packet->flow;
    Sender& s = flow.sender;
    if (!s.open)
    {
        FreePacket(packet);
        return;
    }
    s.acknowledged = std::max(s.acknowledged, packet->sequence);
    if (flow.Finished())
    {
        s.control->OnComplete();
        s.open = false;
        m_observer.Acknowledged(flow);
    }
    if (packet->kind == PacketKind::Nack)
    {
        s.next = s.acknowledged;
    }
    s.control->OnFeedback({packet->sequence, packet->marked, Now() - packet->sentAt, &packet->telemetry});
    FreePacket(packet);
    Kick(*m_nic);
}

} // namespace mixlab
