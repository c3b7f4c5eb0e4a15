/* A disk and a clock that fail on demand: loaded before libc into the real program (LD_PRELOAD).
 *
 * Calls on paths below MIXLAB_FAULT_UNDER are counted if they are of a kind in MIXLAB_FAULT_CALLS (any of these letters):
 *
 *   o open for writing   w write   r read   s fsync, fdatasync   t change of length   n mkdir, rename, unlink, rmdir
 *   m map of a -shm file   p open of a -shm file   l lock   c reading of the wall clock (on no path)
 *
 * Call number MIXLAB_FAULT_AT fails with the error number MIXLAB_FAULT_FIRST, all later ones with MIXLAB_FAULT_THEN; 0 = does
 * not fail, -1 = writes one half of what it should. The clock is then MIXLAB_FAULT_SHIFT seconds off instead. Each fault adds
 * the line "LETTER NUMBER PATH" to the file MIXLAB_FAULT_REPORT, the end of the program the line "count CALLS".
 *
 * Left out: calls that libc makes inside itself, and those without libc.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define NO_FAULT 0
#define SHORT (-1)

static const char *under, *calls, *report;
static long at, first, then, shift;
static atomic_long counted;

static long
number(const char *name)
{
    const char *text = getenv(name);
    return text ? strtol(text, NULL, 10) : 0;
}

__attribute__((constructor)) static void
begin(void)
{
    under = getenv("MIXLAB_FAULT_UNDER");
    calls = getenv("MIXLAB_FAULT_CALLS");
    report = getenv("MIXLAB_FAULT_REPORT");
    at = number("MIXLAB_FAULT_AT");
    first = number("MIXLAB_FAULT_FIRST");
    then = number("MIXLAB_FAULT_THEN");
    shift = number("MIXLAB_FAULT_SHIFT");
}

/* Straight to the kernel: a report must not be counted. */
static void
say(const char *line, size_t length)
{
    if (!report)
        return;
    int kept = errno;
    long file = syscall(SYS_openat, AT_FDCWD, report, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (file >= 0)
    {
        syscall(SYS_write, file, line, length);
        syscall(SYS_close, file);
    }
    errno = kept;
}

__attribute__((destructor)) static void
end(void)
{
    char line[64];
    say(line, snprintf(line, sizeof line, "count %ld\n", atomic_load(&counted)));
}

/* What happens to a call of a kind on a path (NULL = on none): NO_FAULT, SHORT or an error number. */
static long
fate(char kind, const char *path)
{
    if (!calls || !strchr(calls, kind))
        return NO_FAULT;
    if (path && (!under || strncmp(path, under, strlen(under)) != 0))
        return NO_FAULT;
    long n = atomic_fetch_add(&counted, 1) + 1;
    if (at == 0 || n < at)
        return NO_FAULT;
    long verdict = n == at ? first : then;
    if (verdict != NO_FAULT)
    {
        char line[PATH_MAX + 64];
        say(line, snprintf(line, sizeof line, "%c %ld %s\n", kind, n, path ? path : "-"));
    }
    return verdict;
}

static const char *
path_of(int fd, char *path)
{
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    long length = syscall(SYS_readlinkat, AT_FDCWD, link, path, PATH_MAX - 1);
    path[length > 0 ? length : 0] = 0;
    return path;
}

static const char *
absolute(int dir, const char *name, char *path)
{
    if (name[0] == '/')
        return name;
    char folder[PATH_MAX];
    if (dir == AT_FDCWD)
        folder[syscall(SYS_getcwd, folder, sizeof folder) > 0 ? strlen(folder) : 0] = 0;
    else
        path_of(dir, folder);
    snprintf(path, PATH_MAX, "%.*s/%s", PATH_MAX / 2, folder, strncmp(name, "./", 2) ? name : name + 2);
    return path;
}

static int
is_shm(const char *path)
{
    size_t length = strlen(path);
    return length > 4 && strcmp(path + length - 4, "-shm") == 0;
}

static long
fate_of_open(int dir, const char *name, int flags)
{
    char space[PATH_MAX];
    const char *path = absolute(dir, name, space);
    long verdict = is_shm(path) ? fate('p', path) : NO_FAULT;
    if (verdict == NO_FAULT && (flags & (O_WRONLY | O_RDWR | O_CREAT)))
        verdict = fate('o', path);
    return verdict;
}

static long
fate_of_fd(char kind, int fd)
{
    char path[PATH_MAX];
    int kept = errno;
    long verdict = fate(kind, path_of(fd, path));
    errno = kept;
    return verdict;
}

static long
fate_of_name(char kind, int dir, const char *name)
{
    char path[PATH_MAX];
    return fate(kind, absolute(dir, name, path));
}

#define NEXT(name, type, ...)                             \
    static type (*next)(__VA_ARGS__);                     \
    if (!next)                                            \
        next = (type (*)(__VA_ARGS__))dlsym(RTLD_NEXT, #name)

#define FAIL(verdict, value)   \
    if ((verdict) > NO_FAULT)  \
    {                          \
        errno = (int)verdict;  \
        return value;          \
    }

#define MODE(flags, mode)                            \
    mode_t mode = 0;                                 \
    if ((flags) & (O_CREAT | __O_TMPFILE))           \
    {                                                \
        va_list rest;                                \
        va_start(rest, flags);                       \
        mode = va_arg(rest, mode_t);                 \
        va_end(rest);                                \
    }

#define OPEN(name)                                          \
    int name(const char *path, int flags, ...)              \
    {                                                       \
        NEXT(name, int, const char *, int, ...);            \
        MODE(flags, mode)                                   \
        long verdict = fate_of_open(AT_FDCWD, path, flags); \
        FAIL(verdict, -1)                                   \
        return next(path, flags, mode);                     \
    }
OPEN(open)
OPEN(open64)

#define OPENAT(name)                                          \
    int name(int dir, const char *path, int flags, ...)       \
    {                                                         \
        NEXT(name, int, int, const char *, int, ...);         \
        MODE(flags, mode)                                     \
        long verdict = fate_of_open(dir, path, flags);        \
        FAIL(verdict, -1)                                     \
        return next(dir, path, flags, mode);                  \
    }
OPENAT(openat)
OPENAT(openat64)

static size_t
half(size_t length)
{
    return length > 1 ? length / 2 : length;
}

ssize_t
write(int fd, const void *bytes, size_t length)
{
    NEXT(write, ssize_t, int, const void *, size_t);
    long verdict = fate_of_fd('w', fd);
    FAIL(verdict, -1)
    return next(fd, bytes, verdict == SHORT ? half(length) : length);
}

#define PWRITE(name, offset)                                                    \
    ssize_t name(int fd, const void *bytes, size_t length, offset place)        \
    {                                                                           \
        NEXT(name, ssize_t, int, const void *, size_t, offset);                 \
        long verdict = fate_of_fd('w', fd);                                     \
        FAIL(verdict, -1)                                                       \
        return next(fd, bytes, verdict == SHORT ? half(length) : length, place); \
    }
PWRITE(pwrite, off_t)
PWRITE(pwrite64, off64_t)

ssize_t
writev(int fd, const struct iovec *parts, int count)
{
    NEXT(writev, ssize_t, int, const struct iovec *, int);
    long verdict = fate_of_fd('w', fd);
    FAIL(verdict, -1)
    struct iovec one = parts[0];
    one.iov_len = half(one.iov_len);
    return verdict == SHORT && count > 0 ? next(fd, &one, 1) : next(fd, parts, count);
}

ssize_t
read(int fd, void *bytes, size_t length)
{
    NEXT(read, ssize_t, int, void *, size_t);
    long verdict = fate_of_fd('r', fd);
    FAIL(verdict, -1)
    return next(fd, bytes, length);
}

#define PREAD(name, offset)                                       \
    ssize_t name(int fd, void *bytes, size_t length, offset place) \
    {                                                             \
        NEXT(name, ssize_t, int, void *, size_t, offset);         \
        long verdict = fate_of_fd('r', fd);                       \
        FAIL(verdict, -1)                                         \
        return next(fd, bytes, length, place);                    \
    }
PREAD(pread, off_t)
PREAD(pread64, off64_t)

#define SYNC(name)                         \
    int name(int fd)                       \
    {                                      \
        NEXT(name, int, int);              \
        long verdict = fate_of_fd('s', fd); \
        FAIL(verdict, -1)                  \
        return next(fd);                   \
    }
SYNC(fsync)
SYNC(fdatasync)

#define LENGTH(name, offset)               \
    int name(int fd, offset length)        \
    {                                      \
        NEXT(name, int, int, offset);      \
        long verdict = fate_of_fd('t', fd); \
        FAIL(verdict, -1)                  \
        return next(fd, length);           \
    }
LENGTH(ftruncate, off_t)
LENGTH(ftruncate64, off64_t)

/* These return their error. */
#define ALLOCATE(name, offset)                     \
    int name(int fd, offset from, offset length)   \
    {                                              \
        NEXT(name, int, int, offset, offset);      \
        long verdict = fate_of_fd('t', fd);        \
        return verdict > NO_FAULT ? (int)verdict : next(fd, from, length); \
    }
ALLOCATE(posix_fallocate, off_t)
ALLOCATE(posix_fallocate64, off64_t)

#define NAME(name)                                       \
    int name(const char *path)                           \
    {                                                    \
        NEXT(name, int, const char *);                   \
        long verdict = fate_of_name('n', AT_FDCWD, path); \
        FAIL(verdict, -1)                                \
        return next(path);                               \
    }
NAME(unlink)
NAME(rmdir)

int
mkdir(const char *path, mode_t mode)
{
    NEXT(mkdir, int, const char *, mode_t);
    long verdict = fate_of_name('n', AT_FDCWD, path);
    FAIL(verdict, -1)
    return next(path, mode);
}

int
unlinkat(int dir, const char *path, int flags)
{
    NEXT(unlinkat, int, int, const char *, int);
    long verdict = fate_of_name('n', dir, path);
    FAIL(verdict, -1)
    return next(dir, path, flags);
}

int
rename(const char *from, const char *to)
{
    NEXT(rename, int, const char *, const char *);
    long verdict = fate_of_name('n', AT_FDCWD, to);
    FAIL(verdict, -1)
    return next(from, to);
}

#define MAP(name, offset)                                                                   \
    void *name(void *where, size_t length, int protection, int flags, int fd, offset place) \
    {                                                                                       \
        NEXT(name, void *, void *, size_t, int, int, int, offset);                          \
        char path[PATH_MAX];                                                                \
        if (fd >= 0 && is_shm(path_of(fd, path)))                                           \
        {                                                                                   \
            long verdict = fate('m', path);                                                 \
            FAIL(verdict, MAP_FAILED)                                                       \
        }                                                                                   \
        return next(where, length, protection, flags, fd, place);                           \
    }
MAP(mmap, off_t)
MAP(mmap64, off64_t)

int
flock(int fd, int operation)
{
    NEXT(flock, int, int, int);
    long verdict = fate_of_fd('l', fd);
    FAIL(verdict, -1)
    return next(fd, operation);
}

#define CONTROL(name)                                                     \
    int name(int fd, int command, ...)                                    \
    {                                                                     \
        NEXT(name, int, int, int, ...);                                   \
        va_list rest;                                                     \
        va_start(rest, command);                                          \
        void *argument = va_arg(rest, void *);                            \
        va_end(rest);                                                     \
        int locks = command == F_SETLK || command == F_SETLKW || command == F_GETLK; \
        long verdict = locks ? fate_of_fd('l', fd) : NO_FAULT;            \
        FAIL(verdict, -1)                                                 \
        return next(fd, command, argument);                               \
    }
CONTROL(fcntl)
CONTROL(fcntl64)

int
clock_gettime(clockid_t clock, struct timespec *now)
{
    int told = (int)syscall(SYS_clock_gettime, clock, now);
    if (told == 0 && clock == CLOCK_REALTIME && fate('c', NULL) != NO_FAULT)
        now->tv_sec += shift;
    return told;
}

int
gettimeofday(struct timeval *restrict now, void *restrict zone)
{
    struct timespec precise;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &precise);
    now->tv_sec = precise.tv_sec;
    now->tv_usec = precise.tv_nsec / 1000;
    return 0;
}
