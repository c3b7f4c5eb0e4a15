// Random numbers of probabilistic ECN marking. Each draw is the first uniform of a fresh MRG32k3a stream:
//
//   stream k, substream `run` of seed 1;  k starts at 9 N + 2 (N nodes) and grows by one per draw and per PFC frame
//
// (in part p of a network of several parts, at 9 N + 2 + 2^40 p: each part has an order of draws, all together have none)
// as in the RDMA programs on ns-3.39, where each draw and each frame's header made a new random variable. A stream's state
// is the seed's, k 2^127 + run 2^76 steps later. ns3::RngStream jumps there from the seed each time (1.4 us); here the jump
// goes from stream to stream, which gives the same integers in a tenth of the time. PrintStreams compares the two.
// Source: P. L'Ecuyer, "Good parameters and implementations for combined multiple recursive random number generators", 1999.
#ifndef MIXLAB_MARKING_H
#define MIXLAB_MARKING_H

#include <array>
#include <cstdint>
#include <iosfwd>

namespace mixlab
{

/// One of the generator's two linear recurrences: three residues, and how to move them.
struct Recurrence
{
    using Vector = std::array<uint64_t, 3>;
    using Matrix = std::array<Vector, 3>;

    Matrix streamJump;    ///< by 2^127 steps
    Matrix substreamJump; ///< by run * 2^76 steps
    Vector state;         ///< at the start of the current stream
};

class MarkingStreams
{
  public:
    MarkingStreams(uint64_t nodes, uint64_t run, uint64_t part);

    /// Uses a stream up without drawing from it.
    void Skip()
    {
        ++m_ahead;
    }

    /// A uniform number in (0, 1).
    double Draw();

  private:
    friend void PrintStreams(uint64_t first, uint64_t count, uint64_t run, std::ostream& out);

    /// Starting at any stream.
    struct At
    {
        uint64_t stream;
    };

    MarkingStreams(At first, uint64_t run);

    std::array<Recurrence, 2> m_recurrences;
    uint64_t m_ahead = 0; ///< streams between the states held and the next one to draw from
};

/// Prints the first uniform of `count` streams, ours and ns3::RngStream's, with all digits, one stream per line;
/// every third stream is skipped, as a PFC frame does.
void PrintStreams(uint64_t first, uint64_t count, uint64_t run, std::ostream& out);

} // namespace mixlab

#endif
