// The free list of events. One size for all, checked; memory is kept until the process ends.
#include "events.h"

#include <new>

namespace mixlab
{

uint64_t g_liveEvents = 0;
bool g_stopWhenIdle = false;

namespace
{

/// Room for an event; while it is free, a link to the next free one.
union Block {
    Block* next;
    alignas(std::max_align_t) unsigned char bytes[64];
};

constexpr std::size_t BLOCKS_PER_CHUNK = 1024;

Block* g_free = nullptr;

void
AddChunk()
{
    Block* chunk = new Block[BLOCKS_PER_CHUNK];
    for (std::size_t i = 0; i < BLOCKS_PER_CHUNK; ++i)
    {
        chunk[i].next = g_free;
        g_free = &chunk[i];
    }
}

} // namespace

void*
PooledEvent::operator new(std::size_t size)
{
    if (size > sizeof(Block))
    {
        throw std::bad_alloc();
    }
    if (!g_free)
    {
        AddChunk();
    }
    Block* block = g_free;
    g_free = block->next;
    return block;
}

void
PooledEvent::operator delete(void* pointer)
{
    auto* block = static_cast<Block*>(pointer);
    block->next = g_free;
    g_free = block;
}

} // namespace mixlab
