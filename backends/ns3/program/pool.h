// Free lists of objects of one type, for one thread or several.
//
// With ns-3's default kernel there is one list. With the multithreaded kernel (MIXLAB_MTP) each thread has its own, in
// batches of fixed size: objects made by one thread and ended by another would pile up there, so a thread with two full
// batches hands one to all, and a thread without any takes one from there. Memory is kept until the process ends.
#ifndef MIXLAB_POOL_H
#define MIXLAB_POOL_H

#include <cstddef>
#include <mutex>
#include <vector>

namespace mixlab
{

/// Whether the network is cut into parts that several threads may work on (one kernel of ns-3 has such, the other not).
#ifdef MIXLAB_MTP
constexpr bool PARTITIONED = true;
#define MIXLAB_PER_THREAD thread_local
#else
constexpr bool PARTITIONED = false;
#define MIXLAB_PER_THREAD
#endif

/// Free objects of type `T`, linked by their member `next`.
template <class T>
class Pool
{
  public:
    /// A free object, or none.
    static T* Take()
    {
        if (!s_free && (!PARTITIONED || !Refill()))
        {
            return nullptr;
        }
        T* object = s_free;
        s_free = object->next;
        --s_count;
        return object;
    }

    /// Takes an object that is not used any more.
    static void Give(T* object)
    {
        if (PARTITIONED && s_count == BATCH)
        {
            SetAside();
        }
        object->next = s_free;
        s_free = object;
        ++s_count;
    }

  private:
    static constexpr std::size_t BATCH = 1024;

    /// Batches that any thread may take.
    struct Shared
    {
        std::mutex mutex;
        std::vector<T*> batches;
    };

    static Shared& AllThreads()
    {
        static auto* shared = new Shared(); // threads may end after static objects do
        return *shared;
    }

    static bool Refill()
    {
        if (!s_aside)
        {
            Shared& shared = AllThreads();
            const std::lock_guard<std::mutex> lock(shared.mutex);
            if (shared.batches.empty())
            {
                return false;
            }
            s_aside = shared.batches.back();
            shared.batches.pop_back();
        }
        s_free = s_aside;
        s_aside = nullptr;
        s_count = BATCH;
        return true;
    }

    static void SetAside()
    {
        if (s_aside)
        {
            Shared& shared = AllThreads();
            const std::lock_guard<std::mutex> lock(shared.mutex);
            shared.batches.push_back(s_aside);
        }
        s_aside = s_free;
        s_free = nullptr;
        s_count = 0;
    }

    inline static MIXLAB_PER_THREAD T* s_free = nullptr;
    inline static MIXLAB_PER_THREAD T* s_aside = nullptr; ///< a full batch, or none
    inline static MIXLAB_PER_THREAD std::size_t s_count = 0;
};

} // namespace mixlab

#endif
