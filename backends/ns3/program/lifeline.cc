// Watching the caller (lifeline.h).
#include "lifeline.h"

#include "ns3/log.h"

#include <thread>

#include <poll.h>
#include <unistd.h>

namespace mixlab
{

namespace
{
constexpr int CALLER_GONE = 3;
} // namespace

void
WatchCaller()
{
    std::thread([] {
        pollfd input{STDIN_FILENO, 0, 0};
        while (poll(&input, 1, -1) < 0 || (input.revents & (POLLHUP | POLLERR)) == 0)
        {
        }
        _exit(CALLER_GONE);
    }).detach();
}

std::string
BuildKind()
{
#ifdef NS3_LOG_ENABLE
    const char* logs = "logs";
#else
    const char* logs = "no-logs";
#endif
#ifdef NS3_ASSERT_ENABLE
    const char* asserts = "asserts";
#else
    const char* asserts = "no-asserts";
#endif
    return std::string(logs) + ' ' + asserts;
}

} // namespace mixlab
