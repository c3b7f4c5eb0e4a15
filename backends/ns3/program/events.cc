// The pool of events (one size for all, checked) and the count of those that matter.
#include "events.h"

#include <deque>
#include <mutex>
#include <new>

namespace mixlab
{

bool g_stopWhenIdle = false;
const Partition* g_partition = nullptr;

namespace
{

/// Room for an event; while it is free, a link to the next free one.
union Block {
    Block* next;
    alignas(std::max_align_t) unsigned char bytes[64];
};

constexpr std::size_t BLOCKS_PER_CHUNK = 1024;

/// Makes a chunk of blocks; returns one of them and leaves the others in the pool.
Block*
AddChunk()
{
    Block* chunk = new Block[BLOCKS_PER_CHUNK];
    for (std::size_t i = 1; i < BLOCKS_PER_CHUNK; ++i)
    {
        Pool<Block>::Give(&chunk[i]);
    }
    return &chunk[0];
}

} // namespace

void*
PooledEvent::operator new(std::size_t size)
{
    if (size > sizeof(Block))
    {
        throw std::bad_alloc();
    }
    Block* block = Pool<Block>::Take();
    return block ? block : AddChunk();
}

void
PooledEvent::operator delete(void* pointer)
{
    Pool<Block>::Give(static_cast<Block*>(pointer));
}

namespace
{

/// A count in a cache line of its own.
struct alignas(64) Count
{
    int64_t value = 0;
};

/// The counts of all threads there ever were; they stay where they are.
std::deque<Count> g_counts;
std::mutex g_countsMutex;

} // namespace

int64_t*
LiveEvents::NewCount()
{
    const std::lock_guard<std::mutex> lock(g_countsMutex);
    return &g_counts.emplace_back().value;
}

int64_t
LiveEvents::TotalOfThreads()
{
    const std::lock_guard<std::mutex> lock(g_countsMutex);
    int64_t total = 0;
    for (const Count& count : g_counts)
    {
        total += count.value;
    }
    return total;
}

} // namespace mixlab
