// Runs a program that knows nothing of its caller and ends with it.
//
//   mixlab-guard PROGRAM ARGUMENT...
//
// The caller starts the guard in a process group of its own and holds the other end of its standard input. When that end
// closes, because the caller was killed, the guard kills the whole group, itself included. Otherwise it waits for the
// program and passes its exit status on (128 + signal if it was killed). The program's own standard input is empty.
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <thread>

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

namespace
{

constexpr int CANNOT_START = 127;

void
WatchCaller()
{
    std::thread([] {
        pollfd input{STDIN_FILENO, 0, 0};
        while (poll(&input, 1, -1) < 0 || (input.revents & (POLLHUP | POLLERR)) == 0)
        {
        }
        kill(0, SIGKILL);
    }).detach();
}

[[noreturn]] void
Become(char** arguments)
{
    const int nothing = open("/dev/null", O_RDONLY);
    if (nothing >= 0)
    {
        dup2(nothing, STDIN_FILENO);
        execv(arguments[0], arguments);
    }
    std::perror(arguments[0]);
    _exit(CANNOT_START);
}

} // namespace

int
main(int argc, char** argv)
{
    if (argc < 2)
    {
        std::fprintf(stderr, "usage: mixlab-guard PROGRAM ARGUMENT...\n");
        return 1;
    }
    const pid_t child = fork();
    if (child < 0)
    {
        std::perror("fork");
        return 1;
    }
    if (child == 0)
    {
        Become(argv + 1);
    }
    WatchCaller();
    int status = 0;
    while (waitpid(child, &status, 0) < 0)
    {
        if (errno != EINTR)
        {
            std::perror("waitpid");
            return 1;
        }
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
