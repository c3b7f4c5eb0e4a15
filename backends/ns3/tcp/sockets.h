// What every TCP connection has in common: constants of the stack, where ns-3's own defaults suit wide-area networks.
#ifndef MIXLAB_TCP_SOCKETS_H
#define MIXLAB_TCP_SOCKETS_H

#include "scenario.h"

namespace mixlab
{

/// Sets ns-3's defaults for all sockets of the scenario. Before any socket is made.
void SetSocketDefaults(const Scenario& scenario);

/// Bytes a socket may hold unsent or unacknowledged, and may receive ahead of its application.
constexpr uint32_t SOCKET_BUFFER = 4U << 20;

} // namespace mixlab

#endif
