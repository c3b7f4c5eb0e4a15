// The free list of events. One size for all, checked; memory is kept until the process ends.
#include "events.h"

#include <new>
#include <vector>

namespace mixlab
{

uint64_t g_liveEvents = 0;
bool g_stopWhenIdle = false;

namespace
{

constexpr std::size_t BLOCK_BYTES = 64;
constexpr std::size_t BLOCKS_PER_CHUNK = 1024;

std::vector<void*>&
FreeBlocks()
{
    static std::vector<void*> blocks;
    return blocks;
}

} // namespace

void*
PooledEvent::operator new(std::size_t size)
{
    if (size > BLOCK_BYTES)
    {
        throw std::bad_alloc();
    }
    auto& free = FreeBlocks();
    if (free.empty())
    {
        char* chunk = static_cast<char*>(::operator new(BLOCK_BYTES * BLOCKS_PER_CHUNK));
        for (std::size_t i = 0; i < BLOCKS_PER_CHUNK; ++i)
        {
            free.push_back(chunk + i * BLOCK_BYTES);
        }
    }
    void* block = free.back();
    free.pop_back();
    return block;
}

void
PooledEvent::operator delete(void* block)
{
    FreeBlocks().push_back(block);
}

} // namespace mixlab
