// What both programs do for their caller: end with it, and say how they were built.
#ifndef MIXLAB_LIFELINE_H
#define MIXLAB_LIFELINE_H

#include <string>

namespace mixlab
{

/// Ends the process with status 3 when the other end of standard input, a pipe, closes: a killed caller leaves no orphan.
void WatchCaller();

/// Whether ns-3's headers have logs and assertions compiled in.
std::string BuildKind();

} // namespace mixlab

#endif
