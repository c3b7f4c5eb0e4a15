// Units and arithmetic of the simulation: integer nanoseconds, bit/s and bytes, as the RDMA programs on ns-3.39 have them.
//
//   tx(bytes, rate) = floor(bytes * 8 * 10^9 / rate)   ns
//
// Rate times real and rate over real are computed in double and truncated. Plain IEEE doubles, evaluated left to right:
// the program must be built without fused multiply-add (no -march=native) to give the same bits everywhere.
#ifndef MIXLAB_UNITS_H
#define MIXLAB_UNITS_H

#include "ns3/nstime.h"
#include "ns3/simulator.h"

#include <cstdint>

namespace mixlab
{

/// The clock, in ns (ns-3's default resolution, which this program does not change).
inline uint64_t
Now()
{
    return static_cast<uint64_t>(ns3::Simulator::Now().GetTimeStep());
}

/// A time or duration of `ns` nanoseconds, as ns-3 writes it.
inline ns3::Time
Nanoseconds(uint64_t ns)
{
    return ns3::TimeStep(ns);
}

/// Time to put `bytes` on a wire of `rate` bit/s. PRECONDITION: bytes < 2^31 (checked when the scenario is read).
inline uint64_t
TransmissionTime(uint64_t bytes, uint64_t rate)
{
    return bytes * 8'000'000'000ULL / rate;
}

/// `rate` times `factor`, truncated to whole bit/s.
inline uint64_t
Scaled(uint64_t rate, double factor)
{
    return static_cast<uint64_t>(static_cast<double>(rate) * factor);
}

} // namespace mixlab

#endif
