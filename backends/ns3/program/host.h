// A host: one NIC that sends ACKs first, then data of its senders round robin, each paced at its rate and held by its window;
// and the receiver side, which acknowledges every packet in order and asks to go back otherwise.
//
// Faithful to the RDMA stack of the HPCC family, oddities included (they decide ties, and ties decide FCTs):
// the round-robin place survives the removal of finished senders without being moved, and no wake-up is armed while any
// sender with bytes left could have been sent by time (a window-bound one, say). There is no retransmission timeout.
#ifndef MIXLAB_HOST_H
#define MIXLAB_HOST_H

#include "flow.h"
#include "port.h"

#include "ns3/event-id.h"

#include <memory>
#include <vector>

namespace mixlab
{

/// Who wants to know what happens to flows.
class FlowObserver
{
  public:
    virtual ~FlowObserver() = default;

    /// The receiver has the last byte.
    virtual void Delivered(Flow& flow) = 0;

    /// The sender has the last ACK; called before congestion control sees it.
    virtual void Acknowledged(Flow& flow) = 0;
};

class Host : public Node
{
  public:
    Host(uint32_t id, const Transport& transport, FlowObserver& observer);

    /// The NIC, made by the network. Must be called once, before anything else.
    void SetNic(std::unique_ptr<Port> nic);

    /// Creates the queue pair of a released flow and tries to send.
    void Start(Flow& flow);

    /// Sets a rate and moves the sender's next transmission as if the last packet had been paced at it (HPCC).
    void ChangeRate(Sender& sender, uint64_t rate);

    void Receive(Packet* packet, Port& port) override;
    void Kick(Port& port) override;

  private:
    int64_t ChooseSender();
    void RemoveFinished(uint32_t from, int64_t& chosen);
    bool WindowBound(const Flow& flow) const;
    void SendData(Flow& flow);
    void ArmWakeUp();
    void WakeUp();
    void ReceiveData(Packet* packet);
    void Reply(const Packet& data, PacketKind kind, uint64_t expected);
    void ReceiveReply(Packet* packet);

    const Transport& m_transport;
    FlowObserver& m_observer;
    std::unique_ptr<Port> m_nic;
    PacketQueue m_replies;
    std::vector<Flow*> m_senders;
    uint32_t m_last = 0; ///< round-robin place
    ns3::EventId m_wakeUp;
};

} // namespace mixlab

#endif
